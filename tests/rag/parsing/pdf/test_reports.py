"""PDF files as report programs make them: marks of reference, numbered lists, turned text, forms, left and right headers."""

import io

import pytest
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import ListFlowable, PageBreak, Paragraph, SimpleDocTemplate

from rag.parsing.formats import parse
from tests.rag.parsing.conftest import PathOf, Read
from tests.rag.parsing.pdf.drawing import pdf

STYLES = getSampleStyleSheet()
FEE = (
    "The harbour board decided in spring that every ferry which calls at the north quay shall pay a fee of one hundred and "
    "twenty crowns for each call, counted from the first of May. "
)


def report() -> bytes:
    def header(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(72, 800, "Harbour board, annual report" if document.page % 2 else "Fees and berths")
        canvas.drawCentredString(300, 30, str(document.page))

    def text(words: str, style: str = "Normal") -> Paragraph:
        return Paragraph(words, STYLES[style])

    file = io.BytesIO()
    story = [
        text("Annual report", "Title"),
        text("1 Fees", "Heading1"),
        text(FEE * 3 + "The last of them pays less<super>1</super>."),
        text("1.1 Ferries", "Heading2"),
        text(FEE * 2),
        ListFlowable([text("the name of the ship"), text("its cargo")]),
        *(part for number in range(3) for part in (PageBreak(), text(f"Part {number} of the rest. " + FEE))),
    ]
    SimpleDocTemplate(file, title="Annual report").build(story, onFirstPage=header, onLaterPages=header)
    return file.getvalue()


def test_headings_are_the_headings_alone(read: Read, path_of: PathOf) -> None:
    parsed = read("a.pdf", report())
    headings = [section.path[-1] for section in parsed.sections if section.path]
    assert headings == ["Annual report", "1 Fees", "1.1 Ferries"]
    assert path_of(parsed, "its cargo") == ("1 Fees", "1.1 Ferries")
    assert "pays less 1." in parsed.text
    assert "\n\n1 the name of the ship\n\n2 its cargo" in parsed.text


def test_headers_that_stand_on_left_or_right_pages_alone_are_kept_once() -> None:
    text = parse("a.pdf", report()).text
    assert text.count("annual report\n") == text.count("Fees and berths") == 1


def test_what_is_said_by_nobody_is_no_metadata() -> None:
    assert set(parse("a.pdf", report()).metadata) == {"date", "pages"}


@pytest.mark.parametrize("page_turn", [0, 90, 180, 270])
@pytest.mark.parametrize("text_turn", [0, 90, 180, 270])
def test_turned_text_is_read_along_its_lines(page_turn: int, text_turn: int, read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(page_turn)
        canvas.translate(300, 400)
        canvas.rotate(text_turn)
        for line in range(4):
            canvas.drawString(0, -14 * line, f"Line {line} of a page that lies on its side")

    [paragraph] = read("a.pdf", pdf(draw)).text.split("\n\n")
    assert paragraph == " ".join(f"Line {line} of a page that lies on its side" for line in range(4))


def test_a_stamp_along_the_margin_stands_by_itself(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        for line in range(30):
            canvas.drawString(
                72, 700 - 14 * line, f"Line {line} says that the ferry to the island pays half of the fee,"
            )
        canvas.rotate(90)
        canvas.drawString(300, -40, "Lent by the library of Norwell")

    parsed = read("a.pdf", pdf(draw))
    assert parsed.text.endswith("\n\nLent by the library of Norwell")
    assert parsed.text.count("of the fee, Line") == 29
