"""Tables on a page: rows of cells that stand under each other in columns, with or without lines between them.

Cells are runs of words with a gap between them that is wider than a letter is high. Coordinates are as in layout.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rag.language.patterns import BULLETS
from rag.parsing.pdf.tables.column_names import says_value
from rag.parsing.pdf.tables.rows import Column, lay_out_rows, nearest, overlap, parts_of
from rag.parsing.pdf.words import Word
from rag.parsing.structure.tables import Table

_MIN_ROWS = 3
_MAX_LONELY = 2  # rows of one cell between rows of several
_MAX_WRAPPED = 8  # of those in which a cell goes on
_MAX_PITCH = 2.6  # times the usual distance of rows that two of one table stand apart
_MAX_GAP = 4.0  # times the height of the type, where the usual distance is not known
_FILLED = 0.45  # share of the cells of a table that say something
_MIN_ROWS_OF_WORDS = 4
_FILLED_WORDS = 0.7  # of those without numbers
_FULL_ROW = 0.6  # share of the most cells that a row has, from which on it tells where the columns are
_NEAR = 2.5  # points that are one place
_MIN_ALIGNED = 0.6
_MAX_ROUNDS = 4
_MAX_CONFLICTS = 0.1
_LONG_CELL = 32
_LONG_PART, _MANY = 25, 0.4  # characters of parts of sentences; share that begins in small letters
_LONG_LINE, _LONG_LABEL = 70, 90  # characters of a line of text, and of one that names a group of rows
_ACROSS = 3  # columns that a line of text goes over
_MAX_SPLITS = 8
_DIGIT = re.compile(r"\d")
_DIGITS = re.compile(r"\d\D?\d|\d\s?%")
_BESIDE = 1.5  # times their distance that labels and what they say stand from lines of several cells
_MARK = re.compile(
    rf"[{BULLETS}—*\uf0b7\uf0a7-]|\(?(?:\d{{1,3}}|[A-Za-z]|[ivxIVX]{{1,5}})[.)]|\[\d{{1,3}}\]|\d+(?:\.\d+)+\.?"
)
_CAPTION = re.compile(
    r"(?:(?:table|tab|figure|fig|tableau|tabelle|abbildung|abb|tabla|figura|tabella)\b\.?|表|图)\s?\d{1,3}[.:\s]", re.I
)


@dataclass(frozen=True, slots=True)
class Grid:
    """A table that was found. first, last: its rows among those given, the last one included."""

    first: int
    last: int
    columns: tuple[Column, ...]
    table: Table


def find_tables(rows: Sequence[Sequence[Word]]) -> list[Grid]:
    """The tables among the rows of a column of text, from the top. rows: each the runs on one line, from the left."""
    grids = []
    for first, last in _stretches(rows):
        grids += _grids(rows, first, last, 0)
    return grids


def is_pair(rows: Sequence[Sequence[Word]], at: int) -> bool:
    """Whether a line is of labels and the next one of what they say, each below its label, as on receipts."""
    labels, said = rows[at : at + 2]
    far = _BESIDE * _pitch(labels, said)
    return (
        1 < len(labels) == len(said)
        and not _is_apart(labels, said)
        and all(abs(label.x0 - value.x0) <= _NEAR for label, value in zip(labels, said, strict=True))
        and all(len(label.text) <= _LONG_CELL and not _DIGIT.search(label.text) for label in labels)
        and len({label.text.endswith(":") for label in labels}) == 1
        and not any(value.text.endswith(":") for value in said)
        and sum(_DIGITS.search(value.text) is not None for value in said) * 2 >= len(said)
        and all(len(above) < 2 or _pitch(above, labels) > far for above in rows[max(at - 1, 0) : at])
        and all(len(below) < 2 or _pitch(said, below) > far for below in rows[at + 2 : at + 3])
    )


def _stretches(rows: Sequence[Sequence[Word]]) -> Iterator[tuple[int, int]]:
    """First and last of the rows that follow each other closely and have several cells, but for one here and there."""
    stretch: tuple[int, int] | None = None
    for number, row in enumerate(rows):
        is_caption = stretch is not None and _CAPTION.match(row[0].text) is not None
        if stretch is not None and (
            is_caption
            or _is_apart(rows[number - 1], row)
            or _is_beyond(row, rows[stretch[1]], number - stretch[1])
            or _is_text(row)
        ):
            yield stretch
            stretch = None
        if len(row) > 1 and not is_caption:
            stretch = stretch[0] if stretch else number, number
    if stretch is not None:
        yield stretch


def _is_text(row: Sequence[Word]) -> bool:
    text = row[0].text
    return len(row) < 2 and len(text) > (_LONG_LABEL if text.endswith(":") else _LONG_LINE)


def _is_beyond(row: Sequence[Word], cells: Sequence[Word], distance: int) -> bool:
    """Whether a line of one cell stands too far below the last line of several: less far where a cell of that goes on in it."""
    goes_on = len(cells) > 2 and any(abs(row[0].x0 - cell.x0) <= _NEAR for cell in cells[1:])
    return len(row) < 2 and distance > (_MAX_WRAPPED if goes_on else _MAX_LONELY)


def _is_apart(above: Sequence[Word], below: Sequence[Word]) -> bool:
    size = max(run.y1 - run.y0 for run in (*above, *below))
    return _pitch(above, below) > _MAX_GAP * size


def _pitch(above: Sequence[Word], below: Sequence[Word]) -> float:
    return above[0].y0 - below[0].y0


def _grids(rows: Sequence[Sequence[Word]], first: int, last: int, depth: int) -> list[Grid]:
    """The table of a stretch, or those of its parts where it is none as a whole."""
    if last - first + 1 < 2 or depth > _MAX_SPLITS:
        return []
    pitches = [_pitch(above, below) for above, below in pairwise(rows[first : last + 1])]
    widest = max(range(len(pitches)), key=pitches.__getitem__)
    columns = columns_of(rows[first : last + 1]) if pitches[widest] <= _MAX_PITCH * median(pitches) else None
    if columns is not None:
        grids = []
        after = _after(rows[first : last + 1], columns)
        beyond = _trimmed(rows, first + after, last, depth) if first + after <= last else []
        for start, end in parts_of(rows[first : first + after], columns):
            part = rows[first + start : first + end]
            own = columns_of(part) or columns
            grids.append(Grid(first + start, first + end - 1, own, lay_out_rows(part, own)))
        return grids + beyond
    cut = first + widest + 1
    if pitches[widest] < 1.15 * median(pitches):
        counts = [len(row) for row in rows[first : last + 1]]
        steps = [abs(before - after) for before, after in pairwise(counts)]
        cut = first + max(range(len(steps)), key=steps.__getitem__) + 1
    return _trimmed(rows, first, cut - 1, depth) + _trimmed(rows, cut, last, depth)


def _after(rows: Sequence[Sequence[Word]], columns: Sequence[Column]) -> int:
    """How many lines of a table there are before the text that follows it: lines of words over several of its columns."""
    most = max(map(len, rows))
    full = max(at for at, row in enumerate(rows) if len(row) >= _FULL_ROW * most)
    return next(
        (at for at in range(full + 1, len(rows)) if any(_is_across(run, columns) for run in rows[at])), len(rows)
    )


def _is_across(run: Word, columns: Sequence[Column]) -> bool:
    return len(run.text) > _LONG_CELL and sum(overlap(run, column) > 0 for column in columns) >= _ACROSS


def _trimmed(rows: Sequence[Sequence[Word]], first: int, last: int, depth: int) -> list[Grid]:
    """The tables of a part of a stretch, without rows of one cell at its edges."""
    while first <= last and len(rows[first]) < 2:
        first += 1
    while first <= last and len(rows[last]) < 2:
        last -= 1
    return _grids(rows, first, last, depth + 1)


def columns_of(rows: Sequence[Sequence[Word]]) -> tuple[Column, ...] | None:
    """The columns of rows that are a table's; None for others."""
    several = [row for row in rows if len(row) > 1]
    most = max(len(row) for row in several)
    full = [row for row in several if len(row) >= _FULL_ROW * most]
    if len(full) < (_MIN_ROWS if most < 3 or len(rows) > _MIN_ROWS else 2):
        return None
    values = [row for row in full if any(says_value(run.text) for run in row[1:])]
    if len(values) >= max(2, len(full) / 2):
        full = values  # names above them may be wider than their columns
    columns = _placed(full)
    columns = sorted((*columns, *_beside(rows, columns)))
    if len(columns) < 2:
        return None
    return tuple(columns) if _are_cells(full, columns) else None


def _are_cells(rows: Sequence[Sequence[Word]], columns: Sequence[Column]) -> bool:
    """Whether the runs of rows that tell where the columns are can be cells: each in its own column, and few places empty."""
    n_conflicts = sum(len({nearest(run, columns) for run in row}) < len(row) for row in rows)
    n_cells = sum(len(row) for row in rows)
    n_places = len(rows) * len(columns)
    if n_conflicts > _MAX_CONFLICTS * len(rows) or n_cells < _FILLED * n_places or not _are_aligned(rows, columns):
        return False
    first = [row[0].text for row in rows]
    if max(map(len, rows)) == 2 and (all(map(_MARK.fullmatch, first)) or _counts(first)):
        return False  # items of a list, numbered lines
    texts = [run.text for row in rows for run in row]
    if is_prose(texts):
        return False
    return any(map(says_value, texts)) or (
        len(rows) >= _MIN_ROWS_OF_WORDS
        and median(map(len, texts)) <= _LONG_CELL
        and n_cells >= _FILLED_WORDS * n_places
    )


def is_prose(texts: Sequence[str]) -> bool:
    """Whether cells are parts of sentences: then their columns are those of running text."""
    return median(map(len, texts)) > _LONG_PART and sum(text[0].islower() for text in texts) > _MANY * len(texts)


def _placed(rows: Sequence[Sequence[Word]]) -> list[Column]:
    """Where the runs of the rows stand over each other, but for the few that stand over several others of one row."""
    numbered = sorted(((number, run) for number, row in enumerate(rows) for run in row), key=lambda entry: entry[1].x0)
    for _ in range(_MAX_ROUNDS):
        clusters: list[list[tuple[int, Word]]] = []
        right = -math.inf
        for number, run in numbered:
            if run.x0 < right - 0.5:
                clusters[-1].append((number, run))
            else:
                clusters.append([(number, run)])
            right = max(right, run.x1) if run.x0 < right - 0.5 else run.x1
        wide = set()
        for cluster in clusters:
            if len({number for number, _ in cluster}) < len(cluster):
                by_width = sorted(cluster, key=lambda entry: entry[1].x0 - entry[1].x1)
                wide |= {id(run) for _, run in by_width[: max(len(cluster) // 10, 1)]}
        if not wide:
            break
        numbered = [entry for entry in numbered if id(entry[1]) not in wide]
    return [Column(cluster[0][1].x0, max(run.x1 for _, run in cluster)) for cluster in clusters]


def _beside(rows: Sequence[Sequence[Word]], columns: Sequence[Column]) -> list[Column]:
    """The columns in which only other rows have cells, such as labels that stand between the rows."""
    others = [
        [run for run in row if all(run.x1 < column.x0 or run.x0 > column.x1 for column in columns)] for row in rows
    ]
    return [
        column
        for column in _placed(others)
        if sum(column.x0 <= run.x0 <= column.x1 for row in others for run in row) > 1
    ]


def _are_aligned(rows: Sequence[Sequence[Word]], columns: Sequence[Column]) -> bool:
    """Whether most cells begin, end or have their middle where another of their column does."""
    by_column: list[list[Word]] = [[] for _ in columns]
    for row in rows:
        for run in row:
            by_column[nearest(run, columns)].append(run)
    n_aligned = n_cells = 0
    for cells in by_column:
        edges = [(run.x0, run.x1, (run.x0 + run.x1) / 2) for run in cells]
        places = [Counter(round(place / _NEAR) for place in kind) for kind in zip(*edges, strict=True)]
        best = max(
            (max(count + place[at + 1] for at, count in list(place.items())) for place in places if place), default=0
        )
        n_aligned += best if best > 1 else 0
        n_cells += len(cells)
    return n_aligned >= _MIN_ALIGNED * n_cells


def _counts(texts: Sequence[str]) -> bool:
    """Whether these are the numbers of lines."""
    return all(map(str.isdecimal, texts)) and all(b - a == 1 for a, b in pairwise(map(int, texts)))
