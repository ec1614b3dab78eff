"""Rows of sheets and tables of data: which of them name the columns, where another table begins, what stands around them.

A sheet is read run by run: what stands between two empty rows. Each run may begin with a title and with names of its columns; one
without names goes on with those above it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from typing import NamedTuple

from rag.parsing.structure.builder import TextBuilder, plain
from rag.parsing.structure.tables import is_header, is_value

_AHEAD = 20  # rows of a run that are looked at to find its column names
_MAX_TITLE = 120
_MAX_NAMING = 4  # rows that stand over a table
_MAX_ABOUT = 3  # cells of one that says what is over all columns


class SheetRow(NamedTuple):
    """A row with its number. bold: whether all that it holds is set in bold type."""

    number: int
    cells: Sequence[str]
    bold: bool = False


class _Head(NamedTuple):
    """What stands over the rows of a table. names: of its columns.  where: the path of its rows.  about: unit, period."""

    names: Sequence[str] = ()
    where: tuple[str, ...] = ()
    about: str = ""


def add_rows(builder: TextBuilder, rows: Iterable[SheetRow], path: Sequence[str]) -> None:
    """Add rows as records under ``path``, the title of their table and their number, values with the names of their columns.

    What stands above the names over all of them (a unit, a period) and over a group of rows is context of each row.
    """
    sheet = _Sheet(builder, (*path,))
    waiting: list[SheetRow] = []  # rows of words that name columns, perhaps those of the next run
    for run in _runs(rows):
        ahead = list(islice(run, _AHEAD))
        if waiting and len(waiting) > 1 and _are_named(waiting, ahead):
            sheet.add_below(waiting, chain(ahead, run))
            waiting = []
            continue
        if waiting:
            sheet.add_run(waiting, ())
        waiting = []
        if _can_wait(ahead) or len(ahead) == 1 and not builder.n_characters and _can_name(ahead[0].cells):
            waiting = ahead
        else:
            sheet.add_run(ahead, run)
    if len(waiting) == 1:
        builder.add_block(", ".join(map(plain, waiting[0].cells)))
    elif waiting:
        sheet.add_run(waiting, ())


class _Sheet:
    """Adds the runs of a sheet; a run without names goes on with those of the table above it."""

    def __init__(self, builder: TextBuilder, path: tuple[str, ...]) -> None:
        self._builder = builder
        self._path = path
        self._head = _Head(where=path)
        self._title = ""

    def add_below(self, naming: Sequence[SheetRow], rows: Iterable[SheetRow]) -> None:
        """Add the rows of a table below the run that names its columns."""
        self._add_plain(naming[:-1])
        self._begin(*_combined(naming))
        _add_data(self._builder, rows, self._head)

    def add_run(self, ahead: Sequence[SheetRow], rest: Iterable[SheetRow]) -> None:
        """Add a run. ahead: its first rows."""
        place = _header(ahead, self._head.names)
        if place is not None:
            first, height = place
            self._add_plain(ahead[:first])
            about = _about(ahead[first - 1]) if first and not self._title else ""
            self._begin(_names([row.cells for row in ahead[first : first + height]]), about)
            _add_data(self._builder, chain(ahead[first + height :], rest), self._head)
        elif self._head.names and not (len(ahead) == 1 and _n_filled(ahead[0].cells) == 1 < len(self._head.names)):
            _add_data(self._builder, chain(ahead, rest), self._head)
        else:
            self._add_plain(chain(ahead, rest))

    def _add_plain(self, rows: Iterable[SheetRow]) -> None:
        """Add rows that stand in no table; a cell that ends with a colon names the next one."""
        for row in rows:
            fields: list[tuple[str, str]] = []
            label = ""
            for cell in filter(None, map(plain, row.cells)):
                if label or not cell.endswith(":"):
                    fields.append((label, cell))
                    label = ""
                else:
                    label = cell.rstrip(": ")
            if label:
                fields.append(("", f"{label}:"))
            self._builder.add_record(fields, (*self._path, f"row {row.number}"))
            self._title = _title(row)

    def _begin(self, names: Sequence[str], about: str) -> None:
        """Begin a table, under the title above it."""
        self._head = _Head(names, (*self._path, *filter(None, (self._title,))), about)
        self._title = ""


def _add_data(builder: TextBuilder, rows: Iterable[SheetRow], head: _Head) -> None:
    """Add the rows of a table. One that has its first cell alone names the group of those below it."""
    group = ""
    columns = len(list(filter(None, head.names)))
    upcoming = iter(rows)
    row = next(upcoming, None)
    while row is not None:
        after = next(upcoming, None)
        if (
            columns > 2
            and row.cells
            and _n_filled(row.cells) == 1
            and row.cells[0].strip()
            and not is_value(row.cells[0])
        ):
            text = plain(row.cells[0])
            group = text if len(text) <= _MAX_TITLE and after is not None and _n_filled(after.cells) > 1 else ""
            builder.add_record([("", text)], (*head.where, f"row {row.number}"), head.about)
        else:
            context = ". ".join(filter(None, (head.about, group)))
            fields = zip(chain(head.names, repeat("")), row.cells, strict=False)
            builder.add_record(fields, (*head.where, f"row {row.number}"), context)
        row = after


def _can_wait(run: Sequence[SheetRow]) -> bool:
    """Whether a run is nothing but words that may name the columns of the run below it, under what stands over them."""
    if not 1 < len(run) <= _MAX_NAMING or _n_filled(run[-1].cells) < 2:
        return False
    has_corner = run[0].cells[0].strip() and not run[-1].cells[0].strip()
    if not has_corner and _n_filled(run[0].cells) >= _n_filled(run[-1].cells):
        return False
    above = [cell for row in run[:-1] for cell in row.cells if cell.strip()]
    names = [name for name in _combined(run)[0] if name]
    return len(set(names)) == len(names) and not any(map(is_value, (*filter(str.strip, run[-1].cells), *above[:1])))


def _are_named(naming: Sequence[SheetRow], run: Sequence[SheetRow]) -> bool:
    """Whether the last of these rows names the columns of a run: most that have a name have values."""
    named = [at for at, cell in enumerate(naming[-1].cells) if cell.strip()]
    rows = [row.cells for row in run if _n_filled(row.cells) > 1]
    return bool(rows) and sum(_is_of_values(rows, at) for at in named) * 2 > len(named)


def _combined(naming: Sequence[SheetRow]) -> tuple[list[str], str]:
    """The names of columns from the row that has them and those above it, and what these say of all columns."""
    names = [plain(cell) for cell in naming[-1].cells]
    about: list[str] = []
    for row in reversed(naming[:-1]):
        cells = [plain(cell) for cell in row.cells]
        over = [at for at, cell in enumerate(cells) if cell and 0 < at < len(names)]
        if len(over) < 2:
            about.insert(0, ". ".join(filter(None, cells)))
            continue
        about[:0] = filter(None, cells[:1])
        for at in range(over[0], len(names)):
            if names[at]:
                names[at] = f"{cells[max(place for place in over if place <= at)]} {names[at]}"
    return names, ". ".join(about)


def _about(row: SheetRow) -> str:
    """What a row of words above the names of the columns says of all of them, such as a unit and a period."""
    cells = [plain(cell) for cell in row.cells if cell.strip()]
    return (
        ". ".join(cells)
        if len(cells) <= _MAX_ABOUT and not any(map(is_value, cells)) and sum(map(len, cells)) <= _MAX_TITLE
        else ""
    )


def _runs(rows: Iterable[SheetRow]) -> Iterator[Iterator[SheetRow]]:
    """The rows between two empty ones, which may be missing; each run is to be read to its end before the next."""
    source = iter(rows)
    upcoming = next((row for row in source if any(map(str.strip, row.cells))), None)

    def run() -> Iterator[SheetRow]:
        nonlocal upcoming
        while upcoming is not None:
            row = upcoming
            upcoming = next(source, None)
            yield row
            if upcoming is None or upcoming.number != row.number + 1 or not any(map(str.strip, upcoming.cells)):
                break
        while upcoming is not None and not any(map(str.strip, upcoming.cells)):
            upcoming = next(source, None)

    while upcoming is not None:
        yield run()


def _header(run: Sequence[SheetRow], names: Sequence[str]) -> tuple[int, int] | None:
    """The first of the rows that name the columns of a run, and how many they are. names: those of the table above."""
    for at, row in enumerate(run[:-1]):
        height = 2 if _is_double(run[at:]) else 1
        if height == 1 and not (_can_name(row.cells) and not _is_note(run[at:])):
            if names and _n_filled(row.cells) > 1:  # data go on
                return None
            continue
        if (
            not names
            or height == 2
            or _differs(run[at:])
            or at > 0
            and _n_filled(row.cells) != len(list(filter(None, names)))
        ):
            return at, height
        return None
    return None


def _can_name(cells: Sequence[str]) -> bool:
    """Whether a row can name columns; "Name:" beside a value does not."""
    row = _trimmed(cells)
    return is_header(row) and not (
        row[0].rstrip().endswith(":") and not all(cell.rstrip().endswith(":") for cell in row)
    )


def _is_note(run: Sequence[SheetRow]) -> bool:
    """Whether the first row stands above another that names the columns: a wider one, set apart from what is below it."""
    n_filled = _n_filled(run[0].cells)
    return not run[0].bold and any(
        _n_filled(row.cells) > n_filled and _can_name(row.cells) and _differs(run[at:])
        for at, row in enumerate(run[1:-1], 1)
    )


def _is_double(run: Sequence[SheetRow]) -> bool:
    """Whether the first two rows name the columns together: "2024" above "spring" and "autumn"."""
    if len(run) < 3:
        return False
    above, below = ([cell.strip() for cell in row.cells] for row in run[:2])
    width = max(len(above), len(below))
    above += [""] * (width - len(above))
    below += [""] * (width - len(below))
    first = next(at for at, cell in enumerate(below) if cell)
    filled = [at for at, cell in enumerate(above) if cell]
    under = [row.cells for row in run[2:]]
    # The name of the labels has no other above it.
    is_note = filled[0] == first and above[first] != below[first] and not _is_of_values(under, first)
    if filled == [first] or is_note or any(is_value(cell) for cell in below if cell):
        return False
    parted = [at for at in range(width) if below[at] and not above[at] and at > filled[0]]
    return (
        bool(parted)
        and sum(map(bool, below)) > 1
        and all(_is_of_values(under, at) for at in parted)
        and is_header([name for name in _names([above, below]) if name])
    )


def _differs(run: Sequence[SheetRow]) -> bool:
    """Whether the first row is set apart from those below it: by bold type, or as text above values."""
    row, *below = run
    if row.bold and not below[0].bold:
        return True
    under = [other.cells for other in below]
    return any(cell.strip() and not is_value(cell) and _is_of_values(under, at) for at, cell in enumerate(row.cells))


def _is_of_values(rows: Sequence[Sequence[str]], column: int) -> bool:
    cells = [row[column] for row in rows if column < len(row) and row[column].strip()]
    return 2 * sum(map(is_value, cells)) > len(cells)


def _names(rows: Sequence[Sequence[str]]) -> list[str]:
    """The names of the columns; what stands over several columns in the upper of two rows counts for each of them."""
    if len(rows) == 1:
        return [plain(cell) for cell in rows[0]]
    above, below = rows
    names = []
    over = ""
    for at in range(max(map(len, rows))):
        own = plain(above[at]) if at < len(above) else ""
        under = plain(below[at]) if at < len(below) else ""
        over = own or (over if under else "")
        names.append(" ".join(dict.fromkeys(filter(None, (over, under)))))
    return names


def _title(row: SheetRow) -> str:
    """What a row says of the table below it, if it says one thing only."""
    filled = _trimmed(row.cells)
    return plain(filled[0]) if len(filled) == 1 and len(filled[0]) <= _MAX_TITLE else ""


def _trimmed(cells: Sequence[str]) -> list[str]:
    filled = [at for at, cell in enumerate(cells) if cell.strip()]
    return list(cells[filled[0] : filled[-1] + 1]) if filled else []


def _n_filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)
