"""Pages with text in more than one direction: each direction is read by itself, turned so that it stands upright."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from rag.parsing.pdf.layout import Gutters, Line, read_lines
from rag.parsing.pdf.objects.rulings import NO_RULINGS, Point, rulings_of
from rag.parsing.pdf.words import Word

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in points
Ems = tuple[float, float]
_LEAST_BOX, _MOST_BOX = 0.5, 2.0  # heights of a letter's box in the size of its type, by the font
_MARKED = re.compile(r"^(.*[^\W\d_]{3,}[.,;:!?)\"'”’]*)(\d{1,3}|[*†‡§¶]{1,3}|[a-z])$")
_RAISED = 0.85  # of a word's type: a smaller character at its end is a mark of reference


class TurnedWord(NamedTuple):
    """A word of a page. quarters: by which the page is turned clockwise for the word to stand upright, as it does here."""

    quarters: int
    word: Word


def turned(box: Box, turn: int, width: float, height: float) -> Box:
    """A box of the page as drawn on the page as shown. width, height: as shown; turn: degrees clockwise."""
    x0, y0, x1, y1 = box
    if turn == 90:
        return y0, height - x1, y1, height - x0
    if turn == 180:
        return width - x1, height - y1, width - x0, height - y0
    if turn == 270:
        return width - y1, x0, width - y0, x1
    return box


def turned_point(x: float, y: float, turn: int, width: float, height: float) -> Point:
    """A point, as ``turned`` does with boxes."""
    return turned((x, y, x, y), turn, width, height)[:2]


def turned_word(
    text: str,
    first: Box,
    last: Box,
    quarters: int,
    width: float,
    height: float,
    *,
    ems: Ems = (0, 0),
    bold: bool = False,
) -> TurnedWord:
    """A word by the boxes of its first and last character on the page as shown, which is ``width`` by ``height``.

    ems: the sizes in which they are set; the heights of their boxes count where these are not given or cannot be.
    """
    if quarters:
        if quarters % 2:
            width, height = height, width
        first, last = (turned(box, 90 * quarters, width, height) for box in (first, last))
    x0, low, x1, high = first
    size, other = high - low, last[3] - last[1]
    em = ems[1] if size < _RAISED * other else ems[0]
    if other < _RAISED * size:
        if last[1] > low + 0.2 * size:  # the mark of a footnote is no part of the word
            text = _MARKED.sub(r"\1 \2", text)
    elif size < _RAISED * other:
        low, high, size = last[1], last[3], other
    else:
        low, high, size = min(low, last[1]), max(high, last[3]), max(size, other)
    box = min(x0, last[0]), low, max(x1, last[2]), high
    is_set = _LEAST_BOX * em < size < _MOST_BOX * em
    return TurnedWord(quarters, Word(text, *box, round(2 * (em if is_set else size)) / 2, bold=bold))


def read_directions(
    words: Sequence[TurnedWord],
    width: float,
    height: float,
    gutters: Gutters,
    figures: Sequence[Sequence[Point]] = (),
) -> tuple[list[Line], float]:
    """The lines of a page, those of the direction of most of its text first; and the page's height in that direction.

    gutters: as of ``read_lines``.  figures: what is drawn on the page as shown.
    """
    groups: dict[int, list[Word]] = defaultdict(list)
    for quarters, word in words:
        groups[quarters].append(word)
    lines: list[Line] = []
    ordered = sorted(groups, key=lambda quarters: -sum(len(word.text) for word in groups[quarters]))
    for quarters in ordered:
        n_columns = lines[-1].column + 1 if lines else 0
        is_main = quarters == ordered[0]
        rulings = NO_RULINGS
        if is_main and figures:
            sides = (height, width) if quarters % 2 else (width, height)
            rulings = rulings_of([[turned_point(x, y, 90 * quarters, *sides) for x, y in figure] for figure in figures])
        for line in read_lines(groups[quarters], gutters if is_main else None, rulings):
            line.column += n_columns
            line.quarters = quarters
            line.turned = not is_main
            lines.append(line)
    return lines, width if ordered and ordered[0] % 2 else height
