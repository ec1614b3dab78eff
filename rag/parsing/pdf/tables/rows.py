"""The lines of a table on a page as its header and rows: what continues the row above, what is a group or a label of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from rag.parsing.pdf.tables.column_names import MONEY, n_header, says_value, without_leaders
from rag.parsing.pdf.words import TYPED_LINE, Word, joined
from rag.parsing.structure.tables import Row, Table

_GAP = 0.5  # of the type's size: what parts cells is wider
_MANY_PIECES = 5  # of a run, each over a column of its own
_OFF = 0.5  # of the type's size, by which such a piece may miss the place of its column
_FEW_NAMES, _MOST = 2, 0.6  # names on a line between rows, at least; share of them that have values below them
_MANY = 0.4  # of the cells of the row above them that are values
_MAX_NAME = 40  # characters of such a name
_BETWEEN = 0.85  # of its height: a label so near to the row above and the one below stands between them


class Column(NamedTuple):
    """Where the cells of a column stand: its left and right edge."""

    x0: float
    x1: float


def overlap(run: Word, column: Column) -> float:
    """How much of a run stands in a column, in points; less than nothing is how far it is from it."""
    return min(run.x1, column.x1) - max(run.x0, column.x0)


def nearest(run: Word, columns: Sequence[Column]) -> int:
    """The column in which most of a run stands, or to which it is nearest."""
    return max(range(len(columns)), key=lambda at: overlap(run, columns[at]))


def cells_of(row: Sequence[Word], columns: Sequence[Column]) -> dict[int, list[Word]]:
    """The words of a row by column. A run over several columns is parted where it has a gap between them."""
    cells: dict[int, list[Word]] = {}
    for run in row:
        parts = [run]
        if sum(overlap(run, column) > 0 for column in columns) > 1:
            parts = _parted(run, columns)
        for part in parts:
            cells.setdefault(nearest(part, columns), []).append(part)
    return cells


def _parted(run: Word, columns: Sequence[Column]) -> list[Word]:
    """A run in pieces, each in a column of its own, where none of its words stands in two of them."""
    pieces: list[list[Word]] = []
    before = -1
    for word in run.words:
        if sum(overlap(word, column) > 0.3 * word.size for column in columns) > 1:
            return [run]
        at = nearest(word, columns)
        if at == before:
            pieces[-1].append(word)
        else:
            pieces.append([word])
        before = at
    if len(pieces) >= _MANY_PIECES and all(_is_aligned(piece, columns) for piece in pieces):
        return [joined(piece) for piece in pieces]
    gaps = [after[0].x0 - piece[-1].x1 for piece, after in pairwise(pieces)]
    within = [b.x0 - a.x1 for piece in pieces for a, b in pairwise(piece)]
    if gaps and min(gaps) < (1.5 * max(within) if within else _GAP * run.size):
        return [run]
    return [joined(piece) for piece in pieces]


def _is_aligned(words: Sequence[Word], columns: Sequence[Column]) -> bool:
    """Whether words begin, end or have their middle where their column does, which those of running text do not."""
    left, right = words[0].x0, words[-1].x1
    column = columns[nearest(words[0], columns)]
    off = (left - column.x0, right - column.x1, (left + right - column.x0 - column.x1) / 2)
    return min(map(abs, off)) < _OFF * words[0].size


def lay_out_rows(runs: Sequence[Sequence[Word]], columns: Sequence[Column], n_above: int | None = None) -> Table:
    """Header, names of columns and rows of a table, from the runs of its lines. n_above: the lines above a line under the names."""
    width = len(columns)
    if typed := [at for at, row in enumerate(runs) if all(TYPED_LINE.fullmatch(run.text) for run in row)]:
        n_above = n_above or typed[0]
        runs = [row for at, row in enumerate(runs) if at not in set(typed)]
    rows = [cells_of(row, columns) for row in runs]
    pitches = [above[0].y0 - below[0].y0 for above, below in pairwise(runs)]
    lines = [_texts(cells, width) for cells in rows]
    height = n_header(lines, [all(run.bold for run in row) for row in runs], n_above)
    names = _names(rows[:height], columns)
    body: list[_Line] = []
    group = begun = ""
    joined_lines = set()
    for at in range(height, len(rows)):
        cells = lines[at]
        if at in joined_lines:
            continue
        if at + 2 < len(rows) and _is_around(lines[at : at + 3], pitches[at : at + 2], _height(runs[at])):
            begun = " ".join((cells[0], lines[at + 2][0]))
            joined_lines.add(at + 2)
            continue
        filled = [column for column, text in enumerate(cells) if text]
        is_label = filled == [0] and not says_value(cells[0])
        above = body[-1] if body and len(body[-1].cells) == width else None
        if is_label and 0 < at < len(pitches) and max(pitches[at - 1 : at + 1]) < _BETWEEN * _height(rows[at][0]):
            body.append(_Line([cells[0]], group, True))
        elif above and not begun and _is_more(cells, above.cells, filled):
            above.cells = [" ".join(filter(None, pair)) for pair in zip(above.cells, cells, strict=True)]
        elif is_label and at + 1 < len(rows) and _is_begun(cells[0], lines[at + 1]):
            begun = " ".join(filter(None, (begun, cells[0])))
        elif is_label and not begun:
            group = cells[0]
            body.append(_Line([group]))
        else:
            body.append(_Line([" ".join(filter(None, (begun, cells[0]))), *cells[1:]], group))
            begun = ""
    _label(body)
    header = [[text for text in line if text] for line in lines[:height]]
    return Table(header, names, [Row(line.cells, line.group) for line in body])


def parts_of(runs: Sequence[Sequence[Word]], columns: Sequence[Column]) -> list[tuple[int, int]]:
    """The lines of a table in parts, first and end of each: all but the first have names of columns of their own.

    A label above such names is in no part.
    """
    lines = [_texts(cells_of(row, columns), len(columns)) for row in runs]
    bold = [all(run.bold for run in row) for row in runs]
    starts = [0, *(at for at in range(2, len(runs) - 1) if _names_anew(lines, bold, at))]
    ends = [at - (not any(lines[at - 1][1:]) and not says_value(lines[at - 1][0])) for at in starts[1:]]
    return list(zip(starts, [*ends, len(runs)], strict=True))


def _names_anew(lines: Sequence[Sequence[str]], bold: Sequence[bool], at: int) -> bool:
    """Whether a line between rows names columns: in bold or capitals as no row beside it, or by the names above all rows."""
    named = [column for column, text in enumerate(lines[at]) if column and text]
    names = [lines[at][column] for column in named]
    n_values = sum(says_value(name) and any(map(str.isdecimal, name)) for name in names)  # "No" may be a name
    heads = [line for line in lines[:2] if line is lines[0] or not any(map(says_value, line))]
    is_repeated = n_values < len(names) and any(set(names) <= set(line) for line in heads)
    if len(named) < _FEW_NAMES or n_values and not is_repeated or max(map(len, names)) > _MAX_NAME:
        return False
    n_below = sum(says_value(lines[at + 1][column]) for column in named)
    if not is_repeated and n_below < max(_FEW_NAMES, _MOST * len(named)):
        return False
    row = next((above for above in range(at - 1, -1, -1) if any(lines[above][1:])), 0)
    cells = [text for text in lines[row][1:] if text]
    if not cells or sum(map(says_value, cells)) < _MANY * len(cells):
        return False
    is_bold = bold[at] and not bold[row] and not bold[at + 1]
    is_capital = all(map(str.isupper, names)) and not any(lines[beside][0].isupper() for beside in (row, at + 1))
    return is_repeated or is_bold or is_capital


def names_over(lines: Sequence[Sequence[Word]], columns: Sequence[Column]) -> list[str]:
    """Of each column what lines of names over several columns say of it, from the top."""
    return _names([*(cells_of(line, columns) for line in lines), {}], columns)


def _is_more(cells: Sequence[str], above: Sequence[str], filled: Sequence[int]) -> bool:
    """Whether a line goes on with the cells of the row above it: they begin in small letters, or it has no label and no values."""
    if all(cells[at][:1].islower() and above[at] for at in filled) and (
        not any(above[at][:1].islower() for at in filled) or all(" " in cells[at] for at in filled)
    ):
        return True
    return (
        bool(above[0])
        and not cells[0]
        and all(above[at] and not says_value(cells[at]) and not MONEY.search(cells[at]) for at in filled)
    )


def _is_around(lines: Sequence[Sequence[str]], pitches: Sequence[float], height: float) -> bool:
    """Whether the first and last of three lines are the halves of a label, and the values of its row stand between them."""
    first, middle, last = ([at for at, text in enumerate(cells) if text] for cells in lines)
    return first == last == [0] and 0 not in middle and len(middle) > 0 and max(pitches) < _BETWEEN * height


def _is_begun(label: str, below: Sequence[str]) -> bool:
    """Whether a label goes on in the line below it, which has the values of its row."""
    return (
        bool(below[0])
        and any(below[1:])
        and (
            below[0][:1].islower()
            or label[-1] in ",-–"
            and not label.endswith("--")
            or label.count("(") > label.count(")")
        )
    )


@dataclass(slots=True)
class _Line:
    """A row of a table. group: what stands over it.  between: whether it is a label between the rows that it is of."""

    cells: list[str]
    group: str = ""
    between: bool = False


def _height(runs: Sequence[Word]) -> float:
    return max(run.y1 - run.y0 for run in runs)


def _label(body: Sequence[_Line]) -> None:
    """Give rows without a label that of the rows that they belong to: it stands in their middle, or else in the first of them."""
    if any(line.between for line in body):
        labels = [at for at, line in enumerate(body) if line.between or len(line.cells) > 1 and line.cells[0]]
        reach = dict.fromkeys(labels, 0)
        taken: set[int] = set()
        grows = True
        while grows:
            grows = False
            for at in labels:
                ends = {at - reach[at] - 1, at + reach[at] + 1}
                if not ends & taken and all(0 <= end < len(body) and _lacks_label(body[end]) for end in ends):
                    taken |= ends
                    reach[at] += 1
                    grows = True
                    for end in ends:
                        body[end].group = ". ".join(filter(None, (body[end].group, body[at].cells[0])))
        return
    label = ""
    for line in body:
        if len(line.cells) == 1:
            label = ""
        elif line.cells[0]:
            label = line.cells[0]
        elif label:
            line.group = ". ".join(filter(None, (line.group, label)))


def _lacks_label(line: _Line) -> bool:
    return len(line.cells) > 1 and not line.cells[0]


def _texts(cells: dict[int, list[Word]], width: int) -> list[str]:
    return [without_leaders(" ".join(run.text for run in cells.get(at, ()))) for at in range(width)]


def _names(header: Sequence[dict[int, list[Word]]], columns: Sequence[Column]) -> list[str]:
    """Of each column what the lines above it say, from the top."""
    parts: list[list[str]] = [[] for _ in columns]
    full = next((at for at, cells in enumerate(header) if len(cells) == len(columns)), len(header) - 1)
    for number, cells in enumerate(header):
        runs = sorted((run for line in cells.values() for run in line), key=lambda run: run.x0)
        spans = _spans(runs, columns) if number < full else [(nearest(run, columns),) * 2 for run in runs]
        for run, (first, last) in zip(runs, spans, strict=True):
            for at in range(first, last + 1):
                parts[at].append(run.text)
    return [" ".join(texts) for texts in parts]


def _spans(runs: Sequence[Word], columns: Sequence[Column]) -> list[tuple[int, int]]:
    """The first and last column that each of the names on one line stands over: those that have their middle below it."""
    spans = []
    for run in runs:
        inside = [at for at, column in enumerate(columns) if overlap(run, column) > 0]
        spans.append((inside[0], inside[-1]) if inside else (nearest(run, columns),) * 2)
    least = 0 if len(runs) > 1 else 1  # the only name on its line is not that of the labels too
    grows = len(columns) > 2
    while grows:
        grows = False
        for number, (first, last) in enumerate(spans):
            taken = {at for other, span in enumerate(spans) if other != number for at in range(span[0], span[1] + 1)}
            for wider in ((first - 1, last + 1), (first - 1, last), (first, last + 1)):
                if wider[0] < least or wider[1] >= len(columns) or {wider[0], wider[1]} & taken:
                    continue
                middle = (columns[wider[0]].x0 + columns[wider[1]].x1) / 2
                own = (columns[first].x0 + columns[last].x1) / 2
                at = (runs[number].x0 + runs[number].x1) / 2
                if abs(middle - at) < max(abs(own - at), runs[number].size):
                    spans[number] = wider
                    grows = True
                    break
    return spans
