"""The rows of an RTF table: cells as they end, and the places on the page up to which the row's definition says they reach."""

from typing import NamedTuple

from rag.parsing.structure.tables import Cell

_SAME_EDGE = 60  # twentieths of a point: cells of one column seldom end at quite the same place
_MAX_CELLS = 1000  # of a row


class _Edge(NamedTuple):
    """Where a cell ends, in twentieths of a point, and what is said of its being merged."""

    place: int
    flags: frozenset[str]


class Rows:
    """Rows as they grow. A definition, the edges of a row's cells, holds for the rows that end until the next one begins."""

    def __init__(self) -> None:
        self._cells: list[str] = []
        self._edges: list[_Edge] = []  # of the cells of the rows that come
        self._flags: set[str] = set()
        self._rows: list[tuple[list[str], list[_Edge]]] = []

    def begin_definition(self) -> None:
        self._edges, self._flags = [], set()

    def add_flag(self, word: str) -> None:
        """Keep what is said of the cell that is defined next: "clmrg", "clvmgf" or "clvmrg"."""
        self._flags.add(word)

    def add_edge(self, place: int) -> None:
        if len(self._edges) < _MAX_CELLS:
            self._edges = [*self._edges, _Edge(place, frozenset(self._flags))]
        self._flags = set()

    def add_cell(self, text: str) -> None:
        self._cells.append(text)

    def end_row(self) -> None:
        if self._cells:
            self._rows.append((self._cells, self._edges))
            self._cells = []

    def take(self) -> list[list[tuple[Cell, bool | None]]]:
        """The rows that have ended since the last call, as ``joined_down`` takes them."""
        rows, self._rows = self._rows, []
        return _merged(rows)


def _merged(rows: list[tuple[list[str], list[_Edge]]]) -> list[list[tuple[Cell, bool | None]]]:
    """The cells of each row, with how many columns they cover by where they end, and whether they go on with the one above."""
    columns: dict[int, int] = {}  # by where a cell ends on the page, how many columns there are up to there
    last, n_columns = -_SAME_EDGE - 1, 0
    for place in sorted({edge.place for _, edges in rows for edge in edges}):
        n_columns += place - last > _SAME_EDGE
        columns[place], last = n_columns, place
    found: list[list[tuple[Cell, bool | None]]] = []
    for texts, edges in rows:
        row: list[tuple[Cell, bool | None]] = []
        column = 0
        for at, text in enumerate(texts):
            edge = edges[at] if at < len(edges) else _Edge(0, frozenset())
            across = max(columns.get(edge.place, 0) - column, 1)
            if "clmrg" in edge.flags and row:
                row[-1] = row[-1][0]._replace(across=row[-1][0].across + across), row[-1][1]
            else:
                goes_on = False if "clvmrg" in edge.flags else None
                row.append((Cell(text, across), True if "clvmgf" in edge.flags else goes_on))
            column += across
        found.append(row)
    return found
