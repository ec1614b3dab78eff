"""Tables with lines across above and below them, and often under the names of their columns, as books set them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from rag.parsing.pdf.objects.rulings import Ruling, Rulings
from rag.parsing.pdf.tables.aligned import columns_of, is_prose
from rag.parsing.pdf.tables.heads import says_value
from rag.parsing.pdf.tables.rows import lay_out_rows
from rag.parsing.pdf.tables.ruled import NARROW, Ruled, as_wide_as, lines_of, take_ruled
from rag.parsing.pdf.words import Word, rows_of
from rag.parsing.structure.tables import Table

_SAME = 4.0  # points by which the ends of lines of one table differ
_LEAST = 100.0  # points: a shorter line is no table's
_MAX_HEAD = 14  # lines of names
_WIDE = 0.6  # of the table's width: a run of words as wide is text
_LONG = 50  # characters of it
_MAX_TEXT = 0.2  # share of the lines of a table that may be text
_NAMES = 3  # runs of a line that names columns, at least
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
    for lines in _stacks(across):
        x0, x1 = lines[0].low - _SAME, lines[0].high + _SAME
        depths = [-line.at for line in lines]
        bands: list[list[Word]] = [[] for _ in range(len(lines) + 1)]
        for word in rest:
            if x0 <= word.x0 and word.x1 <= x1:
                bands[bisect_left(depths, -(word.y0 + word.y1) / 2)].append(word)
        for group in map(_from_names, _groups(bands[1:-1])):
            table = _table(group)
            inside = [word for band in group for word in band]
            taken = set(map(id, inside))
            if table is not None and not _lacks_labels(table, inside, [word for word in rest if id(word) not in taken]):
                rest = [word for word in rest if id(word) not in taken]
                tables.append(Ruled(table, as_wide_as(lines_of(inside), lines[0].low, lines[0].high)))
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


def _lacks_labels(table: Table, inside: Sequence[Word], beside: Sequence[Word]) -> bool:
    """Whether lines stand above and below the values of a table alone: its labels are left of them, on the same lines."""
    first = [row.cells[0] for row in table.rows if row.cells[0]]
    if sum(map(says_value, first)) < _MOST * len(first):
        return False
    left = min(word.x0 for word in inside)
    levels = sorted(word.y0 for word in beside if word.x1 < left)
    rows = [min(word.y0 for word in row) for row in rows_of(inside)]
    on_lines = (bisect_left(levels, level - _LEVEL) < bisect_left(levels, level + _LEVEL) for level in rows)
    return sum(on_lines) > _MOST * len(rows)


def _table(bands: Sequence[list[Word]]) -> Table | None:
    """The table of bands of words between lines; None where these are no table's."""
    rows = [lines_of(band) for band in bands]
    height = len(rows[0]) if len(rows) > 1 and len(rows[0]) <= _MAX_HEAD else 0
    all_rows = [row for band in rows for row in band]
    body = all_rows[height:]
    if len(body) < 2 or not any(len(row) > 1 for row in body):
        return None
    if is_prose([run.text for row in body for run in row]):
        return None
    columns = columns_of(body) or columns_of(all_rows)
    return lay_out_rows(all_rows, columns, height or None) if columns is not None else None
