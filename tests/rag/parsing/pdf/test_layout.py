"""PDF pages in the ways in which programs draw them: what is read of them, in what order, under which heading."""

import random
import textwrap
from pathlib import Path

import pytest
import reportlab
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from tests.rag.parsing.conftest import PageOf, PathOf, Read
from tests.rag.parsing.pdf.drawing import HEIGHT, WIDTH, book, lines_at, pdf, prose

pytestmark = pytest.mark.medium


def test_lines_become_paragraphs(read: Read) -> None:
    first, second = prose(1, 6), prose(2, 5)

    def draw(canvas: Canvas) -> None:
        y = lines_at(canvas, 72, 760, textwrap.wrap(first, 80))
        lines_at(canvas, 72, y - 10, textwrap.wrap(second, 80))

    assert read("a.pdf", pdf(draw)).text == f"{first}\n\n{second}"


def test_an_indent_opens_a_paragraph(read: Read) -> None:
    first, second = prose(3, 6), prose(4, 6)

    def draw(canvas: Canvas) -> None:
        y = 760.0
        for text in (first, second):
            lines = textwrap.wrap(text, 80)
            y = lines_at(canvas, 90, y, lines[:1])
            y = lines_at(canvas, 72, y, lines[1:])

    assert read("a.pdf", pdf(draw)).text == f"{first}\n\n{second}"


@pytest.mark.parametrize("order", ["by column", "by row", "at random"])
@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize("title", [True, False])
def test_columns_are_read_one_after_the_other_however_they_are_drawn(
    order: str, columns: int, title: bool, read: Read
) -> None:
    width = (WIDTH - 100 - 18 * (columns - 1)) / columns
    texts = [prose(number, 12) for number in range(columns)]
    placed = []
    for number, text in enumerate(texts):
        for row, line in enumerate(textwrap.wrap(text, int(width / 4.9))):
            placed.append((row, 50 + number * (width + 18), 720 - 13 * row, line))
    if order == "by row":
        placed.sort(key=lambda item: item[0])
    elif order == "at random":
        random.Random(5).shuffle(placed)

    def draw(canvas: Canvas) -> None:
        if title:
            canvas.setFont("Times-Bold", 18)
            canvas.drawCentredString(WIDTH / 2, 770, "Bridges and Floods of the Northern Parishes")
        canvas.setFont("Times-Roman", 10)
        for _, x, y, line in placed:
            canvas.drawString(x, y, line)

    parsed = read("a.pdf", pdf(draw))
    body = parsed.text.replace("\n\n", " ")
    assert [text for text in texts if text not in body] == []
    assert body.index(texts[0]) < body.index(texts[1])
    assert parsed.title == ("Bridges and Floods of the Northern Parishes" if title else "a")


def test_a_wide_abstract_between_columns_keeps_its_place(read: Read) -> None:
    texts = [prose(number, 8) for number in range(5)]

    def draw(canvas: Canvas) -> None:
        for number, (x, y) in enumerate([(50, 780), (306, 780), (50, 420), (306, 420)]):
            lines_at(canvas, x, y, textwrap.wrap(texts[number], 48))
        lines_at(canvas, 50, 560, textwrap.wrap(texts[4], 100))

    text = read("a.pdf", pdf(draw)).text.replace("\n\n", " ")
    assert [text.index(texts[number]) for number in (0, 1, 4, 2, 3)] == sorted(text.index(piece) for piece in texts)


@pytest.mark.parametrize("side", [0, 1])
def test_columns_are_read_one_after_the_other_where_one_begins_with_a_figure(read: Read, side: int) -> None:
    texts = [prose(1, 9), prose(2, 16)]
    labels = ["north pier", "toll", "span 3", "ice", "keel", "mast", "quay 7", "crane"]

    def draw(canvas: Canvas) -> None:
        for number, label in enumerate(labels):
            canvas.setFont("Helvetica", 7)
            canvas.drawString((50, 306)[side] + 60 * (number % 3), 779 - 37 * (number // 3) - 5 * (number % 2), label)
        for number in range(2):
            top = 640 if number == side else 780
            lines_at(canvas, (50, 306)[number], top, textwrap.wrap(texts[(number + side) % 2 == 1], 48))

    text = read("a.pdf", pdf(draw)).text.replace("\n\n", " ")
    assert all(piece in text for piece in texts)


def test_a_page_with_few_lines_is_read_in_the_columns_of_the_others(read: Read) -> None:
    short = [prose(7, 1), prose(8, 1)]

    def draw(canvas: Canvas) -> None:
        for pair in ([prose(1, 12), prose(2, 12)], short):
            for x, text in zip((50, 306), pair, strict=True):
                lines_at(canvas, x, 780, textwrap.wrap(text, 48))
            canvas.showPage()

    text = read("a.pdf", pdf(draw)).text.replace("\n\n", " ")
    assert all(piece in text for piece in short)


def test_words_broken_at_line_ends_are_joined_and_compounds_keep_their_hyphen(read: Read) -> None:
    lines = [
        "The reconstruc-",
        "tion of the stone-",
        "built arch took a well-",
        "known builder from 1784-",
        "1795 to finish it all.",
    ]
    other = ["Here a stone-built wall stands."]

    def draw(canvas: Canvas) -> None:
        y = lines_at(canvas, 72, 760, lines)
        lines_at(canvas, 72, y - 20, other)

    text = read("a.pdf", pdf(draw)).text
    assert "The reconstruction of the stone-built arch took a" in text
    assert "from 1784-1795 to finish it all." in text


def test_a_hyphen_at_a_line_end_stays_in_words_that_have_one(read: Read) -> None:
    lines = ["Les articles ci-", "dessus, ceux du vice-", "président, a dit-", "il, et leur recons-", "truction."]
    text = read("a.pdf", pdf(lambda canvas: lines_at(canvas, 72, 760, lines))).text
    assert text == "Les articles ci-dessus, ceux du vice-président, a dit-il, et leur reconstruction."


def test_what_is_drawn_later_into_a_line_is_read_where_it_stands(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        lines_at(
            canvas,
            72,
            700,
            ["Each speaker has __ minutes. The Quay", "of Arnes is closed in winter."],
            size=11,
            pitch=15,
        )
        canvas.drawString(72 + canvas.stringWidth("Each speaker has ", "Times-Roman", 11), 702, "2")
        canvas.setFont("Times-Roman", 6)
        canvas.drawString(
            72 + canvas.stringWidth("Each speaker has __ minutes. The Quay", "Times-Roman", 11), 704, "(3)"
        )

    assert "Each speaker has 2 minutes. The Quay (3) of Arnes is closed" in read("a.pdf", pdf(draw)).text


def test_a_mark_drawn_later_into_a_gap_of_its_line_stands_in_it(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        lines_at(canvas, 72, 700, ["We sell Tollbox , Ferrybox and all that belongs to them,", "since 1901."], size=11)
        canvas.setFont("Times-Roman", 6)
        canvas.drawString(72 + canvas.stringWidth("We sell Tollbox", "Times-Roman", 11), 704, "*")

    assert "We sell Tollbox *, Ferrybox and all that" in read("a.pdf", pdf(draw)).text


def test_ligatures_are_read_as_letters(read: Read) -> None:
    pdfmetrics.registerFont(TTFont("Vera", str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")))

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Vera", 11)
        canvas.drawString(72, 700, "The \ufb01rst \ufb02ood was di\ufb03cult.".replace("\ufb03", "f\ufb01"))

    assert read("a.pdf", pdf(draw)).text == "The first flood was difficult."


@pytest.mark.parametrize(
    ("header", "number", "kept"),
    [
        ("The Bridges of Arnes", "Page {}", "The Bridges of Arnes"),
        ("", "{}", ""),
        ("Chapter 2: Floods {}", "", "Chapter 2: Floods 1"),
        ("A. Vik, K. Dahl", "- {} -", "A. Vik, K. Dahl"),
        ("{} of 9", "© 2024 Vik", "© 2024 Vik"),
    ],
)
def test_page_numbers_and_all_headers_and_footers_but_the_first_are_left_out(
    header: str, number: str, kept: str, read: Read
) -> None:
    content, _, body = book(9, header, number)
    assert "".join(read("a.pdf", content).text.split()) == "".join((kept + body).split())


def test_each_passage_is_on_its_page(read: Read, page_of: PageOf) -> None:
    content, facts, _ = book(40)
    parsed = read("a.pdf", content)
    assert [page_of(parsed, fact) for fact in facts] == list(range(1, 41))
    assert len(parsed.pages) == 40
    assert parsed.text.count("\n\n") < 5  # the text runs on over the page breaks


def test_a_heading_repeated_by_chapters_is_kept(read: Read, path_of: PathOf) -> None:
    def draw(canvas: Canvas) -> None:
        for page in range(12):
            if page % 4 == 0:
                lines_at(canvas, 72, 790, [f"Chapter {page // 4 + 1}"], 18, font="Times-Bold")
            lines_at(canvas, 72, 750, textwrap.wrap(prose(page, 10) + f" Fact {page} is here.", 80))
            canvas.showPage()

    parsed = read("a.pdf", pdf(draw))
    assert [path_of(parsed, f"Fact {page} is") for page in (0, 5, 11)] == [
        ("Chapter 1",),
        ("Chapter 2",),
        ("Chapter 3",),
    ]


def test_bookmarks_name_the_headings(read: Read, path_of: PathOf) -> None:
    def draw(canvas: Canvas) -> None:
        y = 780.0
        for number, (level, heading) in enumerate([(0, "Floods"), (1, "The flood of 1927"), (0, "Repairs")]):
            canvas.bookmarkPage(str(number))
            canvas.addOutlineEntry(heading, str(number), level)
            y = lines_at(canvas, 72, y, [f"{number + 1}. {heading}"]) - 8
            y = lines_at(canvas, 72, y, textwrap.wrap(prose(number, 4) + f" Fact {number} is here.", 80)) - 14

    parsed = read("a.pdf", pdf(draw))
    assert path_of(parsed, "Fact 1 is") == ("1. Floods", "2. The flood of 1927")
    assert path_of(parsed, "Fact 2 is") == ("3. Repairs",)


def test_larger_type_makes_headings(read: Read, path_of: PathOf) -> None:
    def draw(canvas: Canvas) -> None:
        y = 780.0
        for number, (size, heading) in enumerate([(20, "The bridge"), (14, "Damage"), (14, "Repairs")]):
            y = lines_at(canvas, 72, y, [heading], size) - 14
            y = lines_at(canvas, 72, y, textwrap.wrap(prose(number, 5) + f" Fact {number} is here.", 80)) - 24

    parsed = read("a.pdf", pdf(draw))
    assert parsed.title == "The bridge"
    assert [path_of(parsed, f"Fact {n} is") for n in range(3)] == [
        ("The bridge",),
        ("The bridge", "Damage"),
        ("The bridge", "Repairs"),
    ]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_page_is_read_as_it_is_shown(turn: int, read: Read) -> None:
    text = prose(1, 8)

    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(turn)
        if turn == 90:
            canvas.translate(WIDTH, 0)
        elif turn == 180:
            canvas.translate(WIDTH, HEIGHT)
        else:
            canvas.translate(0, HEIGHT)
        canvas.rotate(turn)
        lines_at(canvas, 60, 500, textwrap.wrap(text, 80))

    assert read("a.pdf", pdf(draw)).text == text
