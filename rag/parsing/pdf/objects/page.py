"""One page of a PDF file: its words as they are shown, with what was filled into forms, in lines; or itself as a picture or a file.

PDFium is not thread-safe: whoever calls holds the lock of ``parse``.
"""

import ctypes
import io
import math
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from rag.parsing.pdf.layout import Gutters, Page
from rag.parsing.pdf.objects.entries import read_entries, with_entries
from rag.parsing.pdf.objects.rulings import read_figures
from rag.parsing.pdf.orientation import Box, read_directions, turned, turned_point, turned_word
from rag.parsing.pdf.words import HYPHEN_AT_LINE_END

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

_LIGATURES = str.maketrans(
    {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st"}
)
_QUARTER = math.pi / 2
_WORD = re.compile(r"[^\s\x02]+\x02?|\x02")
UNMAPPED = re.compile("[\ufffd\ue000-\uf8ff\x00-\x01\x03-\x08\x0e-\x1f]")
_MOST_SPOILED = 20  # letters that forms have in fonts without a map of their own
_RECOGNISED_DPI = 200
_MAX_PIXELS = 25_000_000
_BOLD = re.compile(rb"bold|black|heavy|demi|CMBX|SFBX|L-Medi|-BD\b", re.I)  # in the name of a font
_FORCED_BOLD = 1 << 18  # among its flags (PDF 32000-1, 9.8.2)
_MAX_PARTED = 4  # letters of what is looked at for gaps
_WIDE = 1.2  # times the height of a line that each letter of it takes then


class Spoiled(Exception):
    """Drawing on a page what its forms show took its fonts' letters from it."""


def read_page(document: "PdfDocument", index: int, gutters: Gutters, *, is_drawn_on: bool) -> tuple[Page, bool]:
    """A page with its lines as it is shown; and whether nothing at all is drawn on it. gutters: as of ``read_lines``.

    is_drawn_on: whether it is read with what PDFium draws of its forms, else with their values alone.  Raises Spoiled then.
    """
    from pypdfium2 import raw

    page = document[index]
    try:
        entries = read_entries(page)
        if is_drawn_on and entries.are_drawn:
            n_unmapped = _n_unmapped(page)
            if raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_SUCCESS:
                page.close()  # read anew
                page = document[index]
                if _n_unmapped(page) > n_unmapped + _MOST_SPOILED:
                    raise Spoiled
        width, height = page.get_size()
        turn = page.get_rotation()
        with closing(page.get_textpage()) as layer:
            left, bottom, _, _ = page.get_cropbox()
            box = raw.FS_RECTF()

            def place(at: int) -> Box:
                raw.FPDFText_GetLooseCharBox(layer, at, box)
                shown = (box.left - left, box.bottom - bottom, box.right - left, box.top - bottom)
                return turned(shown, turn, width, height)

            words = []
            is_bold, em = _weights(layer), _ems(layer)
            for first, end, text in _spans(layer):
                quarters = -(round(raw.FPDFText_GetCharAngle(layer, first) / _QUARTER) + turn // 90) % 4
                begin = place(first)
                last = place(end - 1) if end - first > 1 else begin
                is_even = abs(begin[3] - begin[1] - last[3] + last[1]) < 0.1
                ems = em(first), 0.0 if is_even else em(end - 1)
                parts = [(text, begin, last)]
                if quarters % 2 == 0 and len(text) == end - first and _is_of_cells(text, begin, last):
                    parts = [(letter, place(at), place(at)) for at, letter in enumerate(text, first)]
                for part, start, stop in parts:
                    part = part.translate(_LIGATURES)
                    words.append(turned_word(part, start, stop, quarters, width, height, ems=ems, bold=is_bold(first)))
            fields = [
                entry._replace(box=turned((x0 - left, y0 - bottom, x1 - left, y1 - bottom), turn, width, height))
                for entry in entries.fields
                for x0, y0, x1, y1 in [entry.box]
            ]
            words = with_entries(words, fields) if fields else words
            is_empty = not words and raw.FPDFPage_CountObjects(page) == 0
            figures = [
                [turned_point(x - left, y - bottom, turn, width, height) for x, y in figure]
                for figure in read_figures(page)
            ]
            lines, height = read_directions(words, width, height, gutters, figures)
            return Page(index + 1, document.get_page_label(index), height, lines), is_empty
    finally:
        page.close()


def _n_unmapped(page: "PdfPage") -> int:
    with closing(page.get_textpage()) as layer:
        return len(UNMAPPED.findall("".join(text for _, _, text in _spans(layer))))


def page_alone(document: "PdfDocument", index: int) -> bytes:
    """A page as a file of its own."""
    import pypdfium2

    with closing(pypdfium2.PdfDocument.new()) as alone:
        alone.import_pages(document, [index])
        written = io.BytesIO()
        alone.save(written)
        return written.getvalue()


def draw_page(document: "PdfDocument", index: int) -> tuple[bytes, float]:
    """A page drawn in grey as PNM, and its pixels to a point."""
    with closing(document[index]) as page:
        width, height = page.get_size()
        scale = min(_RECOGNISED_DPI / 72, (_MAX_PIXELS / max(width * height, 1.0)) ** 0.5)
        with closing(page.render(scale=scale, grayscale=True)) as bitmap:
            rows = bytes(bitmap.buffer)
            starts = range(0, bitmap.height * bitmap.stride, bitmap.stride)
            grey = b"".join(rows[at : at + bitmap.width] for at in starts)
            return b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + grey, scale


def _spans(layer: "PdfTextPage") -> Iterator[tuple[int, int, str]]:
    """First character, the one after the last, and text of each word. A hyphen that breaks a word ends one."""
    from pypdfium2 import raw

    n_characters = layer.count_chars()
    text = layer.get_text_range().replace("\ufffe", HYPHEN_AT_LINE_END)
    if len(text) != n_characters:  # characters beyond UTF-16's first plane, or without a code: asked for one by one
        units = [raw.FPDFText_GetUnicode(layer, at) for at in range(n_characters)]
        text = "".join(chr(unit) if unit else "\ufffd" for unit in units)
    for match in _WORD.finditer(text):
        word = match[0]
        if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
            word = word.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        yield match.start(), match.end(), word


def _weights(layer: "PdfTextPage") -> Callable[[int], bool]:
    """What says whether a character is set in a bold font."""
    from pypdfium2 import raw

    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    known: dict[bytes, bool] = {}

    def is_bold(at: int) -> bool:
        raw.FPDFText_GetFontInfo(layer, at, name, 128, flags)
        font = name.value
        if font not in known:
            known[font] = _BOLD.search(font) is not None
        return known[font] or bool(flags.value & _FORCED_BOLD)

    return is_bold


def _ems(layer: "PdfTextPage") -> Callable[[int], float]:
    """What gives the size in points in which a character is set, 0 where that is not known."""
    from pypdfium2 import raw

    matrix = raw.FS_MATRIX()

    def em(at: int) -> float:
        if not raw.FPDFText_GetMatrix(layer, at, matrix):
            return 0.0
        return float(raw.FPDFText_GetFontSize(layer, at) * (matrix.c**2 + matrix.d**2) ** 0.5)

    return em


def _is_of_cells(text: str, first: Box, last: Box) -> bool:
    """Whether a word has wide gaps inside: it is of cells of a table that no blank parts. first, last: boxes of its ends."""
    width = max(first[2], last[2]) - min(first[0], last[0])
    return 1 < len(text) <= _MAX_PARTED and width > _WIDE * (first[3] - first[1]) * len(text)
