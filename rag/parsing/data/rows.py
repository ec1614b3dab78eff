"""Rows of sheets and tables of data: which of them name the columns, where another table begins, what stands around them.

A sheet is read run by run: what stands between two empty rows. Each run may begin with a title and with names of its columns; one
without names goes on with those above it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from rag.parsing.structure.builder import TextBuilder, plain
from rag.parsing.structure.tables import is_header, is_value

_AHEAD = 20  # rows of a run that are looked at to find its column names
_MAX_TITLE = 120


class SheetRow(NamedTuple):
    """A row with its number. bold: whether all that it holds is set in bold type."""

    number: int
    cells: Sequence[str]
    bold: bool = False


def add_rows(builder: TextBuilder, rows: Iterable[SheetRow], path: Sequence[str]) -> None:
    """Add rows as records under ``path``, the title of their table and their number, values with the names of their columns."""
    names: Sequence[str] = ()
    title = ""
    where = (*path,)
    lonely: SheetRow | None = None  # names of columns, perhaps of a table without rows
    for run in _runs(rows):
        ahead = list(islice(run, _AHEAD))
        if lonely is not None:
            _add_plain(builder, lonely, path)
            title, lonely = _title(lonely), None
        if len(ahead) == 1 and not builder.n_characters and _can_name(ahead[0].cells):
            lonely = ahead[0]
            continue
        found = _header(ahead, names)
        if found is not None:
            first, height = found
            for row in ahead[:first]:
                _add_plain(builder, row, path)
                title = _title(row)
            names = _names([row.cells for row in ahead[first : first + height]])
            where = (*path, title) if title else (*path,)
            for row in chain(ahead[first + height :], run):
                builder.add_record(_fields(names, row.cells), (*where, f"row {row.number}"))
            title = ""
        elif names and not (len(ahead) == 1 and _n_filled(ahead[0].cells) == 1 < len(names)):
            for row in chain(ahead, run):
                builder.add_record(_fields(names, row.cells), (*where, f"row {row.number}"))
        else:
            for row in chain(ahead, run):
                _add_plain(builder, row, path)
                title = _title(row)
    if lonely is not None:
        builder.add_block(", ".join(map(plain, lonely.cells)))


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
        if height == 1 and not _can_name(row.cells):
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
    if filled == [first] or any(is_value(cell) for cell in below if cell):
        return False
    parted = [at for at in range(width) if below[at] and not above[at] and at > filled[0]]
    under = [row.cells for row in run[2:]]
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
    under = [one.cells for one in below]
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


def _fields(names: Sequence[str], cells: Sequence[str]) -> list[tuple[str, str]]:
    return [(names[at] if at < len(names) else "", cell) for at, cell in enumerate(cells)]


def _add_plain(builder: TextBuilder, row: SheetRow, path: Sequence[str]) -> None:
    """Add a row that stands in no table; a cell that ends with a colon names the next one."""
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
    builder.add_record(fields, (*path, f"row {row.number}"))


def _title(row: SheetRow) -> str:
    """What a row says of the table below it, if it says one thing only."""
    said = _trimmed(row.cells)
    return plain(said[0]) if len(said) == 1 and len(said[0]) <= _MAX_TITLE else ""


def _trimmed(cells: Sequence[str]) -> list[str]:
    filled = [at for at, cell in enumerate(cells) if cell.strip()]
    return list(cells[filled[0] : filled[-1] + 1]) if filled else []


def _n_filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)
