"""The order in which a page is read: words placed on it become lines, column by column.

Columns are told by geometry, not by the order in which the file draws its words. Coordinates are points, x to the right, y up.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_MIN_ROWS = 4  # lines side by side that make two columns
_MIN_CHARACTERS = 16  # of a line of running text in a column; cells of a table are shorter
_MAX_CROSSING = 0.5  # share of lines across the gutter (titles, wide figures) that a page with columns may have
_MAX_COLUMNS_DEPTH = 4
_RAISED = 0.85  # of the type beside it: smaller words are marks of reference and the like
_CLOSING = ".,;:!?)]}”’»"
EDGE = -1  # column of a header or footer that is kept: no paragraph runs on into it or from it


class Word(NamedTuple):
    """A word or a run of words on one baseline, with its box and font size."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float


@dataclass(slots=True)
class Line:
    """A line in reading order. left, right: edges of the column it stands in; ``column`` counts the columns of its page.

    quarters: by which its page is turned clockwise for it to stand upright.
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


@dataclass(slots=True)
class Page:
    """A page's lines in reading order; height in points; label: the page's printed number, if the file has labels."""

    number: int
    label: str
    height: float
    lines: list[Line] = field(default_factory=list)

    @property
    def body(self) -> list[Line]:
        """Its lines but for headers and footers."""
        return [line for line in self.lines if line.column != EDGE]


def type_sizes(pages: Sequence[Page]) -> Counter[float]:
    """How many characters are set in each type size, but for headers and footers."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page.body:
            sizes[line.size] += len(line.text)
    return sizes


def read_lines(words: Sequence[Word]) -> list[Line]:
    """The lines of a page in the order in which they are read. words: in any order, best in that of the file."""
    lines: list[Line] = []
    for number, column in enumerate(_columns(_runs(words), 0)):
        left, right = min(run.x0 for run in column), max(run.x1 for run in column)
        lines += [_line(row, left, right, number) for row in _rows(column)]
    return lines


def _runs(words: Sequence[Word]) -> list[Word]:
    """Words that follow each other on a baseline without a gap wider than a letter is high, joined.

    A run stands where its larger words do and has the size in which most of it is set.
    """
    runs: list[Word] = []
    parts: list[str] = []
    sizes: Counter[float] = Counter()
    for word in words:
        if runs:
            last = runs[-1]
            height = max(last.y1 - last.y0, word.y1 - word.y0, 1.0)
            gap = word.x0 - last.x1
            if abs(word.y0 + word.y1 - last.y0 - last.y1) < height and -0.3 * height < gap < min(
                height, 1.2 * word.size + 2
            ):
                parts += ("" if gap < 0.1 * height and word.text[0] in _CLOSING else " ", word.text)
                sizes[word.size] += len(word.text)
                low, high = min(last.y0, word.y0), max(last.y1, word.y1)
                if word.size < _RAISED * last.size:
                    low, high = last.y0, last.y1
                elif last.size < _RAISED * word.size:
                    low, high = word.y0, word.y1
                runs[-1] = Word("", last.x0, low, word.x1, high, max(sizes, key=lambda size: (sizes[size], size)))
                continue
            runs[-1] = last._replace(text="".join(parts))
        parts = [word.text]
        sizes = Counter({word.size: len(word.text)})
        runs.append(word)
    if runs:
        runs[-1] = runs[-1]._replace(text="".join(parts))
    return runs


def _columns(runs: list[Word], depth: int) -> Iterator[list[Word]]:
    """The runs column by column, from the top; what crosses the gutter comes between the columns above and below it."""
    gutter = _gutter(runs) if depth < _MAX_COLUMNS_DEPTH else None
    if gutter is None:
        if runs:
            yield runs
        return
    left: list[Word] = []
    right: list[Word] = []
    crossing: list[Word] = []
    # Where a run crosses the gutter, what is above it on either side is read first.
    for run in sorted(runs, key=lambda run: -(run.y0 + run.y1)):
        if run.x1 <= gutter + 1 or run.x0 >= gutter - 1:
            if crossing:
                yield crossing
                crossing = []
            (left if run.x1 <= gutter + 1 else right).append(run)
        else:
            if left or right:
                yield from _columns(left, depth + 1)
                yield from _columns(right, depth + 1)
                left, right = [], []
            crossing.append(run)
    for column in (crossing, left, right):
        if column is crossing:
            if column:
                yield column
        else:
            yield from _columns(column, depth + 1)


def _gutter(runs: list[Word]) -> float | None:
    """The x at which the right one of two columns begins; None when the page reads as one."""
    if len(runs) < 2 * _MIN_ROWS:
        return None
    page_left, page_right = min(run.x0 for run in runs), max(run.x1 for run in runs)
    edges = Counter(round(run.x0 / 4) for run in runs)
    best: tuple[int, float] | None = None
    for edge, count in edges.items():
        if count + edges.get(edge + 1, 0) < _MIN_ROWS:
            continue
        x = 4.0 * edge - 2
        if not 0.12 < (x - page_left) / max(page_right - page_left, 1) < 0.88:
            continue
        left = [run for run in runs if run.x1 <= x + 1]
        right = [run for run in runs if run.x0 >= x - 1]
        n_crossing = len(runs) - len(left) - len(right)
        if min(len(left), len(right)) < _MIN_ROWS or n_crossing > _MAX_CROSSING * len(runs):
            continue
        beside_left, beside_right = _side_by_side(left, right)
        if not (_is_prose(beside_left) and _is_prose(beside_right)):
            continue
        found = (-n_crossing, x)
        if best is None or found > best:
            best = found
    return best[1] if best else None


def _side_by_side(left: list[Word], right: list[Word]) -> tuple[list[Word], list[Word]]:
    """The runs of either side within the height that both sides share."""
    top = min(max(run.y1 for run in left), max(run.y1 for run in right))
    bottom = max(min(run.y0 for run in left), min(run.y0 for run in right))
    return (
        [run for run in left if run.y1 > bottom and run.y0 < top],
        [run for run in right if run.y1 > bottom and run.y0 < top],
    )


def _is_prose(runs: list[Word]) -> bool:
    """Whether runs are lines of text that fill their column, and not cells of a table."""
    if len(runs) < _MIN_ROWS:
        return False
    left, right = min(run.x0 for run in runs), max(run.x1 for run in runs)
    full = sum(run.x1 > right - 0.2 * (right - left) for run in runs)
    characters = sorted(len(run.text) for run in runs)[len(runs) // 2]
    return characters >= _MIN_CHARACTERS and full >= 0.4 * len(runs)


def _rows(runs: list[Word]) -> Iterator[list[Word]]:
    """Runs of one column that stand on one line, from the top."""
    row: list[Word] = []
    low = high = 0.0
    for run in sorted(runs, key=lambda run: -(run.y0 + run.y1)):
        if row:
            shared = min(high, run.y1) - max(low, run.y0)
            if shared > 0.5 * min(high - low, run.y1 - run.y0):
                row.append(run)
                continue
            yield row
        row = [run]
        low, high = run.y0, run.y1
    if row:
        yield row


def _line(row: list[Word], left: float, right: float, column: int) -> Line:
    row.sort(key=lambda run: run.x0)
    if sum(_is_rtl(run.text) for run in row) * 2 > len(row):
        row.reverse()
    parts = [row[0].text]
    for before, run in zip(row, row[1:], strict=False):
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
