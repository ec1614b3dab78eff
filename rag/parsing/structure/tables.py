"""What the cells of a table belong to: which rows name its columns, and what a merged cell counts for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

_MAX_NAME = 300  # characters of what names a column, as the questions of a survey do
_MAX_GROUP = 120
MAX_CELL = 1000  # characters of a cell of data
_MAX_HEADER = 4
# Merged cells beyond these are layout or hostile.
_MAX_COLUMNS, _MAX_ROWS, _MAX_FILLED = 300, 1000, 100_000
_MAX_REPEATED = 200  # characters of a value that is said again in each row
_VALUE = re.compile(
    r"[-+(]?[$€£¥]?\s?\d[\d\s.,:/'-]*\s?(?:%|[$€£¥)])?|\d{4}-\d\d-\d\d.*|true|false|yes|no|n/?a|[-–—]", re.I
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_DAY = re.compile(r"(?:19|20)\d\d-\d\d(?:-\d\d)?")


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, a date or the like, and so cannot name a column."""
    return _VALUE.fullmatch(cell.strip()) is not None


def is_header(row: Sequence[str]) -> bool:
    """Whether a row can be the names of columns: at least two, short, all different, none a number, a date or the like.

    Gaps are allowed where a column has no name, and years or dates in a row where they follow each other; a table of words without
    names cannot be told from one with them.
    """
    names = [cell.strip() for cell in row if cell.strip()]
    values = [name for name in names if is_value(name)]
    return (
        len(names) >= 2
        and len(names) * 2 > len(row)
        and len(set(names)) == len(names)
        and all(len(name) <= _MAX_NAME for name in names)
        and (not values or not is_value(row[0]) and _is_series(values))
    )


def _is_series(values: Sequence[str]) -> bool:
    """Whether values name columns: years at even steps (two: one after the other), or at least three days or months in order."""
    if all(map(_YEAR.fullmatch, values)):
        years = [int(value) for value in values]
        steps = {after - before for before, after in pairwise(years)}
        return len(steps) == 1 and (len(values) > 2 or steps <= {1, -1})
    in_order = sorted(values)
    return len(values) > 2 and all(map(_DAY.fullmatch, values)) and list(values) in (in_order, in_order[::-1])


class Cell(NamedTuple):
    """A cell as a file has it. across, down: columns and rows that it covers, at least 1."""

    text: str
    across: int = 1
    down: int = 1


def n_covered(value: str | None) -> int:
    """How many columns or rows a cell says that it covers."""
    return max(int(value), 1) if value and value.isdecimal() and len(value) < 7 else 1


class Row(NamedTuple):
    """A row of data: a text a column, and what a row over the whole width above it says of it ("Fruit")."""

    cells: Sequence[str]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a running text. header: its lines as they stand.  names: of its columns, from all lines of the header.

    about: what stands over all columns in the header.
    """

    header: Sequence[Sequence[str]]
    names: Sequence[str]
    rows: Sequence[Row]
    about: str = ""


class _Place(NamedTuple):
    """A column of a row: the cell over it, and how many columns and rows of that cell come before it."""

    cell: Cell
    right: int
    below: int


_EMPTY = _Place(Cell(""), 0, 0)


def lay_out(rows: Sequence[Sequence[Cell]], n_header: int | None = None) -> Table:
    """A table with what is merged where it counts: a value that covers several rows is in each that has values of its own.

    rows: of each the cells that begin in it.  n_header: how many of them name the columns, told from the cells for None.
    """
    grid = _grid(rows)
    width = max(map(len, grid), default=0)
    if n_header is None:
        n_header = _header_height(grid, width)
    n_header = min(n_header, max(len(grid) - 1, 0))
    above, below = grid[:n_header], grid[n_header:]
    while len(above) > 1 and _over_all(above[-1], width) and not all(_over_all(row, width) for row in above):
        below.insert(0, above.pop())  # it names the rows below it, not the columns
    lines = [["" if place.right or place.below else place.cell.text for place in row] for row in above]
    body: list[Row] = []
    group = ""
    for row in below:
        if wide := _over_all(row, width):
            group = wide if len(wide) <= _MAX_GROUP else ""
            body.append(Row([wide]))
        elif any(place.cell.text for place in row if not place.below):
            body.append(Row([_value(place) for place in row], group))
    about = ". ".join(filter(None, (_over_all(row, width) for row in above)))
    names = _names([row for row in above if not _over_all(row, width)])
    return Table(lines, names, body, about)


def lays_out_page(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the texts of a table are those of a page that it lays out: in one column, or longer than data are."""
    return max(map(len, rows), default=0) < 2 or any(len(text) > MAX_CELL for row in rows for text in row)


def joined_down(rows: Sequence[Sequence[tuple[Cell, bool | None]]]) -> list[list[Cell]]:
    """The cells that begin in each row, of a format in which a cell that covers several rows stands in each of them again.

    With each cell whether it begins to cover rows (True), goes on with the one above it (False), or neither (None).
    """
    joined: list[list[Cell]] = []
    above: dict[int, tuple[int, int]] = {}  # by column: row and number of the cell that may go on
    for number, row in enumerate(rows):
        joined.append([])
        going_on: dict[int, tuple[int, int]] = {}
        column = 0
        for cell, begins in row:
            if begins is False and column in above:
                first, at = going_on[column] = above[column]
                joined[first][at] = joined[first][at]._replace(down=number - first + 1)
            else:
                if begins is not None:
                    going_on[column] = number, len(joined[number])
                joined[number].append(cell)
            column += cell.across
        above = going_on
    return joined


def _value(place: _Place) -> str:
    """What a column of a row of data says."""
    return "" if place.right or place.below and len(place.cell.text) > _MAX_REPEATED else place.cell.text


def _grid(rows: Sequence[Sequence[Cell]]) -> list[list[_Place]]:
    """The rows with a place for each column."""
    left = _MAX_FILLED
    lasting: dict[int, tuple[int, Cell, int, int]] = {}  # by column: last row, cell, its columns before, its first row
    grid: list[list[_Place]] = []
    for number, row in enumerate(rows):
        lasting = {column: last for column, last in lasting.items() if last[0] >= number} if left > 0 else {}
        places: list[_Place] = []
        cells = iter(row)
        covered = max(lasting, default=-1)
        while True:
            if (above := lasting.get(len(places))) is not None:
                places.append(_Place(above[1], above[2], number - above[3]))
                left -= 1
                continue
            if (cell := next(cells, None)) is None:
                if len(places) > covered:
                    break
                places.append(_EMPTY)
                left -= 1
                continue
            across = min(cell.across, _MAX_COLUMNS, max(left, 1))
            left -= across - 1
            for right in range(across):
                if right and len(places) in lasting:
                    break
                if cell.down > 1:
                    lasting[len(places)] = number + min(cell.down, _MAX_ROWS) - 1, cell, right, number
                places.append(_Place(cell, right, 0))
        grid.append(places)
    return grid


def _over_all(row: Sequence[_Place], width: int) -> str:
    """The text of a row that is one cell over all columns of the table; nothing for another."""
    first = row[0] if row else _EMPTY
    return first.cell.text if len(row) == width > 1 and all(place.cell is first.cell for place in row) else ""


def _names(header: Sequence[Sequence[_Place]]) -> list[str]:
    """Of each column what the lines of the header say over it, from the top."""
    names = []
    for column in range(max(map(len, header), default=0)):
        texts = dict.fromkeys(row[column].cell.text for row in header if column < len(row))
        names.append(" ".join(filter(None, texts)))
    return names


def _header_height(grid: Sequence[Sequence[_Place]], width: int) -> int:
    """How many of the first rows name the columns."""
    first = 0
    while first < len(grid) and _over_all(grid[first], width):
        first += 1
    if first >= len(grid) - 1:
        return 0
    row = grid[first]
    height = max(place.cell.down for place in row) if any(place.cell.down == 1 for place in row) else 1
    while height < min(_MAX_HEADER, len(grid) - first) and any(
        cell.across > 1 for cell, *_ in grid[first + height - 1]
    ):
        height += 1  # what is over several columns has the names of each below it
    heights = (height, 1) if height <= _MAX_HEADER and first + height < len(grid) else (1,)
    return next((first + each for each in heights if is_header(_names(grid[first : first + each]))), 0)
