"""Tables with lines across above and below them, and often under the names of their columns, as books set them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence

from rag.parsing.pdf.objects.rulings import Ruling, Rulings
from rag.parsing.pdf.tables.aligned import columns_of, is_prose
from rag.parsing.pdf.tables.column_names import says_value
from rag.parsing.pdf.tables.rows import lay_out_rows, parts_of
from rag.parsing.pdf.tables.ruled import NARROW, Ruled, as_wide_as, lines_of, take_ruled
from rag.parsing.pdf.words import Word, rows_of, runs_of
from rag.parsing.structure.tables import Table

_SAME = 4.0  # points by which the ends of lines of one table differ
_LEAST = 100.0  # points: a shorter line is no table's
_MAX_HEAD = 14  # lines of names
_WIDE = 0.6  # of the table's width: a run of words as wide is text
_LONG = 50  # characters of it
_MAX_TEXT = 0.2  # share of the lines of a table that may be text
_NAMES = 3  # runs of a line that names columns, at least
_MAX_NAME = 40  # characters of a name
_MAX_BANDS, _MAX_STACKS = 200, 50
_LEVEL = 2.0  # points by which the words of one line differ in height
_MOST = 0.8  # of the rows


def take_tables(words: Sequence[Word], rulings: Rulings) -> tuple[list[Word], list[Ruled]]:
    """The words of a page that stand in no table with lines, and those tables."""
    rest, tables = take_ruled(words, rulings)
    rest, others = _take_banded(rest, rulings.across)
    return rest, tables + others


def _take_banded(words: Sequence[Word], across: Sequence[Ruling]) -> tuple[list[Word], list[Ruled]]:
    """The words that stand in no table between lines across, and those tables."""
    rest = list(words)
    tables: list[Ruled] = []
    stacks = _stacks(across)
    texts = [run for run in runs_of(words) if len(run.text) > _LONG] if stacks else []
    for lines in stacks:
        x0, x1 = lines[0].low - _SAME, lines[0].high + _SAME
        depths = [-line.at for line in lines]
        bands: list[list[Word]] = [[] for _ in range(len(lines) + 1)]
        for word in rest:
            if x0 <= word.x0 and word.x1 <= x1:
                bands[bisect_left(depths, -(word.y0 + word.y1) / 2)].append(word)
        groups = _groups(bands[1:-1])
        if groups and groups[0][0] is bands[1] and (names := _names_above(bands[0], lines[0])):
            groups[0].insert(0, names)
        for group in map(_from_names, groups):
            parts = _parts(group)
            inside = [word for part, _ in parts for row in part for run in row for word in run.words]
            taken = set(map(id, inside))
            beside = [word for word in rest if id(word) not in taken]
            if parts and not (_tears(texts, taken) or _lack_labels([table for _, table in parts], inside, beside)):
                rest = beside
                tables += [Ruled(table, as_wide_as(rows, lines[0].low, lines[0].high)) for rows, table in parts]
    return rest, tables


def _stacks(across: Sequence[Ruling]) -> list[list[Ruling]]:
    """Lines that begin and end at the same places, from the top."""
    stacks: dict[tuple[int, int], list[Ruling]] = defaultdict(list)
    for line in sorted(across, reverse=True):
        if line.high - line.low >= _LEAST:
            low, high = round(line.low / _SAME), round(line.high / _SAME)
            keys = [(low + left, high + right) for left in (0, -1, 1) for right in (0, -1, 1)]
            stack = stacks[next((key for key in keys if key in stacks), (low, high))]
            if not stack or stack[-1].at - line.at > NARROW:
                stack.append(line)
    return sorted((lines for lines in stacks.values() if 1 < len(lines) <= _MAX_BANDS), key=len)[-_MAX_STACKS:]


def _groups(bands: Sequence[list[Word]]) -> list[list[list[Word]]]:
    """Bands that follow each other and hold no running text."""
    groups: list[list[list[Word]]] = [[]]
    for band in bands:
        if not band or _is_text(band):
            groups.append([])
        else:
            groups[-1].append(band)
    return [group for group in groups if group]


def _names_above(band: Sequence[Word], line: Ruling) -> list[Word]:
    """The words of the names of columns that stand just above a line alone; none where there are none."""
    rows = lines_of(band)
    if not rows or len(rows[-1]) < _NAMES or any(says_value(run.text) or len(run.text) > _MAX_NAME for run in rows[-1]):
        return []
    low, high = min(run.y0 for run in rows[-1]), max(run.y1 for run in rows[-1])
    return [word for run in rows[-1] for word in run.words] if -_SAME < low - line.at < high - low else []


def _from_names(bands: list[list[Word]]) -> list[list[Word]]:
    """The bands from that of the names on, where what stands above it is hardly a table, as the head of a letter."""
    for at, band in enumerate(bands[1:-1], 1):
        names = lines_of(band)
        if len(names) == 1 and len(names[0]) >= _NAMES and not any(says_value(run.text) for run in names[0]):
            above = [row for part in bands[:at] for row in lines_of(part)]
            return bands[at:] if sum(len(row) == 1 for row in above) > len(above) / 2 else bands
    return bands


def _is_text(band: Sequence[Word]) -> bool:
    rows = lines_of(band)
    width = max(word.x1 for word in band) - min(word.x0 for word in band)
    n_text = sum(any(len(run.text) > _LONG and run.x1 - run.x0 > _WIDE * width for run in row) for row in rows)
    return n_text > _MAX_TEXT * len(rows) or all(len(row) == 1 for row in rows) and len(rows) > 1


def _lack_labels(tables: Sequence[Table], inside: Sequence[Word], beside: Sequence[Word]) -> bool:
    """Whether lines stand above and below the values of a table alone: its labels are left of them, on the same lines."""
    first = [row.cells[0] for table in tables for row in table.rows if row.cells[0]]
    if sum(map(says_value, first)) < _MOST * len(first):
        return False
    left = min(word.x0 for word in inside)
    levels = sorted(word.y0 for word in beside if word.x1 < left)
    rows = [min(word.y0 for word in row) for row in rows_of(inside)]
    on_lines = (bisect_left(levels, level - _LEVEL) < bisect_left(levels, level + _LEVEL) for level in rows)
    return sum(on_lines) > _MOST * len(rows)


def _tears(texts: Sequence[Word], taken: Collection[int]) -> bool:
    """Whether a table would take words out of lines of text, whose other words stand beside it."""
    return any(0 < sum(id(word) in taken for word in text.words) < len(text.words) for text in texts)


def _parts(bands: Sequence[list[Word]]) -> list[tuple[list[list[Word]], Table]]:
    """The tables of bands of words between lines, with their lines; none where these are no table's."""
    rows = [lines_of(band) for band in bands]
    height = len(rows[0]) if len(rows) > 1 and len(rows[0]) <= _MAX_HEAD else 0
    all_rows = [row for band in rows for row in band]
    body = all_rows[height:]
    if len(body) < 2 or not any(len(row) > 1 for row in body):
        return []
    if is_prose([run.text for row in body for run in row]):
        return []
    columns = columns_of(body) or columns_of(all_rows)
    if columns is None:
        return []
    tables = []
    for start, end in parts_of(all_rows, columns):
        part = all_rows[start:end]
        own = columns_of(part) or columns if start else columns
        tables.append((part, lay_out_rows(part, own, height or None if not start and height < end else None)))
    return tables
