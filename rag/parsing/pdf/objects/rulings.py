"""Lines drawn on a page, across and down: strokes, thin rectangles, and the edges of others."""

import ctypes
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

_MAX_SEGMENTS = 20_000  # of a page: a drawing with more is no table
_MAX_OBJECTS = 100_000
_MAX_DEPTH = 4  # of forms inside each other
_STRAIGHT = 1.0  # points that a line across or down may lean
_THIN = 3.5  # points: a rectangle no thicker is a line
_NEAR = 2.0  # points that are one place
_GAP = 4.0  # points between the parts of one line, as of a dotted one
_LEAST = 6.0  # points of a line

Point = tuple[float, float]
_Matrix = tuple[float, float, float, float, float, float]


class Ruling(NamedTuple):
    """A line across or down, in points. at: its y or x.  low, high: where it begins and ends."""

    at: float
    low: float
    high: float


class Rulings(NamedTuple):
    """The lines of a page, from the bottom and from the left."""

    across: Sequence[Ruling] = ()
    down: Sequence[Ruling] = ()


NO_RULINGS = Rulings()


def read_figures(page: "PdfPage") -> list[list[Point]]:
    """The figures of straight edges that are drawn on a page, as drawn; none of a page with very much drawn on it."""
    from pypdfium2 import raw

    figures: list[list[Point]] = []
    left, n_objects = _MAX_SEGMENTS, 0
    for figure in _figures(page.raw, raw.FPDFPage_CountObjects, raw.FPDFPage_GetObject, (1, 0, 0, 1, 0, 0), 0):
        left -= len(figure)
        n_objects += 1
        if left < 0 or n_objects > _MAX_OBJECTS:
            return []
        if len(figure) > 1:
            figures.append(figure)
    return figures


def rulings_of(figures: Sequence[Sequence[Point]]) -> Rulings:
    """The lines across and down of figures."""
    across: list[Ruling] = []
    down: list[Ruling] = []
    for figure in figures:
        x0, x1 = min(x for x, _ in figure), max(x for x, _ in figure)
        y0, y1 = min(y for _, y in figure), max(y for _, y in figure)
        if min(x1 - x0, y1 - y0) <= _THIN:
            if x1 - x0 >= y1 - y0:
                across.append(Ruling((y0 + y1) / 2, x0, x1))
            else:
                down.append(Ruling((x0 + x1) / 2, y0, y1))
            continue
        for (ax, ay), (bx, by) in pairwise(figure):
            if abs(ay - by) <= _STRAIGHT:
                across.append(Ruling((ay + by) / 2, min(ax, bx), max(ax, bx)))
            elif abs(ax - bx) <= _STRAIGHT:
                down.append(Ruling((ax + bx) / 2, min(ay, by), max(ay, by)))
    return Rulings(_joined(across), _joined(down))


def _figures(holder: Any, count: Any, get: Any, matrix: _Matrix, depth: int) -> Iterator[list[Point]]:
    """The figures among the objects of a page or form; an empty one for each object that has none, so that all are counted."""
    from pypdfium2 import raw

    for at in range(count(holder)):
        drawn = get(holder, at)
        kind = raw.FPDFPageObj_GetType(drawn)
        yield []
        if kind == raw.FPDF_PAGEOBJ_PATH:
            yield from _edges(drawn, _placed(drawn, matrix))
        elif kind == raw.FPDF_PAGEOBJ_FORM and depth < _MAX_DEPTH:
            inner = _placed(drawn, matrix)
            yield from _figures(drawn, raw.FPDFFormObj_CountObjects, raw.FPDFFormObj_GetObject, inner, depth + 1)


def _placed(drawn: Any, outer: _Matrix) -> _Matrix:
    """The matrix by which the coordinates of an object become those of the page."""
    from pypdfium2 import raw

    own = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(drawn, own):
        return outer
    a, b, c, d, e, f = outer
    return (
        own.a * a + own.b * c,
        own.a * b + own.b * d,
        own.c * a + own.d * c,
        own.c * b + own.d * d,
        own.e * a + own.f * c + e,
        own.e * b + own.f * d + f,
    )


def _edges(path: Any, matrix: _Matrix) -> Iterator[list[Point]]:
    """The points of a path, parted where it lifts the pen or bends."""
    from pypdfium2 import raw

    a, b, c, d, e, f = matrix
    x, y = ctypes.c_float(), ctypes.c_float()
    filled, stroked = ctypes.c_int(), ctypes.c_int()
    raw.FPDFPath_GetDrawMode(path, filled, stroked)
    figure: list[Point] = []
    first: Point | None = None
    for at in range(min(raw.FPDFPath_CountSegments(path), _MAX_SEGMENTS + 1)):
        segment = raw.FPDFPath_GetPathSegment(path, at)
        kind = raw.FPDFPathSegment_GetType(segment)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = (a * x.value + c * y.value + e, b * x.value + d * y.value + f)
        if kind != raw.FPDF_SEGMENT_LINETO:
            yield figure if stroked.value or _is_thin(figure) else []
            figure = []
            first = point if kind == raw.FPDF_SEGMENT_MOVETO else first
        figure.append(point)
        if first is not None and raw.FPDFPathSegment_GetClose(segment):
            figure.append(first)
    yield figure if stroked.value or _is_thin(figure) else []


def _is_thin(figure: Sequence[Point]) -> bool:
    """Whether a figure that is filled is a line; what is larger is the ground of something."""
    xs, ys = [x for x, _ in figure], [y for _, y in figure]
    return bool(figure) and min(max(xs) - min(xs), max(ys) - min(ys)) <= _THIN


def _joined(rulings: list[Ruling]) -> list[Ruling]:
    """Lines with those that lie on them or go on from them made one, without what is too short to be one."""
    rows: list[list[Ruling]] = []
    for ruling in sorted(rulings):
        if rows and ruling.at - rows[-1][0].at <= _NEAR:
            rows[-1].append(ruling)
        else:
            rows.append([ruling])
    joined = []
    for row in rows:
        at = sum(ruling.at for ruling in row) / len(row)
        whole: list[Ruling] = []
        for ruling in sorted(row, key=lambda ruling: ruling.low):
            if whole and ruling.low <= whole[-1].high + _GAP:
                whole[-1] = whole[-1]._replace(high=max(whole[-1].high, ruling.high))
            else:
                whole.append(ruling._replace(at=at))
        joined += [ruling for ruling in whole if ruling.high - ruling.low >= _LEAST]
    return joined
