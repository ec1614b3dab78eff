"""Pages of PDF files as pictures (PDFium through pypdfium2), with the words that are cited or sought marked.

It runs where files are parsed (``rag.parsing.sandbox.worker``), never in the service's own process: files are from strangers.
The words are found on the page when it is drawn, by the letters that its text layer shows, so that nothing is kept of their places.
"""

import re
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from os.path import commonprefix
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.shared.errors import UnreadableContent

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

MAX_PIXELS = 6_000_000
MAX_SIDE = 8000
_MAX_LETTERS = 200_000  # of a page that are looked at
_MAX_FOUND = 500
_MOST_PLACES = 50  # at which the same quote is looked for
_LEAST_PIECE = 8  # letters; shorter ones stand anywhere
_WORDS_OF_A_PIECE = 6
_QUOTED, _SOUGHT = (253, 224, 120), (160, 215, 255)  # light enough for black letters on them: contrast 15 and 13
_MOST_BETWEEN = 4  # characters between two letters that are marked together
_LEVEL = 4  # of compression: twice as fast as 6, a tenth larger

Pixels = NDArray[np.uint8]  # (height, width, 3)
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


class Wanted(NamedTuple):
    """What is to be drawn. number: of the page, from 1.  width: in pixels.  quote: what is cited; before: what stands before it.

    sought: words to be marked wherever they stand.
    """

    number: int
    width: int
    quote: str = ""
    before: str = ""
    sought: str = ""


class Drawn(NamedTuple):
    """A page. n_pages: of its file.  quoted, sought: rectangles that were marked.  png: empty where there is no such page.

    quoted_at: how far down the first of them begins, 0 to 1.
    """

    n_pages: int
    width: int
    height: int
    quoted: int
    sought: int
    quoted_at: float
    png: bytes


class Letters(NamedTuple):
    """Letters and digits of a text, folded, and of each the number of the character that it is of."""

    text: str
    places: list[int]


def draw(content: bytes, wanted: Wanted) -> Drawn:
    """A page of a PDF.  Raises UnreadableContent for a file or page that cannot be drawn."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        raise UnreadableContent("its pages cannot be drawn: the PDF is protected or damaged") from error
    with closing(document):
        n_pages = len(document)
        if not 1 <= wanted.number <= n_pages:
            return Drawn(n_pages, 0, 0, 0, 0, 0.0, b"")
        try:
            return _drawn(document[wanted.number - 1], n_pages, wanted)
        except pypdfium2.PdfiumError as error:
            raise UnreadableContent(f"page {wanted.number} is damaged and cannot be drawn") from error


def _drawn(page: "PdfPage", n_pages: int, wanted: Wanted) -> Drawn:
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise UnreadableContent(f"page {wanted.number} has no size")
    scale = min(
        wanted.width / width, MAX_SIDE / max(width, height), (MAX_PIXELS / (float(width) * float(height))) ** 0.5
    )
    bitmap = page.render(scale=scale, rev_byteorder=True)
    pixels: Pixels = np.array(bitmap.to_numpy()[:, :, :3])
    bitmap.close()
    with closing(page.get_textpage()) as layer:
        letters = folded(_characters(layer))
        quoted = _rectangles(page, layer, quoted_places(letters, wanted.quote, wanted.before), pixels)
        sought = _rectangles(page, layer, sought_places(letters, wanted.sought), pixels)
    _mark(pixels, sought, _SOUGHT)
    _mark(pixels, quoted, _QUOTED)
    shown_height, shown_width = pixels.shape[:2]
    first = min((top for _, top, _, _ in quoted), default=0) / shown_height
    return Drawn(n_pages, shown_width, shown_height, len(quoted), len(sought), first, png(pixels))


def _characters(layer: "PdfTextPage") -> Iterator[str]:
    from pypdfium2 import raw

    for at in range(min(layer.count_chars(), _MAX_LETTERS)):
        code = raw.FPDFText_GetUnicode(layer, at)
        yield chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else " "


def folded(characters: Iterator[str] | str) -> Letters:
    """What of a text is compared: its letters and digits, without case, accents and ligatures as they may be written."""
    text: list[str] = []
    places: list[int] = []
    for place, character in enumerate(characters):
        for part in unicodedata.normalize("NFKD", character).casefold():
            if part.isalnum():
                text.append(part)
                places.append(place)
    return Letters("".join(text), places)


def quoted_places(page: Letters, quote: str, before: str) -> list[int]:
    """Numbers of the characters of a page that a quote is of: all of it, else the pieces of it that stand on the page.

    Where it stands more than once the place is taken that the text before it leads to.
    """
    whole, lead = folded(quote).text, folded(before).text
    if not whole:
        return []
    if found := _occurrences(page.text, whole, _MOST_PLACES):
        ends = {at: page.text[max(at - len(lead), 0) : at] for at in found}  # up to each, as long as the lead
        start = max(found, key=lambda at: (len(commonprefix((ends[at][::-1], lead[::-1]))), -at))
        return page.places[start : start + len(whole)]
    places: list[int] = []
    last = 0
    for piece in _pieces(quote):
        at = page.text.find(piece, last)
        at = page.text.find(piece) if at < 0 else at
        if at >= 0:
            places += page.places[at : at + len(piece)]
            last = at + len(piece)
    return places


def sought_places(page: Letters, sought: str) -> list[int]:
    """Numbers of the characters of a page where these words stand."""
    letters = folded(sought).text
    if not letters:
        return []
    found = _occurrences(page.text, letters, _MAX_FOUND)
    return [place for at in found for place in page.places[at : at + len(letters)]]


def _occurrences(text: str, part: str, most: int) -> list[int]:
    return [match.start() for match in islice(re.finditer(re.escape(part), text), most)]


def _pieces(quote: str) -> Iterator[str]:
    """Stretches of a few words of each line, long enough to stand for themselves."""
    for line in quote.splitlines():
        words = line.split()
        for first in range(0, len(words), _WORDS_OF_A_PIECE):
            piece = folded(" ".join(words[first : first + _WORDS_OF_A_PIECE])).text
            if len(piece) >= _LEAST_PIECE:
                yield piece


def _rectangles(page: "PdfPage", layer: "PdfTextPage", places: Sequence[int], pixels: Pixels) -> list[Rectangle]:
    """Where characters stand in the picture, those of a line together."""
    from ctypes import c_double, c_int

    from pypdfium2 import raw

    height, width = pixels.shape[:2]
    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    x, y = c_int(), c_int()
    lines: list[list[int]] = []
    before, last = -2, (0, 0, 0, 0)
    for place in places:
        if not raw.FPDFText_GetCharBox(layer, place, left, right, bottom, top):
            continue
        corners = []
        for across, up in ((left.value, top.value), (right.value, bottom.value)):
            # It knows how the page is turned and cut.
            raw.FPDF_PageToDevice(page, 0, 0, width, height, 0, across, up, x, y)
            corners.append((x.value, y.value))
        (x0, x1), (y0, y1) = sorted((corners[0][0], corners[1][0])), sorted((corners[0][1], corners[1][1]))
        box = (x0, y0, x1, y1)
        # Blanks and signs between the letters are not among the places: up to three of them may lie between.
        if lines and place - before <= _MOST_BETWEEN and _go_on(last, box):
            line = lines[-1]
            line[:] = [min(x0, line[0]), min(y0, line[1]), max(x1, line[2]), max(y1, line[3])]
        else:
            lines.append([*box])
        before, last = place, box
    inside = []
    for x0, y0, x1, y1 in lines:
        x0, y0, x1, y1 = max(0, x0 - 1), max(0, y0 - 2), min(width, x1 + 2), min(height, y1 + 2)
        if x0 < x1 and y0 < y1:
            inside.append((x0, y0, x1, y1))
    return inside


def _go_on(one: Rectangle, other: Rectangle) -> bool:
    """Whether two letters are of one line, which may run in any direction."""
    size = max(one[2] - one[0], one[3] - one[1], other[2] - other[0], other[3] - other[1], 1)
    # Negative: they overlap.
    across, down = (max(one[at], other[at]) - min(one[at + 2], other[at + 2]) for at in (0, 1))
    return (down < 0 and across < _MOST_BETWEEN * size) or (across < 0 and down < _MOST_BETWEEN // 2 * size // 2)


def _mark(pixels: Pixels, rectangles: Sequence[Rectangle], color: tuple[int, int, int]) -> None:
    """Colour the ground of rectangles, so that what is written there stays as dark as it is."""
    marked = np.zeros(pixels.shape[:2], dtype=bool)
    for left, top, right, bottom in rectangles:
        marked[top:bottom, left:right] = True
    ground = np.array(color, dtype=np.uint16)
    pixels[marked] = (pixels[marked] * ground // 255).astype(np.uint8)


def png(pixels: Pixels) -> bytes:
    """A picture as PNG (RFC 2083): 8 bits each of red, green and blue."""
    height, width = pixels.shape[:2]
    lines = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # each line begins with its filter, none
    lines[:, 1:] = pixels.reshape(height, 3 * width)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(lines.tobytes(), _LEVEL)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
