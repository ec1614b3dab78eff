"""The order in which a page is read: words placed on it become lines, column by column.

Columns are told by geometry, not by the order in which the file draws its words. Coordinates are points, x to the right, y up.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from rag.parsing.pdf.contents import whole_contents
from rag.parsing.pdf.objects.rulings import NO_RULINGS, Rulings
from rag.parsing.pdf.tables.aligned import find_tables, is_pair
from rag.parsing.pdf.tables.banded import take_tables
from rag.parsing.pdf.tables.column_names import is_leading, says_value
from rag.parsing.pdf.words import Word, rows_of, runs_of
from rag.parsing.structure.tables import Table

_MIN_ROWS = 4  # lines side by side that make two columns
_MIN_CHARACTERS = 16  # of a line of running text in a column; cells of a table are shorter
_MAX_CROSSING = 0.5  # share of lines across the gutter (titles, wide figures) that a page with columns may have
_MAX_COLUMNS_DEPTH = 4
_FEW_ROWS = 6
_GRID = 4.0  # points
_FULL = 0.7  # of its column's width that a full line of text has
_MIN_FULL = 0.25  # share of the rows of a column of text that are full
_ALIGNED = 0.8
_MOSTLY = 0.6
EDGE = -1  # column of a header or footer that is kept: no paragraph runs on into it or from it


@dataclass(slots=True)
class Line:
    """A line in reading order. left, right: edges of the column it stands in; ``column`` counts the columns of its page.

    quarters: by which its page is turned clockwise for it to stand upright.
    turned: whether it stands in another direction than most of the page.
    table: where it is a whole table, of which ``text`` has a line each.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    left: float
    right: float
    column: int
    quarters: int = 0
    turned: bool = False
    table: Table | None = None


@dataclass(slots=True)
class Page:
    """A page's lines in reading order; height in points; label: the page's printed number, if the file has labels.

    confidence: how sure its letters are, 0 to 1, where they were recognised.
    """

    number: int
    label: str
    height: float
    lines: list[Line] = field(default_factory=list)
    confidence: float | None = None

    @property
    def body(self) -> list[Line]:
        """Its lines but for headers and footers."""
        return [line for line in self.lines if line.column != EDGE]


def type_sizes(pages: Sequence[Page]) -> Counter[float]:
    """How many characters are set in each type size, but for headers, footers and what is turned."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page.body:
            sizes[line.size] += 0 if line.turned else len(line.text)
    return sizes


Gutters = set[int]  # where the columns of a file's pages were parted so far, in units of _GRID


def read_lines(words: Sequence[Word], gutters: Gutters | None = None, rulings: Rulings = NO_RULINGS) -> list[Line]:
    """The lines of a page in the order in which they are read.

    words: in any order, best in that of the file.  gutters: of the pages before, to which those of this page are added: by them a
    page with few lines is read as the others are.  rulings: the lines drawn on it, by which tables are told.
    """
    rest, tables = take_tables(words, rulings)
    table_of = {id(run): table for table in tables for run in table.runs}
    runs = [*whole_contents(runs_of(rest)), *(run for table in tables for run in table.runs)]
    lines: list[Line] = []
    for number, column in enumerate(_columns(runs, 0, set() if gutters is None else gutters)):
        left, right = min(run.x0 for run in column), max(run.x1 for run in column)
        open_rows: list[list[Word]] = []
        written: set[int] = set()
        for row in rows_of(column):
            ruled = [run for run in row if id(run) in table_of]
            beside = sorted((run for run in row if id(run) not in table_of), key=lambda run: run.x0)
            for run in ruled:
                table = table_of[id(run)]
                if id(table) not in written:
                    lines += _read_rows(open_rows, left, right, number)
                    open_rows = []
                    written.add(id(table))
                    lines.append(_whole([_line([part], left, right, number) for part in table.runs], table.table))
            if beside:
                open_rows.append(beside)
        lines += _read_rows(open_rows, left, right, number)
    return lines


def _read_rows(rows: Sequence[list[Word]], left: float, right: float, number: int) -> list[Line]:
    """The lines of rows of one column, those of a table as one. left, right: edges of the column, ``number`` its place."""
    lines: list[Line] = []
    after = 0
    for grid in find_tables(rows):
        lines += _read_text(rows, after, grid.first, left, right, number)
        after = grid.last + 1
        of_table = [_line(row, left, right, number) for row in rows[grid.first : after]]
        lines.append(_whole(of_table, grid.table))
    return lines + _read_text(rows, after, len(rows), left, right, number)


def _read_text(rows: Sequence[list[Word]], first: int, end: int, left: float, right: float, number: int) -> list[Line]:
    """The lines of rows that are no table's. Labels of which each has what it says below it are lines of their own with that."""
    lines: list[Line] = []
    at = first
    while at < end:
        if at + 1 < end and is_pair(rows, at):
            pairs = zip(rows[at], rows[at + 1], strict=True)
            labelled = ([label._replace(text=label.text.rstrip(":") + ":"), said] for label, said in pairs)
            lines += [_line(row, left, right, number) for row in labelled]
            at += 2
        else:
            lines.append(_line(rows[at], left, right, number))
            at += 1
    return lines


def _whole(rows: Sequence[Line], table: Table) -> Line:
    """The rows of a table as one."""
    sizes: Counter[float] = Counter()
    for row in rows:
        sizes[row.size] += len(row.text)
    return replace(
        rows[0],
        text="\n".join(row.text for row in rows),
        x0=min(row.x0 for row in rows),
        x1=max(row.x1 for row in rows),
        y0=rows[-1].y0,
        size=max(sizes, key=lambda size: (sizes[size], size)),
        table=table,
    )


def _columns(runs: list[Word], depth: int, gutters: Gutters) -> Iterator[list[Word]]:
    """The runs column by column, from the top; what reads across the gutter comes between the columns above and below it."""
    gutter = _gutter(runs, gutters) if depth < _MAX_COLUMNS_DEPTH else None
    if gutter is None:
        if runs:
            yield runs
        return
    across: list[Word] = []
    for band in _bands(runs, gutter):
        left, right = _sides(band, gutter)
        if not (_is_set_apart(left, right) or _are_beginnings(band, gutters)):
            across += band
            continue
        if across:
            yield across
            across = []
        yield from _columns(left, depth + 1, gutters)
        yield from _columns(right, depth + 1, gutters)
    if across:
        yield across


def _sides(runs: Sequence[Word], gutter: float) -> tuple[list[Word], list[Word]]:
    return [run for run in runs if run.x1 <= gutter + 1], [run for run in runs if run.x0 >= gutter - 1]


def _bands(runs: Sequence[Word], gutter: float) -> Iterator[list[Word]]:
    """The runs in bands from the top: those that cross the gutter are alone, what stands beside it between two of them together."""
    band: list[Word] = []
    for run in sorted(runs, key=lambda run: -(run.y0 + run.y1)):
        if run.x1 <= gutter + 1 or run.x0 >= gutter - 1:
            band.append(run)
            continue
        if band:
            yield band
            band = []
        yield [run]
    if band:
        yield band


def _gutter(runs: list[Word], gutters: Gutters) -> float | None:
    """The x at which the right one of two columns begins; None when the page reads as one."""
    edges = Counter(round(run.x0 / _GRID) for run in runs)
    gutter = _new_gutter(runs, edges) if len(runs) >= 2 * _MIN_ROWS else None
    if gutter is not None:
        gutters.add(round((gutter + 2) / _GRID))
        return gutter
    for edge in sorted(gutters & {at + step for at in edges for step in (-1, 0, 1)}):
        x = _GRID * edge - 2
        if any(_are_beginnings(band, gutters) and all(_sides(band, x)) for band in _bands(runs, x)):
            return x
    return None


def _new_gutter(runs: list[Word], edges: Counter[int]) -> float | None:
    """The same by this page alone. edges: how many runs begin at each place of the grid."""
    page_left, page_right = min(run.x0 for run in runs), max(run.x1 for run in runs)
    best: tuple[int, float] | None = None
    for edge, count in edges.items():
        if count + edges.get(edge + 1, 0) < _MIN_ROWS:
            continue
        x = _GRID * edge - 2
        if not 0.12 < (x - page_left) / max(page_right - page_left, 1) < 0.88:
            continue
        n_crossing = sum(run.x1 > x + 1 and run.x0 < x - 1 for run in runs)
        if n_crossing > _MAX_CROSSING * len(runs) or best is not None and (-n_crossing, x) < best:
            continue
        if any(_is_set_apart(*_sides(band, x)) for band in _bands(runs, x) if len(band) >= 2 * _MIN_ROWS):
            best = (-n_crossing, x)
    return best[1] if best else None


def _is_set_apart(left: list[Word], right: list[Word]) -> bool:
    """Whether what stands on either side of a gutter is read one after the other, not row by row as the cells of a table.

    Both sides are running text, or one is and the other is a figure, a table or code: its rows are not those of the text.
    """
    if not left or not right:
        return _is_prose(left or right)
    if min(len(left), len(right)) < _MIN_ROWS:
        return False
    top = min(max(run.y1 for run in left), max(run.y1 for run in right))
    bottom = max(min(run.y0 for run in left), min(run.y0 for run in right))
    beside = [[run for run in side if run.y1 > bottom and run.y0 < top] for side in (left, right)]
    are_prose = [_is_prose(side) for side in beside]
    if all(are_prose):
        return True
    if not any(are_prose):
        return False
    text, other = beside if are_prose[0] else beside[::-1]
    return not _labels(other, text) and not _are_values(other, text)


def _are_beginnings(runs: list[Word], gutters: Gutters) -> bool:
    """Whether runs are a few lines of text each in columns that are known from elsewhere: they begin where those do."""
    if not 4 <= len(runs) <= 3 * _FEW_ROWS:
        return False
    edges = [_GRID * edge for edge in gutters] + [min(run.x0 for run in runs)]
    return (
        all(any(-_GRID <= run.x0 - edge <= 3 * _GRID for edge in edges) for run in runs)
        and sum(len(run.text) >= _MIN_CHARACTERS for run in runs) * 3 >= len(runs) * 2
        and 2 <= sum(1 for _ in rows_of(runs)) <= _FEW_ROWS
    )


def _labels(runs: Sequence[Word], text: Sequence[Word]) -> bool:
    """Whether runs stand on the lines of a text, on some of them only: then they say what it is about."""
    n_rows = sum(1 for _ in rows_of(runs))
    return _n_beside(runs, text) >= _ALIGNED * len(runs) and n_rows <= _ALIGNED * len(text)


def _n_beside(runs: Sequence[Word], text: Sequence[Word]) -> int:
    """How many runs stand on lines of a text."""
    lines = sorted(run.y0 for run in text)
    n_beside = 0
    for run in runs:
        at = bisect_left(lines, run.y0 - 0.2 * run.size)
        n_beside += at < len(lines) and lines[at] <= run.y0 + 0.2 * run.size
    return n_beside


def _are_values(runs: Sequence[Word], labels: Sequence[Word]) -> bool:
    """Whether runs are the values of a table that stand on the lines of their labels, which do not fill their column."""
    if sum(says_value(run.text) for run in runs) < _MOSTLY * len(runs):
        return False
    right = max(label.x1 for label in labels)
    n_full = sum(label.x1 > right - 0.05 * (right - label.x0) and not is_leading(label.text) for label in labels)
    return n_full < _MOSTLY * len(labels) and _n_beside(runs, labels) >= _ALIGNED * len(runs)


def _is_prose(runs: list[Word]) -> bool:
    """Whether there are lines of text among the runs that fill their column, as cells of a table do not."""
    if len(runs) < _MIN_ROWS:
        return False
    left, right = min(run.x0 for run in runs), max(run.x1 for run in runs)
    full = (run.text for run in runs if len(run.text) >= _MIN_CHARACTERS and run.x1 - run.x0 > _FULL * (right - left))
    # A row of numbers is no line of text, nor is a label of a form.
    n_full = sum(
        not text.endswith((":", "：")) and (any(map(str.isalpha, text)) or not any(map(str.isdecimal, text)))
        for text in full
    )
    return n_full >= max(_MIN_ROWS, _MIN_FULL * sum(1 for _ in rows_of(runs)))


def _line(row: list[Word], left: float, right: float, column: int) -> Line:
    """A line of the runs on it, which are given from the left."""
    if sum(_is_rtl(run.text) for run in row) * 2 > len(row):
        row = row[::-1]
    parts = [row[0].text]
    for before, run in pairwise(row):
        gap = max(run.x0 - before.x1, before.x0 - run.x1)
        attached = gap < 0.08 * run.size and min(before.size, run.size) < 0.85 * max(before.size, run.size)
        parts.append("" if attached else " ")  # a superscript has no blank before it
        parts.append(run.text)
    largest = max(row, key=lambda run: len(run.text))
    return Line(
        "".join(parts),
        min(run.x0 for run in row),
        min(run.y0 for run in row),
        max(run.x1 for run in row),
        max(run.y1 for run in row),
        largest.size,
        left,
        right,
        column,
    )


def _is_rtl(text: str) -> bool:
    return any("\u0590" <= letter <= "\u08ff" or "\ufb1d" <= letter <= "\ufefc" for letter in text)
