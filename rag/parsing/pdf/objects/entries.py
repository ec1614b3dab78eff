"""What is filled in on a page: text of form fields, and boxes that are ticked."""

import ctypes
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from rag.parsing.pdf.orientation import Box, TurnedWord
from rag.parsing.pdf.words import Word
from rag.parsing.structure.builder import plain

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

TICKED, UNTICKED = "☒", "☐"
_MAX_ANNOTATIONS = 10_000
_MAX_FIELDS = 1000
_MAX_VALUE = 10_000  # characters
_NOT_SHOWN = 2 | 32  # flags of an annotation: hidden, not viewed (PDF 32000-1, 12.5.3)
_USUAL_SIZE = 10.0  # points of type
_UNSELECTED = "Off"


class Entry(NamedTuple):
    """A field of a form with what it says: a mark for a box to tick, else its value, which may be drawn on the page as well."""

    box: Box
    text: str


class Entries(NamedTuple):
    """fields: of forms.  are_drawn: whether there are fields or text typed over the page, which a reader draws over it."""

    fields: Sequence[Entry]
    are_drawn: bool


def read_entries(page: "PdfPage") -> Entries:
    """The fields of a page as drawn, and whether anything is to be drawn over it."""
    from pypdfium2 import raw

    fields: list[Entry] = []
    are_drawn = False
    for number in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        if annotation:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            are_drawn = are_drawn or kind in (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT)
            if (
                kind == raw.FPDF_ANNOT_WIDGET
                and len(fields) < _MAX_FIELDS
                and not raw.FPDFAnnot_GetFlags(annotation) & _NOT_SHOWN
            ):
                box = raw.FS_RECTF()
                if raw.FPDFAnnot_GetRect(annotation, box) and (text := _text(annotation)):
                    fields.append(Entry((box.left, box.bottom, box.right, box.top), text))
            raw.FPDFPage_CloseAnnot(annotation)
    return Entries(fields, are_drawn)


def _text(field: Any) -> str:
    state = _value(field, b"AS")
    if state and _value(field, b"FT") in ("Btn", ""):
        return UNTICKED if state == _UNSELECTED else TICKED
    return _value(field, b"V") if _value(field, b"FT") in ("Tx", "Ch") else ""


def _value(field: Any, key: bytes) -> str:
    """The text or name under a key of an annotation."""
    from pypdfium2 import raw

    return text_given_by(partial(raw.FPDFAnnot_GetStringValue, field, key), _MAX_VALUE).strip()


def text_given_by(call: Callable[[Any, int], int], longest: int) -> str:
    """The text that a call of PDFium writes into a buffer, whose size it says when it is given none; "" for a longer one."""
    from pypdfium2 import raw

    size = call(None, 0)
    if not 2 < size <= 2 * longest:
        return ""
    buffer = ctypes.create_string_buffer(size)
    call(ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\x00")


def with_entries(words: Sequence[TurnedWord], fields: Sequence[Entry]) -> list[TurnedWord]:
    """The words of a page with what its fields say, unless that is drawn in their boxes. Marks take the place of what is drawn."""
    upright = sorted((word.y0 + word.y1, number) for number, (quarters, word) in enumerate(words) if not quarters)
    dropped: set[int] = set()
    added = []
    for (x0, y0, x1, y1), text in fields:
        level = upright[bisect_left(upright, (2 * y0, 0)) : bisect_right(upright, (2 * y1, len(words)))]
        inside = [number for _, number in level if 2 * x0 <= words[number].word.x0 + words[number].word.x1 <= 2 * x1]
        if text in (TICKED, UNTICKED):
            dropped.update(number for number in inside if len(words[number].word.text) == 1)
            added.append(Word(text, x0, y0, x1, y1, round(y1 - y0)))
        elif not inside:
            size = min(y1 - y0, _USUAL_SIZE)
            added.append(Word(plain(text), x0, (y0 + y1 - size) / 2, x1, (y0 + y1 + size) / 2, size))
    kept = [word for number, word in enumerate(words) if number not in dropped]
    return kept + [TurnedWord(0, word) for word in added]
