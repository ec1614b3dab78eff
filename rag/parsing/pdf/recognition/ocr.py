"""Text recognition (OCR) of scanned pages and pictures, which works offline: by RapidOCR where it is installed, else by tesseract.

RAG_OCR_LANGUAGES, which names languages as tesseract does, chooses tesseract.
"""

import os
import shutil
from functools import cache
from importlib.util import find_spec

from rag.parsing.pdf.layout import Page
from rag.parsing.pdf.recognition import rapid, tesseract
from rag.shared.errors import BadInput, UnreadableContent
from rag.shared.types import OCR_LANGUAGES

PROGRAM = tesseract.PROGRAM
RAPID = "rapidocr"
_INSTALL = "pip install 'footnote-rag[ocr]', or the program tesseract (for example apt-get install tesseract-ocr)"
HINT = f"rag add --ocr recognises their text, with {_INSTALL}"


class PicturesOnly(UnreadableContent):
    """What shows text and holds none, and was read without recognition."""


def engine() -> str | None:
    """What recognises text: RAPID, or the place of the program; None where neither is installed."""
    return RAPID if _is_rapid() else shutil.which(PROGRAM)


def require_engine() -> None:
    """Raises BadInput, with how to get one, where nothing that recognises text is installed."""
    if engine() is None:
        raise BadInput(f"--ocr needs a program that recognises text: {_INSTALL}")


def load() -> None:
    """Make ready what recognises text in this process, before it may open no more files."""
    if _is_rapid():
        rapid.load()


def recognise(picture: bytes, scale: float = 1.0) -> list[Page]:
    """The pages of a picture (PNM, PNG, JPEG, TIFF and others) with the lines on them and how sure they are.

    scale: pixels to a unit of length.  Raises UnreadableContent when it cannot be read, or nothing recognises text here.
    """
    if _is_rapid():
        return rapid.recognise(picture, scale)
    return tesseract.recognise(picture, scale)


def _is_rapid() -> bool:
    return not os.environ.get(OCR_LANGUAGES) and _has_rapid()


@cache
def _has_rapid() -> bool:
    return find_spec(RAPID) is not None
