"""PDF pages drawn by reportlab: prose in lines, tables, and a book whose text runs on from page to page."""

import io
import random
import textwrap
from collections.abc import Callable, Sequence

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from rag.shared.types import ParsedText
from tests.rag.parsing import conftest

Draw = Callable[[Canvas], object]
Cell = tuple[float, str]  # its left edge; from the right edge where that is negative

WIDTH, HEIGHT = A4
NOUNS = "bridge river arch builder flood winter timber stone village carriage toll lantern railing parish ferry".split()
TOP, LEFT, SIZE = 700.0, 72.0, 10.0  # of tables
VERBS = "crossed carried repaired guarded painted measured closed opened damaged widened".split()


def pdf(draw: Draw, **options: object) -> bytes:
    """A file of what is drawn, the same bytes each time."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1, **options)
    draw(canvas)
    canvas.save()
    return file.getvalue()


def of_objects(*objects: str | bytes) -> bytes:
    """A file of these objects, of which the first is the catalog."""
    content, places = b"%PDF-1.7\n", []
    for number, written in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, written if isinstance(written, bytes) else written.encode())
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Root 1 0 R /Size %d >>\nstartxref\n%d\n%%%%EOF"
    return content + end % (len(objects) + 1, table, len(objects) + 1, len(content))


def prose(seed: int, n_sentences: int) -> str:
    """Sentences that depend on nothing but the seed."""
    choice = random.Random(seed).choice
    year = random.Random(seed).randrange
    return " ".join(
        f"In {year(1500, 1999)} the {choice(NOUNS)} near the {choice(NOUNS)} was {choice(VERBS)} "
        f"by the {choice(NOUNS)} of the {choice(NOUNS)}."
        for _ in range(n_sentences)
    )


def lines_at(
    canvas: Canvas, x: float, y: float, lines: list[str], size: float = 10, pitch: float = 13, font: str = "Times-Roman"
) -> float:
    """Draw lines one under the other from a place on; where the next one would stand."""
    canvas.setFont(font, size)
    for line in lines:
        canvas.drawString(x, y, line)
        y -= pitch
    return y


def draw_rows(canvas: Canvas, y: float, rows: Sequence[Sequence[Cell]], pitch: float = 14, size: float = 10) -> float:
    """Draw rows of cells one under the other; where the next one would stand."""
    canvas.setFont("Helvetica", size)
    for row in rows:
        for x, text in row:
            if x < 0:
                canvas.drawRightString(-x, y, text)
            else:
                canvas.drawString(x, y, text)
        y -= pitch
    return y


def book(n_pages: int, header: str = "The Bridges of Arnes", number: str = "Page {}") -> tuple[bytes, list[str], str]:
    """A book with headers, page numbers and text that runs on from page to page, a fact for each page, and its text."""
    bodies = []
    facts = [f"The toll keeper of page {page} was born in {1500 + page}." for page in range(1, n_pages + 1)]

    def draw(canvas: Canvas) -> None:
        for page in range(1, n_pages + 1):
            canvas.setFont("Times-Italic", 9)
            canvas.drawString(72, 810, header.format(page))
            canvas.drawCentredString(WIDTH / 2, 30, number.format(page))
            text = f"{prose(page, 14)} {facts[page - 1]} {prose(page + 1000, 14)}"
            lines = textwrap.wrap("and " + text if page > 1 else text, 90)
            if page < n_pages:
                lines[-1] = lines[-1].rstrip(".")
            bodies.extend(lines)
            lines_at(canvas, 72, 770, lines)
            canvas.showPage()

    return pdf(draw), facts, " ".join(bodies)


def form_with_shared_fonts(text: str, value: str) -> bytes:
    """A page with a text and a field, whose font stands with all pages and has codes of its own, told by a map alone."""
    letters = sorted(set(text))
    codes = bytes(letters.index(letter) + 1 for letter in text).hex()
    pairs = " ".join(f"<{number:02x}> <{ord(letter):04x}>" for number, letter in enumerate(letters, 1))
    content = f"BT /F1 12 Tf 72 700 Td <{codes}> Tj ET"
    cmap = (
        "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange "
        f"{len(letters)} beginbfchar {pairs} endbfchar endcmap end"
    )
    widths = " ".join(["500"] * len(letters))
    objects = (
        "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 /Resources << /Font << /F1 5 0 R >> >> >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots [6 0 R] >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        f"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /FirstChar 1 /LastChar {len(letters)} "
        f"/Widths [{widths}] /ToUnicode 7 0 R >>",
        f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /V ({value}) /Rect [72 640 222 658] /AP << /N 8 0 R >> >>",
        f"<< /Length {len(cmap)} >>\nstream\n{cmap}\nendstream",
        "<< /Type /XObject /Subtype /Form /BBox [0 0 150 18] /Resources << >> /Length 0 >>\nstream\n\nendstream",
    )
    return of_objects(*objects)


def cell(canvas: Canvas, column: float, y: float, text: str, *, bold: bool = False) -> None:
    """Draw the lines of a cell from its top on."""
    canvas.setFont("Helvetica-Bold" if bold else "Helvetica", SIZE)
    for number, line in enumerate(text.split("\n")):
        canvas.drawString(column + 4, y - 11 - 12 * number, line)


def grid(canvas: Canvas, rows: Sequence[Sequence[str]], widths: Sequence[float], *, n_bold: int = 0) -> float:
    """Draw a table with all of its lines; where it ends."""
    y = TOP
    right = LEFT + sum(widths)
    canvas.line(LEFT, y, right, y)
    for number, row in enumerate(rows):
        height = 6 + 12 * max(text.count("\n") + 1 for text in row)
        x = LEFT
        for text, width in zip(row, widths, strict=True):
            cell(canvas, x, y, text, bold=number < n_bold)
            canvas.line(x, y, x, y - height)
            x += width
        canvas.line(right, y, right, y - height)
        y -= height
        canvas.line(LEFT, y, right, y)
    return y


def rows_of(parsed: ParsedText) -> list[dict[str, str]]:
    return [row for _, row in conftest.rows_of(parsed)]
