"""The rows of a table that is shown, put together from units that know the names of their columns."""

from collections.abc import Sequence
from typing import NamedTuple

from index.types import Span
from rag.language.sentences import trim
from rag.shared.types import TableRow

MOST_COLUMNS = 200


class Cell(NamedTuple):
    """A cell of a table. column: from 0.  n_columns: over which it goes.

    value: what it says, without the name of its column and the bars that its text may have around it.
    """

    column: int
    n_columns: int
    span: Span
    value: Span


class Row(NamedTuple):
    """A line of a table; ``is_head`` where it names the columns or says what the table is of."""

    cells: tuple[Cell, ...]
    is_head: bool


class _Column:
    """A column, whose number is known once all rows are."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Held(NamedTuple):
    """A cell as the rows come. column: None over the whole width."""

    column: _Column | None
    span: Span
    value: Span


def trimmed(text: str, base: int, start: int, end: int) -> Span:
    """A stretch of a document without white space at its ends.  base: where the text begins in the document."""
    span = trim(text, start - base, max(end, start) - base)
    return Span(span.start + base, span.end + base)


class Table:
    """A table of a stretch of text, which begins at ``start`` in its document."""

    def __init__(self, text: str, start: int) -> None:
        self._text, self._start = text, start
        self._head: Span | None = None  # the lines above the first row
        self._path: tuple[str, ...] = ()
        self._columns: list[_Column] = []
        self._rows: list[list[_Held]] = []
        self._in_parts = False  # whether the last row is a long one, whose cells come by themselves

    def add(self, span: Span, row: TableRow | None, path: tuple[str, ...], gap: str) -> bool:
        """Add a row, or what stands above the first; False, and nothing is added, where it is of another table.

        path: the headings above it.  gap: the white space before it.
        """
        if row is None:
            if self._rows or self._head is not None:
                return False
            self._head = span
            return True
        cells = self._cells(span, row)
        names = [] if row.head == ("",) else row.head
        is_apart = gap.count("\n") > 1
        if self._rows and (path != self._path or (is_apart and not self._is_record_of_this(names, cells))):
            return False
        is_part = len(names) == 1
        is_same = bool(self._rows) and not is_apart and ("\n" not in gap or (is_part and self._in_parts))
        columns = None
        if is_same:
            last = self._rows[-1][-1].column
            after = self._columns.index(last) + ("\n" in gap) if is_part and last is not None else 0
            columns = self._placed(names, after)
        if columns is None:
            is_same, columns = False, self._placed(names, 0)
        if columns is None:
            return False
        if not is_same:
            self._rows.append([])
            self._in_parts = is_part
        for at, own, value in cells:
            self._hold(self._rows[-1], _Held(columns[at] if columns else None, own, value))
        self._path = path
        return True

    @property
    def rows(self) -> tuple[Row, ...]:
        """What was added, from left to right and top to bottom."""
        numbers: dict[_Column | None, int] = {column: number for number, column in enumerate(self._columns)}
        width = max(1, len(numbers))
        rows = (
            tuple(Cell(numbers.get(at, 0), width if at is None else 1, own, value) for at, own, value in held)
            for held in self._rows
        )
        return (*(Row(cells, True) for cells in self._heads(width)), *(Row(cells, False) for cells in rows))

    def _of(self, span: Span) -> str:
        return self._text[span.start - self._start : span.end - self._start]

    def _trimmed(self, start: int, end: int) -> Span:
        return trimmed(self._text, self._start, start, end)

    def _cells(self, span: Span, row: TableRow) -> list[tuple[int, Span, Span]]:
        """Of each cell of a row that is not empty its number, its span up to that of the next, and its value."""
        values = [(at, Span(max(start, span.start), min(end, span.end))) for at, (start, end) in enumerate(row.cells)]
        values = sorted((cell for cell in values if cell[1].start < cell[1].end), key=lambda cell: cell[1])
        cells = []
        at = span.start
        for number, value in values or [(0, Span(span.end, span.end))]:
            cells.append((number, Span(self._trimmed(at, value.end).start, value.end), value))
            at = value.end
        number, own, value = cells[-1]
        cells[-1] = number, Span(own.start, span.end), value
        return cells

    def _is_record_of_this(self, names: Sequence[str], cells: Sequence[tuple[int, Span, Span]]) -> bool:
        """Whether a row set apart by a blank line says the names of its columns itself, and has most of them from this table."""
        known = {column.name for column in self._columns}
        return any(own.start < value.start for _, own, value in cells) and 2 * len(known.intersection(names)) >= len(
            names
        )

    def _placed(self, names: Sequence[str], after: int) -> list[_Column] | None:
        """The columns of these names from a number on, with new ones between; None where the table has them in another order."""
        if [*names] == [column.name for column in self._columns]:
            return self._columns
        old = {*self._columns}
        columns, places = list(self._columns), []
        for name in names:
            known = [at for at, column in enumerate(columns) if column.name == name and column in old]
            at = next((at for at in known if at >= after), -1)
            if at < 0:
                if known and (name or after < len(columns)):
                    return None
                columns.insert(at := after, _Column(name))
            places.append(columns[at])
            after = at + 1
        if len(columns) > MOST_COLUMNS:
            return None
        self._columns = columns
        return places

    @staticmethod
    def _hold(row: list[_Held], cell: _Held) -> None:
        """Add a cell, or the rest of the last one."""
        if row and row[-1].column is cell.column:
            last = row.pop()
            cell = _Held(cell.column, Span(last.span.start, cell.span.end), Span(last.value.start, cell.value.end))
        row.append(cell)

    def _heads(self, width: int) -> list[tuple[Cell, ...]]:
        """The cells of each line above the first row: names of columns where they are, else over the whole width."""
        if self._head is None:
            return []
        heads = []
        start = self._head.start
        for line in self._of(self._head).split("\n"):
            span = self._trimmed(start, start + len(line))
            start += len(line) + 1
            if span.start < span.end:
                says = any(map(str.isalnum, line))  # no more than a line of Markdown that is drawn otherwise
                whole = (Cell(0, width, span, span if says else Span(span.end, span.end)),)
                heads.append(tuple(self._names(span)) or tuple(self._fields(span)) or whole)
        return heads

    def _names(self, line: Span) -> list[Cell]:
        """The cells of a line that is the names of all columns, with tabs or bars between; none for another."""
        text, at = self._of(line), 0
        cells = []
        for number, column in enumerate(self._columns):
            if column.name:
                begin = text.find(column.name, at)
                if begin < 0 or text[at:begin].strip("|\t "):
                    return []
                value = Span(line.start + begin, line.start + begin + len(column.name))
                cells.append(Cell(number, 1, Span(self._trimmed(line.start + at, value.end).start, value.end), value))
                at = value.end - line.start
        if not cells or text[at:].strip("|\t "):
            return []
        return [*cells[:-1], cells[-1]._replace(span=Span(cells[-1].span.start, line.end))]

    def _fields(self, line: Span) -> list[Cell]:
        """The cells of a line with tabs whose words are parts of the names of columns, some over several; none for another."""
        fields = self._of(line).split("\t")
        cells: list[Cell] = []
        at, first = line.start, 0
        for number, field in enumerate(fields):
            span = self._trimmed(at, at + len(field))
            at += len(field) + 1
            if span.start == span.end:
                continue
            following = next(filter(None, fields[number + 1 :]), None)
            holding = [field in column.name for column in self._columns]
            if True not in holding[first:] or len(fields) == 1:
                return []
            first = holding.index(True, first)
            end = first + 1
            while (
                end < len(holding) and holding[end] and (following is None or following not in self._columns[end].name)
            ):
                end += 1
            cells.append(Cell(first, end - first, span, span))
            first = end
        return cells
