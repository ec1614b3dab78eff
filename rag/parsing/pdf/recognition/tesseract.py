"""Text recognition by the program tesseract, where it is installed, in the languages that RAG_OCR_LANGUAGES names ("eng+deu")."""

import os
import subprocess
from statistics import median

from rag.parsing.pdf.layout import Page, read_lines
from rag.parsing.pdf.words import Word
from rag.shared.errors import UnreadableContent
from rag.shared.types import OCR_LANGUAGES

PROGRAM = "tesseract"
_SECONDS_A_PAGE = 120
_LARGER = 1.4  # times the usual height of a line: type that is larger, and not only higher by its letters
_PAGE, _WORD = "1", "5"  # levels of tesseract's table


def recognise(picture: bytes, scale: float) -> list[Page]:
    """The pages of a picture (PNM, PNG, JPEG, TIFF and others) with the lines on them. scale: pixels to a unit of length.

    Raises UnreadableContent when tesseract is missing, fails or takes more than two minutes.
    """
    try:
        ran = subprocess.run(
            [PROGRAM, "stdin", "stdout", "-l", os.environ.get(OCR_LANGUAGES) or "eng", "tsv"],
            input=picture,
            capture_output=True,
            check=False,
            timeout=_SECONDS_A_PAGE,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    except (FileNotFoundError, PermissionError) as error:  # parsers that were started without it may not run it
        raise UnreadableContent(f"it holds pictures of text, and {PROGRAM} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise UnreadableContent("recognising its text takes too long: use a smaller picture") from error
    if ran.returncode != 0:
        errors = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UnreadableContent(f"tesseract cannot read it: {errors[-1][:120] if errors else 'it gives no reason'}")
    return _pages(ran.stdout.decode("utf-8", "replace"), scale)


def _pages(table: str, scale: float) -> list[Page]:
    """Lines of each page from tesseract's table, whose boxes are pixels from the upper left corner."""
    pages: list[Page] = []
    words: list[list[tuple[str, tuple[str, ...], float, float, float, float]]] = []
    sure: list[list[float]] = []
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) < 12:
            continue
        left, top, width, height = (float(cell) / scale for cell in cells[6:10])
        if cells[0] == _PAGE:
            pages.append(Page(len(pages) + 1, "", height))
            words.append([])
            sure.append([])
        elif cells[0] == _WORD and pages and cells[11].strip():
            bottom = pages[-1].height - top - height
            sure[-1].append(float(cells[10]) / 100)
            words[-1].append((cells[11].strip(), tuple(cells[1:5]), left, bottom, left + width, bottom + height))
    for page, placed, shares in zip(pages, words, sure, strict=True):
        page.lines = read_lines(_words(placed))
        page.confidence = sum(shares) / len(shares) if shares else None
    return pages


def _words(placed: list[tuple[str, tuple[str, ...], float, float, float, float]]) -> list[Word]:
    """Words with the height of their line as theirs, or else accents and capitals would be larger type."""
    lines: dict[tuple[str, ...], tuple[float, float]] = {}
    for _, line, _, low, _, high in placed:
        before = lines.get(line, (low, high))
        lines[line] = min(before[0], low), max(before[1], high)
    usual = median([high - low for low, high in lines.values()]) if lines else 0.0
    words = []
    for text, line, x0, _, x1, _ in placed:
        low, high = lines[line]
        size = high - low if high - low > _LARGER * usual else usual
        words.append(Word(text, x0, low, x1, high, round(2 * size) / 2))
    return words
