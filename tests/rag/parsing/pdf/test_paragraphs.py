import textwrap

import pytest
from reportlab.pdfgen.canvas import Canvas

from rag.shared.types import BYLINE, ITEM, MARGIN, MENU, PROSE, REFERENCE, ParsedText
from tests.rag.parsing.conftest import Read
from tests.rag.parsing.pdf.drawing import WIDTH, lines_at, pdf, prose


def kinds(parsed: ParsedText) -> list[tuple[str, str]]:
    return [(block.kind, parsed.text[block.start : block.end]) for block in parsed.blocks]


@pytest.mark.parametrize(
    "marks", ["A. B. C.", "iv) v) vi)", "(a) (b) (c)", "1.1 1.2 1.3", "1) 2) 3)", "II. III. IV.", "§ 4 § 5 § 6"]
)
@pytest.mark.parametrize("hanging", [0, 20])
def test_a_clause_is_one_paragraph_with_its_number(read: Read, marks: str, hanging: float) -> None:
    numbers = marks.replace("§ ", "§~").split()
    clauses = [f"{number.replace('~', ' ')} {prose(at, 3)}" for at, number in enumerate(numbers)]

    def draw(canvas: Canvas) -> None:
        y = lines_at(canvas, 72, 780, textwrap.wrap(prose(9, 4), 80))
        for clause in clauses:
            first, *rest = textwrap.wrap(clause, 80)
            y = lines_at(canvas, 100, y, [first])
            y = lines_at(canvas, 100 + hanging, y, rest)

    assert kinds(read("a.pdf", pdf(draw)))[1:] == [(ITEM, clause) for clause in clauses]


def test_clauses_have_the_lead_in_or_the_short_clause_above_them(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        y = lines_at(canvas, 72, 780, ["The keeper shall pay the toll in the following way:"])
        y = lines_at(canvas, 100, y, ["1. in spring, before the ice on the river breaks;", "2. in autumn, after it."])
        y = lines_at(canvas, 72, y, ["4. TERMINATION."])
        lines_at(canvas, 100, y, ["A. The keeper may end this contract at any time by a letter to the parish."])

    parsed = read("a.pdf", pdf(draw))
    lead = "The keeper shall pay the toll in the following way:"
    assert [block.context for block in parsed.blocks] == ["", lead, lead, "", "4. TERMINATION."]


def test_an_initial_at_the_start_of_a_line_begins_no_clause(read: Read) -> None:
    lines = [
        "The bridge over the river near the old ferry was measured in the summer of 1784 by",
        "A. Smith and his daughter, who carried the chain from the one parish to the other.",
    ]
    assert kinds(read("a.pdf", pdf(lambda canvas: lines_at(canvas, 72, 780, lines)))) == [(PROSE, " ".join(lines))]


@pytest.mark.parametrize("number", ["(90)", "[12]"])
def test_a_number_in_brackets_begins_an_item_only_where_a_line_ended(read: Read, number: str) -> None:
    first = "The keeper of the bridge may leave the parish on the last day of a month, by a letter of"
    lines = [first, f"{number} days to the builder of the ferry, who carries the chain to the other parish."]
    assert kinds(read("a.pdf", pdf(lambda canvas: lines_at(canvas, 72, 780, lines)))) == [(PROSE, " ".join(lines))]
    lines = [
        "The toll is due:",
        f"{number} in spring, before the ice on the river near the old ferry breaks and flows.",
    ]
    parsed = read("a.pdf", pdf(lambda canvas: lines_at(canvas, 72, 780, lines)))
    assert [kind for kind, _ in kinds(parsed)] == [PROSE, ITEM]


def test_fonts_of_one_size_are_of_one_paragraph_whatever_their_boxes(read: Read) -> None:
    lines = textwrap.wrap(prose(3, 6), 62)

    def draw(canvas: Canvas) -> None:
        for at, line in enumerate(lines):
            canvas.setFont("Helvetica-Bold" if at == 1 else "Courier", 12)
            canvas.drawString(50, 780 - 15 * at, line)

    parsed = read("a.pdf", pdf(draw))
    assert (kinds(parsed), [section.path for section in parsed.sections]) == ([(PROSE, " ".join(lines))], [()])


def test_the_sum_of_a_bill_in_large_type_is_no_heading(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        y = lines_at(canvas, 72, 780, textwrap.wrap(prose(1, 6), 80))
        y = lines_at(canvas, 72, y - 20, ["In all $ 821.14"], size=14)
        lines_at(canvas, 72, y - 20, textwrap.wrap(prose(2, 6), 80))

    parsed = read("a.pdf", pdf(draw))
    assert "In all $ 821.14" in [text for _, text in kinds(parsed)]


def test_entries_that_hang_are_one_paragraph_each(read: Read) -> None:
    entries = [f"Arnes, {'ABCDEF'[n]}. and {prose(n, 2)} {1990 + n}." for n in range(6)]

    def draw(canvas: Canvas) -> None:
        y = lines_at(canvas, 72, 780, ["References"], size=14, pitch=20, font="Times-Bold")
        for entry in entries:
            first, *rest = textwrap.wrap(entry, 80)
            y = lines_at(canvas, 72, y, [first])
            y = lines_at(canvas, 90, y, rest)

    assert kinds(read("a.pdf", pdf(draw))) == [(REFERENCE, entry) for entry in entries]


def test_labels_in_capitals_begin_paragraphs(read: Read) -> None:
    summary = "SUMMARY: " + prose(1, 2) + " The parish asks everyone who crosses the bridge to say what he thinks."
    dates = "DATES: The parish must receive comments by September 21, 1820."

    def draw(canvas: Canvas) -> None:
        lines_at(canvas, 72, 780, textwrap.wrap(summary, 60) + textwrap.wrap(dates, 60))

    assert [text for _, text in kinds(read("a.pdf", pdf(draw)))] == [summary, dates]


def test_a_thing_sold_is_one_with_its_price_and_amount(read: Read) -> None:
    """As on receipts; sums are lines of their own."""
    sold = [
        ["Oil lamp", "with a brass foot", "L-22 1 @ $289.00", "Discount $-29.00", "$260.00"],
        ["Rope", "R-1 2 @ $4.00", "$8.00"],
    ]
    sums = ["SUBTOTAL $268.00", "Tax (8%) $21.44"]
    lines = [line for item in sold for line in item] + ["-" * 30, *sums]
    told = kinds(read("a.pdf", pdf(lambda canvas: lines_at(canvas, 72, 780, lines))))
    assert [text for kind, text in told if kind == PROSE] == [*map(" ".join, sold), *sums]


def test_a_word_that_did_not_fit_begins_no_paragraph(read: Read) -> None:
    lines = ["Mail: U.S. Department of", "Transportation-Operations, Ground", "Floor, the bridge in the west of it."]
    assert len(read("a.pdf", pdf(lambda canvas: lines_at(canvas, 72, 780, lines))).blocks) == 1


def test_lines_of_contents_are_apart(read: Read) -> None:
    lines = [f"Chapter {n} of the bridges {'.' * 40} {n * 7}" for n in range(1, 5)]
    assert [kind for kind, _ in kinds(read("a.pdf", pdf(lambda canvas: lines_at(canvas, 72, 780, lines))))] == [
        MENU
    ] * 4


def test_a_line_of_contents_is_one_with_its_number_and_its_page(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Times-Roman", 10)
        for number in range(1, 9):
            canvas.drawString(72, 780 - 13 * number, f"1.{number}")
            canvas.drawString(110, 780 - 13 * number, f"Of bridge {number} {'.' * (60 - number)}")
            canvas.drawRightString(400, 780 - 13 * number, str(number * 3))

    told = kinds(read("a.pdf", pdf(draw)))
    assert [(kind, text.replace(".", "")) for kind, text in told] == [
        (MENU, f"1{number} Of bridge {number}  {number * 3}") for number in range(1, 9)
    ]


def test_a_line_of_the_contents_opens_no_bibliography(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        y = lines_at(canvas, 72, 780, ["Bridges"], size=24, pitch=30)
        y = lines_at(canvas, 72, y, ["Changes", "Ferries", "References"], pitch=30)
        y = lines_at(canvas, 72, y, ["Changes"], size=16, pitch=30)
        lines_at(canvas, 72, y, textwrap.wrap(prose(1, 12), 80))

    told = dict((text, kind) for kind, text in kinds(read("a.pdf", pdf(draw))))
    assert told[prose(1, 12)] == PROSE


def test_who_wrote_a_paper_is_told_apart_and_a_stamp_in_the_margin_is_no_title(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Times-Bold", 18)
        canvas.drawCentredString(WIDTH / 2, 780, "Ferries and Bridges")
        canvas.setFont("Times-Roman", 11)
        canvas.drawCentredString(WIDTH / 2, 755, "Ada Arnes and Ben Norwell")
        canvas.drawCentredString(WIDTH / 2, 740, "Institute of Bridges, Arnes")
        lines_at(canvas, 72, 700, textwrap.wrap(prose(1, 12), 80))
        canvas.rotate(90)
        canvas.setFont("Times-Roman", 20)
        canvas.drawString(200, -40, "archive:2103.15348v2 21 Jun 2021")

    parsed = read("a.pdf", pdf(draw))
    assert parsed.title == "Ferries and Bridges"
    told = dict((text, kind) for kind, text in kinds(parsed))
    assert told.pop("archive:2103.15348v2 21 Jun 2021") == MARGIN
    assert {kind for text, kind in told.items() if "Arnes" in text and len(text) < 80} == {BYLINE}
    assert told[prose(1, 12)] == PROSE


@pytest.mark.parametrize("larger", [1, 2])
def test_larger_type_in_a_sentence_is_no_heading(read: Read, larger: int) -> None:
    parts = [*textwrap.wrap(prose(1, 9), 80), "The bridge was closed (as the parish says) and the"]
    parts = ["\n".join(parts[:-1]), parts[-1], "ferry was opened to everyone in that winter.", "It goes twice a day."]

    def draw(canvas: Canvas) -> None:
        y = 780.0
        for number, part in enumerate(parts):
            size = 14 if number == larger else 10
            y = lines_at(canvas, 72, y, part.split("\n"), size=size, pitch=13) - 8 * (number == larger)

    assert not [section.path for section in read("a.pdf", pdf(draw)).sections if section.path]


def test_the_end_of_an_item_with_a_colon_is_no_field_of_a_form(read: Read) -> None:
    lines = ["1. The keeper of the toll bridge of Arnes notes the ships that", "pass on each day:", "2. Nothing else."]
    text = read("a.pdf", pdf(lambda canvas: lines_at(canvas, 72, 700, lines))).text
    assert "the ships that pass on each day:" in text


def test_a_sentence_in_lines_further_apart_than_the_notes_below_it_is_one(read: Read) -> None:
    sentences = [
        f"The keeper of the toll bridge of Arnes notes the ships that pass in the night of {n} May." for n in range(9)
    ]

    def draw(canvas: Canvas) -> None:
        y = 780.0
        for sentence in sentences:
            y = lines_at(canvas, 72, y, textwrap.wrap(sentence, 62), size=12, pitch=16) - 8
        lines_at(canvas, 72, y - 30, [f"note {n}, see the register" for n in range(14)], size=8, pitch=9)

    text = read("a.pdf", pdf(draw)).text
    assert all(sentence in text for sentence in sentences)


def test_lines_of_a_text_that_stand_far_apart_are_one_paragraph(read: Read) -> None:
    sentence = "The court has heard that Keeper Vik Of Arnes kept no Register Of The Ships " * 3 + "in that year."

    def draw(canvas: Canvas) -> None:
        y = lines_at(
            canvas, 72, 780, ["In the Court", "of Arnes", "Order", "Number 7", "of the year"], size=12, pitch=14
        )
        y = lines_at(canvas, 72, y - 20, textwrap.wrap(sentence, 70), size=12, pitch=27)
        lines_at(
            canvas, 72, y - 20, ["The clerk", "of the court", "of Arnes", "North quay", "Arnes"], size=12, pitch=14
        )

    assert "Arnes kept no Register Of The Ships The court has heard" in read("a.pdf", pdf(draw)).text
