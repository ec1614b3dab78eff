"""Tables whose cells have lines around them: rows and columns are where the lines are, also of cells over several."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from rag.parsing.pdf.objects.rulings import Ruling, Rulings
from rag.parsing.pdf.tables.aligned import columns_of
from rag.parsing.pdf.tables.column_names import is_leading, n_header, says_value, without_leaders
from rag.parsing.pdf.tables.rows import Column, lay_out_rows, names_over
from rag.parsing.pdf.words import Word, joined, rows_of, runs_of, text_of
from rag.parsing.structure.tables import Cell, Row, Table, lay_out

_NEAR = 3.0  # points by which lines that meet may miss each other
NARROW = 6.0  # points: lines closer to each other are the sides of one line, or of cells with a gap between them
_BEYOND = 12.0  # points by which lines stick out of a table that has no line at its side
_MAX_PAIRS = 200_000  # of lines on a page that may meet
_MAX_PLACES = 20_000  # of a table
_LONG = 300  # characters of a cell: where most have more, the lines part a page, and no table
_MIN_FILLED = 0.2  # share of the cells that have text
_OPEN = 0.1  # of the cells: as many may have several values on one line
_LEVEL = 0.6
_MAX_HEAD = 6  # lines
_LEVELLED = 0.95  # of the lines of cells that hold several rows
_MAX_LABEL = 60  # characters of a label beside the lines of its table
_FAR = 150.0  # points that it stands from them at most
_MAX_NAME = 40  # characters of a name above the lines of its table
_ABOVE = 1.0  # of its height that it stands above them at most
_MAX_TABLES = 100  # of a page
_CENTRED = 0.2  # of the width of its columns that a name may stand beside their middle
_BLANK = 0.8  # of its height that a line stands below what is above it, where a row ends


@dataclass(frozen=True, slots=True)
class Ruled:
    """A table with the box it stands in, in points, and its lines of text from the top, each as one run as wide as the table."""

    table: Table
    runs: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class _Box:
    """A cell: its first and last row and column, from the top and from the left."""

    top: int
    bottom: int
    left: int
    right: int

    def cell(self, text: str) -> Cell:
        return Cell(text, self.right - self.left + 1, self.bottom - self.top + 1)


def take_ruled(words: Sequence[Word], rulings: Rulings) -> tuple[list[Word], list[Ruled]]:
    """The words of a page that stand in no table with lines, and those tables."""
    rest = list(words)
    tables = []
    for across, down in _groups(rulings):
        xs, ys = _places(down, across), _places(across, down)[::-1]
        if len(xs) < 3 or len(ys) < 2 or (len(xs) - 1) * (len(ys) - 1) > _MAX_PLACES:
            continue
        beside = _labels(rest, xs[0], ys)
        if beside:
            left = min(word.x0 for word in beside) - 1
            across = [line._replace(low=left) if abs(line.low - xs[0]) <= _NEAR else line for line in across]
            xs = [left, *xs]
        if _is_crossed(rest, xs, ys):
            continue
        inside = [word for word in rest if xs[0] < _middle(word)[0] < xs[-1] and ys[-1] < _middle(word)[1] < ys[0]]
        table = _table(inside, xs, ys, across, [*down, Ruling(xs[0], ys[-1], ys[0])]) if inside else None
        if table is not None:
            above = _names_above(rest, xs, ys[0])
            table = _with_names(table, above, xs)
            inside += [word for run in above for word in run.words]
            taken = set(map(id, inside))
            rest = [word for word in rest if id(word) not in taken]
            tables.append(Ruled(table, as_wide_as(lines_of(inside), xs[0], xs[-1])))
    return rest, tables


def _is_crossed(words: Sequence[Word], xs: Sequence[float], ys: Sequence[float]) -> bool:
    """Whether text goes on over the edges of a table: then the lines are of boxes to fill in, or of a drawing."""
    lines = lines_of([word for word in words if ys[-1] < _middle(word)[1] < ys[0]])
    n_crossing = sum(
        any(
            (before.x0 + before.x1) / 2 < edge < (word.x0 + word.x1) / 2
            for edge in (xs[0], xs[-1])
            for before, word in pairwise(run.words)
        )
        for line in lines
        for run in line
    )
    return n_crossing > _OPEN * len(lines)


def _labels(words: Sequence[Word], left: float, ys: Sequence[float]) -> list[Word]:
    """The words of labels that stand left of the lines of a table, one to each of most of its rows; none where there are none."""
    beside = [word for word in words if word.x1 < left + _NEAR and ys[-1] < _middle(word)[1] < ys[0]]
    lines = lines_of(beside)
    if not lines or any(len(line) > 1 or len(line[0].text) > _MAX_LABEL or left - line[0].x1 > _FAR for line in lines):
        return []
    depths = [-y for y in ys]
    rows = {bisect_right(depths, -_level(line)) for line in lines}
    return beside if len(rows) >= _LEVEL * (len(ys) - 1) and len(lines) <= len(ys) else []


def _names_above(words: Sequence[Word], xs: Sequence[float], top: float) -> list[Word]:
    """The names over several columns that stand on the line above those of a table, as runs; none where there are none."""
    near = [
        word
        for word in words
        if xs[0] - _NEAR < word.x0
        and word.x1 < xs[-1] + _NEAR
        and -_NEAR < word.y0 - top < _ABOVE * (word.y1 - word.y0)
    ]
    lines = lines_of(near)
    runs = lines[-1] if lines else []
    is_line = 1 < len(runs) < len(xs) and all(len(run.text) <= _MAX_NAME and run.x0 > xs[1] - _NEAR for run in runs)
    return runs if is_line else []


def _with_names(table: Table, above: Sequence[Word], xs: Sequence[float]) -> Table:
    """A table with names above those that it has."""
    if not above or table.names and len(table.names) != len(xs) - 1:
        return table
    over = names_over([above], [Column(left, right) for left, right in pairwise(xs)])
    own = table.names or [""] * len(over)
    names = [" ".join(filter(None, pair)) for pair in zip(over, own, strict=True)]
    return replace(table, header=[[run.text for run in above], *table.header], names=names)


def _middle(word: Word) -> tuple[float, float]:
    return (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2


def _groups(rulings: Rulings) -> list[tuple[list[Ruling], list[Ruling]]]:
    """The lines across and down that meet each other, at least two of each, larger groups last."""
    across, down = rulings
    if len(across) * len(down) > _MAX_PAIRS:
        return []
    parent = list(range(len(across) + len(down)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for n, line in enumerate(across):
        for m, wall in enumerate(down, len(across)):
            if line.low - _NEAR <= wall.at <= line.high + _NEAR and wall.low - _NEAR <= line.at <= wall.high + _NEAR:
                parent[root(n)] = root(m)
    groups: dict[int, tuple[list[Ruling], list[Ruling]]] = defaultdict(lambda: ([], []))
    for n, line in enumerate(across):
        groups[root(n)][0].append(line)
    for m, wall in enumerate(down, len(across)):
        groups[root(m)][1].append(wall)
    whole = [group for group in groups.values() if len(group[0]) > 1 and len(group[1]) > 1]
    return sorted(whole, key=lambda group: len(group[0]) * len(group[1]))[-_MAX_TABLES:]


def _places(lines: Sequence[Ruling], crossing: Sequence[Ruling]) -> list[float]:
    """Where lines stand, in order; also where those that cross them end together, beyond the last of them."""
    places: list[float] = []
    for line in sorted(lines):
        if not places or line.at - places[-1] > NARROW:
            places.append(line.at)
    for ends, is_beyond in (
        (sorted(line.low for line in crossing), places[0] - _BEYOND),
        (sorted(-line.high for line in crossing), -places[-1] - _BEYOND),
    ):
        if len(ends) > 1 and ends[0] < is_beyond and ends[1] - ends[0] <= _NEAR:
            places.append(abs(ends[0]))
    return sorted(places)


def _boxes(xs: Sequence[float], ys: Sequence[float], across: Sequence[Ruling], down: Sequence[Ruling]) -> list[_Box]:
    """The cells, from the top and from the left. ys: from the top."""
    n_rows, n_columns = len(ys) - 1, len(xs) - 1
    walls = {(row, at) for wall in down for at in [_nearest(xs, wall.at)] for row in range(n_rows)
             if wall.low - _NEAR <= (ys[row] + ys[row + 1]) / 2 <= wall.high + _NEAR}  # fmt: skip
    floors = {(at, column) for line in across for at in [_nearest(ys, line.at)] for column in range(n_columns)
              if line.low - _NEAR <= (xs[column] + xs[column + 1]) / 2 <= line.high + _NEAR}  # fmt: skip
    boxes: list[_Box] = []
    above: dict[tuple[int, int], int] = {}
    for row in range(n_rows):
        here: dict[tuple[int, int], int] = {}
        left = 0
        for column in range(n_columns):
            if column + 1 < n_columns and (row, column + 1) not in walls:
                continue
            span = left, column
            left = column + 1
            number = above.get(span)
            if number is not None and not any((row, at) in floors for at in range(span[0], span[1] + 1)):
                boxes[number] = _Box(boxes[number].top, row, *span)
            else:
                number = len(boxes)
                boxes.append(_Box(row, row, *span))
            here[span] = number
        above = here
    return boxes


def _nearest(places: Sequence[float], at: float) -> int:
    return min(range(len(places)), key=lambda number: abs(places[number] - at))


_Lines = list[list[Word]]  # of a cell, from the top, each the runs on it from the left


def _table(
    words: Sequence[Word], xs: Sequence[float], ys: Sequence[float], across: Sequence[Ruling], down: Sequence[Ruling]
) -> Table | None:
    """The table of the words among lines; None where these are no table's."""
    boxes = _boxes(xs, ys, across, down)
    number_of = {
        (row, column): number
        for number, box in enumerate(boxes)
        for row in range(box.top, box.bottom + 1)
        for column in range(box.left, box.right + 1)
    }
    depths = [-y for y in ys]
    inside: dict[int, list[Word]] = defaultdict(list)
    for word in words:
        x, y = _middle(word)
        inside[number_of[bisect_right(depths, -y) - 1, bisect_right(xs, x) - 1]].append(word)
    lines = {number: lines_of(cell) for number, cell in inside.items()}
    lengths = [sum(len(word.text) + 1 for word in cell) for cell in inside.values()]
    if len(lines) < _MIN_FILLED * len(boxes) or median(lengths) > _LONG:
        return None
    if sum(map(_is_open, lines.values())) > _OPEN * len(lines):
        return _parted_by_gaps(words)
    by_row: list[dict[int, _Lines]] = [{} for _ in ys[1:]]
    for number, cell in lines.items():
        by_row[boxes[number].top][number] = cell
    if not any(len(row) > 1 for row in by_row):
        return None
    if (stack := next((at for at, row in enumerate(by_row) if _is_stack([*row.values()])), None)) is not None:
        return _parted_by_walls(words, xs, ys[max(stack - 1, 0)])
    cells: list[list[Cell]] = []
    texts: list[list[str]] = []
    bold: list[bool] = []
    tops: list[int] = []
    for top in range(len(by_row)):
        own = [number for number, box in enumerate(boxes) if box.top == top]
        parts = _parts(by_row[top]) if all(boxes[number].bottom == top for number in own) else [by_row[top]]
        for part in parts:
            row = [piece for number in own for piece in _shared(boxes[number], part.get(number, []), xs)]
            cells.append([box.cell(text) for box, text in row])
            if any(text for _, text in row):
                tops.append(top)
                texts.append([""] * (len(xs) - 1))
                bold.append(all(run.bold for cell in part.values() for line in cell for run in line))
                for box, text in row:
                    texts[-1][box.left] = text
    if len(texts) < 2:
        return None
    height = n_header(texts, bold)
    while 0 < height < len(tops) and tops[height - 1] == tops[height]:
        height -= 1  # no line parts what names the columns from what does not
    if height:
        last = max(box.bottom for box in boxes if box.left == 0 and box.top <= tops[height - 1])
        beside = bisect_right(tops, last)  # what stands beside the name of the labels names columns too
        height = beside if beside - height < _MAX_HEAD and beside < len(tops) else height
    # Rows without text, which only other cells reach into, are counted too.
    filled = [at for at, row in enumerate(cells) if any(cell.text for cell in row)]
    return lay_out(cells, filled[height] if height < len(filled) else len(cells))


def _shared(box: _Box, lines: _Lines, xs: Sequence[float]) -> list[tuple[_Box, str]]:
    """A cell with its text: or cells, where several texts share those columns evenly, as names of columns without lines between."""
    n_columns = box.right - box.left + 1
    runs = lines[0] if len(lines) == 1 else []
    width = n_columns // len(runs) if len(runs) > 1 and n_columns % len(runs) == 0 else 0
    shares = (
        [replace(box, left=left, right=left + width - 1) for left in range(box.left, box.right + 1, width)]
        if width
        else []
    )
    if shares and all(
        abs(_middle(run)[0] - (xs[share.left] + xs[share.right + 1]) / 2)
        < _CENTRED * (xs[share.right + 1] - xs[share.left])
        for share, run in zip(shares, runs, strict=True)
    ):
        return [(share, without_leaders(run.text)) for share, run in zip(shares, runs, strict=True)]
    return [(box, without_leaders(text_of(lines)))]


def lines_of(words: Sequence[Word]) -> list[list[Word]]:
    """The lines of words from the top, each the runs on it from the left."""
    return [sorted(row, key=lambda run: run.x0) for row in rows_of(runs_of(words))]


def _is_open(cell: _Lines) -> bool:
    """Whether a cell between lines holds several cells beside each other: several values on a line, or labels with values."""
    if any(sum(says_value(run.text) for run in line) > 1 for line in cell):
        return True
    return len(cell) > 2 and sum(len(line) > 1 and says_value(line[-1].text) for line in cell) > len(cell) / 2


def _is_stack(cells: Sequence[_Lines]) -> bool:
    """Whether the cells of a row between lines hold several rows, one under the other: values on lines of their own.

    They are as tall as the others, or stand on the lines of the tallest, where not every row has all values.
    """
    valued = [cell for cell in cells if all(says_value(run.text) for line in cell for run in line)]
    height = max(map(len, valued), default=0)
    if height > 2 and sum(len(cell) >= _LEVEL * height for cell in cells) >= max(2, _LEVEL * len(cells)):
        return True
    if height <= 2 or sum(len(cell) > 1 for cell in valued) < 2:
        return False
    levels = sorted(_level(line) for line in max(cells, key=len))
    others = [_level(line) for cell in cells for line in cell]
    return sum(_is_among(level, levels) for level in others) >= _LEVELLED * len(others)


def _level(line: Sequence[Word]) -> float:
    return (line[0].y0 + line[0].y1) / 2


def _is_among(level: float, levels: Sequence[float]) -> bool:
    return bisect_left(levels, level - _NEAR) < bisect_right(levels, level + _NEAR)


def _parts(row: dict[int, _Lines]) -> list[dict[int, _Lines]]:
    """The cells of a row in parts: with a blank band over its whole width between them, each with text in several cells.

    Or, where dots lead from its labels to the cells beside them, one to each label.
    """
    labels = row[min(row)] if row else []
    begins = [max(run.y1 for run in below) for above, below in pairwise(labels) if is_leading(above[-1].text)]
    if begins:
        led: list[dict[int, _Lines]] = [{} for _ in range(len(begins) + 1)]
        for number, cell in row.items():
            for line in cell:
                at = sum(_level(line) < begin for begin in begins)
                led[at].setdefault(number, []).append(line)
        return led
    ordered = sorted(
        (
            (max(run.y1 for run in line), min(run.y0 for run in line), number, line)
            for number, cell in row.items()
            for line in cell
        ),
        key=lambda entry: -entry[0],
    )
    parts: list[dict[int, _Lines]] = [{}]
    low = ordered[0][1] if ordered else 0.0
    for high, bottom, number, line in ordered:
        if low - high > _BLANK * (high - bottom) and len(parts[-1]) > 1:
            parts.append({})
        parts[-1].setdefault(number, []).append(line)
        low = min(low, bottom)
    if len(parts) > 1 and len(parts[-1]) < 2:
        for number, cell in parts.pop().items():
            parts[-1].setdefault(number, []).extend(cell)
    return parts


def _parted_by_gaps(words: Sequence[Word]) -> Table | None:
    """A table in which lines part only some of the columns."""
    rows = lines_of(words)
    columns = columns_of(rows) if any(len(row) > 1 for row in rows) else None
    return lay_out_rows(rows, columns) if columns is not None else None


def _parted_by_walls(words: Sequence[Word], xs: Sequence[float], top: float) -> Table:
    """A table in which lines part the columns, and not all of the rows. top: more lines above it are no head, but text."""
    lines = lines_of(words)
    columns = [Column(left, right) for left, right in pairwise(xs)]
    above = [Row([" ".join(run.text for run in line)]) for line in lines if _level(line) > top]
    if len(above) <= _MAX_HEAD:
        return lay_out_rows(lines, columns)
    table = lay_out_rows(lines[len(above) :], columns)
    return replace(table, header=[], rows=[*above, *(Row(["\t".join(line)]) for line in table.header), *table.rows])


def as_wide_as(lines: Sequence[Sequence[Word]], left: float, right: float) -> tuple[Word, ...]:
    """Lines as one run each, as wide as the table that they are of."""
    return tuple(joined(line)._replace(x0=left, x1=right) for line in lines)
