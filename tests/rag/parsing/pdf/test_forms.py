"""Forms that are filled in, and receipts."""

from reportlab.pdfgen.canvas import Canvas

from rag.shared.types import BYLINE, MARGIN, ROW, ParsedText
from tests.rag.parsing.conftest import Read
from tests.rag.parsing.pdf.drawing import draw_rows, form_with_shared_fonts, lines_at, pdf


def lines_of(parsed: ParsedText) -> list[str]:
    return [line for line in parsed.text.split("\n") if line]


def test_what_is_filled_in_and_ticked_is_read_with_its_label(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 10)
        form = canvas.acroForm
        canvas.drawString(72, 700, "Name of the ship:")
        form.textfield(name="ship", value="Otter", x=180, y=692, width=150, height=18)
        for number, (label, checked) in enumerate((("Carries salt", True), ("Carries fish", False))):
            canvas.drawString(72, 670 - 20 * number, label)
            form.checkbox(name=label, checked=checked, x=50, y=668 - 20 * number, size=12)
        for x, label, selected in ((72, "North quay", True), (180, "South quay", False)):
            canvas.drawString(x, 620, label)
            form.radio(name="quay", value=label, selected=selected, x=x - 22, y=618, size=12)
        canvas.drawString(72, 590, "Goods:")
        form.choice(name="goods", value="Tar", options=["Tar", "Rope"], x=180, y=582, width=150, height=18)
        canvas.textAnnotation("A note by the reviewer", Rect=[72, 540, 90, 560])

    assert lines_of(read("a.pdf", pdf(draw))) == [
        "Name of the ship: Otter", "☒ Carries salt", "☐ Carries fish", "☒ North quay ☐ South quay", "Goods: Tar"
    ]  # fmt: skip


def test_a_value_is_read_where_the_file_does_not_draw_it(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Name of the ship:")
        canvas.acroForm.textfield(name="ship", value="Otter", x=180, y=692, width=150, height=18)

    content = pdf(draw, pageCompression=0)
    assert b"/AP " in content
    assert lines_of(read("a.pdf", content.replace(b"/AP ", b"/XX "))) == ["Name of the ship: Otter"]


def test_a_form_whose_fonts_stand_with_all_pages_keeps_its_letters(read: Read) -> None:
    """PDFium loses such fonts where it draws the fields on the page."""
    content = form_with_shared_fonts("The ferry sails from Arnes at noon", "Otter")
    assert lines_of(read("a.pdf", content)) == ["The ferry sails from Arnes at noon", "Otter"]


def test_boxes_to_fill_in_are_no_table(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 10)
        for y, label, width in ((700, "First name:", 90), (682, "Birthday:", 118)):
            canvas.drawString(57, y, label)
            canvas.rect(117, y - 5, width, 17)
        canvas.drawString(122, 700, "Ada")
        canvas.drawString(217, 700, "Last name:")
        canvas.rect(270, 695, 90, 17)
        canvas.drawString(275, 700, "Marsh")

    parsed = read("a.pdf", pdf(draw))
    assert not [block for block in parsed.blocks if block.kind == ROW]
    assert lines_of(parsed) == ["First name: Ada Last name: Marsh", "Birthday:"]


def test_lines_of_a_receipt_are_apart_and_by_nobody(read: Read) -> None:
    lines = ["THE OTTER'S STORE", "=" * 36, "Rope 2 @ $4.50", "Member discount (15%) -$1.35", "Sales tax (8.5%)       $0.65",
             "-" * 36, "TOTAL                  $8.30"]  # fmt: skip
    parsed = read("a.pdf", pdf(lambda canvas: lines_at(canvas, 72, 700, lines, pitch=12, font="Courier")))
    texts = {parsed.text[block.start : block.end]: block.kind for block in parsed.blocks}
    assert {"Member discount (15%) -$1.35", "Sales tax (8.5%) $0.65", "TOTAL $8.30"} <= texts.keys()
    assert texts["=" * 36] == MARGIN
    assert BYLINE not in (texts["Sales tax (8.5%) $0.65"], texts["TOTAL $8.30"])


def test_lines_in_columns_that_go_on_in_small_letters_are_one_row(read: Read) -> None:
    rows = [
        ["2.5 kilograms", "1st captain", "70% of the salt"],
        ["of tar from the", "of the harbour who", "sold in Arnes is"],
        ["northern islands", "came from an island", "made by hand in"],
        ["in this year", "in the north sea", "the village"],
    ]
    cells = [[*zip((72, 222, 372), row, strict=True)] for row in rows]
    text = read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 700, cells))).text
    assert "of tar from the northern islands in this year" in text
    assert "of the harbour who came from an island in the north sea" in text
