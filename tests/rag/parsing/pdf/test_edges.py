"""Headers and footers of PDF pages: told by what recurs, kept where they stand first, apart from text that runs on past them."""

from collections.abc import Callable, Sequence

import pytest
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from rag.shared.types import ParsedText
from tests.rag.parsing.conftest import PageOf, Read
from tests.rag.parsing.pdf.drawing import WIDTH, lines_at, pdf, prose

Edge = Callable[[Canvas, int], None]

ADDRESS = "Harbour Supplies Ltd., 4 Quay Street, IBAN GB29 NWBK 6016 1331 9268 19"
BROKEN = ["At last the crew was asked to recon-", "sider the plan, and they declined."]
JOINED = "At last the crew was asked to reconsider the plan, and they declined."


def pages_of(edge: Edge, n_pages: int = 4) -> bytes:
    """Pages with a paragraph each and one that runs on to the next page with a broken word; edge draws header and footer."""

    def draw(canvas: Canvas) -> None:
        for page in range(1, n_pages + 1):
            canvas.setFont("Times-Roman", 9)
            edge(canvas, page)
            y = 740.0
            if page > 1:
                y = lines_at(canvas, 72, y, BROKEN[1:]) - 10
            text = f"Fact {page} is here. {prose(page, 6)}"
            y = lines_at(canvas, 72, y, simpleSplit(text, "Times-Roman", 10, 440)) - 10
            if page < n_pages:
                lines_at(canvas, 72, y, BROKEN[:1])
            canvas.showPage()

    return pdf(draw)


def at_both_sides(*lines: tuple[float, str, str]) -> Edge:
    """Lines at a height, each with a text at the left margin and one at the right."""

    def edge(canvas: Canvas, page: int) -> None:
        for y, left, right in lines:
            canvas.drawString(72, y, left.format(page))
            canvas.drawRightString(WIDTH - 72, y, right.format(page))

    return edge


def blocks_of(parsed: ParsedText) -> Sequence[str]:
    return [parsed.text[block.start : block.end] for block in parsed.blocks]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Annual Report 2019", "Page {} of 4"),
        ("Confidential 2019", "{} / 4"),
        ("{} / 4", "Confidential 2019"),
        ("2019 \N{EN DASH} Page {} of 4 \N{EN DASH} Version 3.1", ""),
        ("", "Act 12 of 1998, page {} of 4, as of 3 May 2020"),
    ],
)
@pytest.mark.parametrize("y", [30, 800])
def test_any_number_of_a_line_may_count_the_pages(left: str, right: str, y: int, read: Read) -> None:
    parsed = read("a.pdf", pages_of(at_both_sides((y, left, right))))
    blocks = blocks_of(parsed)
    line = f"{left} {right}".strip()
    assert [block for block in blocks if block == line.format(1)] == [line.format(1)]
    assert not any(line.format(page) in parsed.text for page in (2, 3, 4))
    assert blocks.count(JOINED) == 3 and len(blocks) == 4 + 3 + 1


def test_a_line_of_which_two_numbers_change_is_no_header(read: Read) -> None:
    text = read(
        "a.pdf", pages_of(lambda canvas, page: canvas.drawString(72, 800, f"Bill {page}, {page * 7} crowns"))
    ).text
    assert all(f"Bill {page}, {page * 7} crowns" in text for page in range(1, 5))


@pytest.mark.parametrize("n_pages", [2, 5])
def test_a_footer_is_kept_once_on_its_page(n_pages: int, read: Read, page_of: PageOf) -> None:
    parsed = read("letter.pdf", pages_of(lambda canvas, _: canvas.drawString(72, 40, ADDRESS), n_pages))
    blocks = blocks_of(parsed)
    assert blocks.count(ADDRESS) == 1 and blocks.count(JOINED) == n_pages - 1
    # The paragraph that runs on to page 2 stands behind it, as it would break it otherwise.
    assert blocks.index(ADDRESS) == 1 and page_of(parsed, ADDRESS) == 1
    assert [page_of(parsed, f"Fact {page} is") for page in range(1, n_pages + 1)] == list(range(1, n_pages + 1))


def test_a_footer_stands_behind_text_that_ends_on_its_page(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        for page in (1, 2):
            lines_at(canvas, 72, 700, [f"Fact {page} is here."])
            lines_at(canvas, 72, 40, [ADDRESS])
            canvas.showPage()

    parsed = read("letter.pdf", pdf(draw))
    assert blocks_of(parsed) == ["Fact 1 is here.", ADDRESS, "Fact 2 is here."]


def test_a_header_that_begins_on_the_second_page_does_not_break_what_runs_on_to_it(read: Read, page_of: PageOf) -> None:
    header = "Lent by the library of Norwell until 12 May"

    def edge(canvas: Canvas, page: int) -> None:
        if page > 1:
            canvas.drawString(72, 800, header)

    parsed = read("a.pdf", pages_of(edge))
    blocks = blocks_of(parsed)
    assert blocks[1:3] == [JOINED, header] and blocks.count(header) == 1
    assert page_of(parsed, header) == 2


def test_a_line_below_one_that_differs_keeps_its_place(read: Read) -> None:
    terms = "Please pay within 30 days to account 55-1234 at the Harbour Bank."

    def draw(canvas: Canvas) -> None:
        for number, name in enumerate(("Alder", "Birch", "Cedar", "Elm")):
            y = lines_at(canvas, 72, 800, [f"Invoice {1000 + number} for customer {name}"]) - 10
            lines_at(canvas, 72, y, [terms])
            lines_at(canvas, 72, 600, [f"Total: {30 + 7 * number} crowns."])
            canvas.showPage()

    blocks = blocks_of(read("a.pdf", pdf(draw)))
    assert blocks[:3] == ["Invoice 1000 for customer Alder", terms, "Total: 30 crowns."]
    assert blocks.count(terms) == 1 and len(blocks) == 2 * 4 + 1


@pytest.mark.parametrize("title", ["Ropes and Lamps of the Harbour", "Annual Report 2019"])
@pytest.mark.parametrize("number", ["", "Page {}", "{} / 3"])
def test_a_running_title_that_the_text_says_is_left_out(title: str, number: str, read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        for page in (1, 2, 3):
            at_both_sides((800, title.upper(), number))(canvas, page)
            if page == 1:
                lines_at(canvas, 72, 700, [title], 20)
            lines_at(canvas, 72, 600, [f"Fact {page} is here."])
            canvas.showPage()

    parsed = read("a.pdf", pdf(draw))
    assert parsed.text == f"{title}\n\nFact 1 is here.\n\nFact 2 is here.\n\nFact 3 is here."
    assert parsed.title == title


def test_a_number_with_words_is_kept_although_a_sentence_has_them(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        for page in (1, 2, 3):
            lines_at(canvas, 72, 800, [f"Draft 7, page {page}"])
            lines_at(canvas, 72, 600, [f"Fact {page} changes what draft 7 said."])
            canvas.showPage()

    assert blocks_of(read("a.pdf", pdf(draw)))[0] == "Draft 7, page 1"


@pytest.mark.parametrize("number", ["{}", "- {} -", "[{}]", "Page {} of 9", "Seite {} von 9", "página {} de 9", "{}/9"])
def test_a_page_number_alone_is_never_kept(number: str, read: Read) -> None:
    text = read("a.pdf", pages_of(lambda canvas, page: canvas.drawString(72, 40, number.format(page)))).text
    assert not any(number.format(page) in text.split("\n\n") for page in range(1, 5))


def test_a_header_in_both_margins_is_kept_once(read: Read) -> None:
    def edge(canvas: Canvas, page: int) -> None:
        canvas.drawString(72, 800 if page % 2 else 40, f"{page} Harbour board" if page % 2 else f"Harbour board {page}")

    text = read("a.pdf", pages_of(edge, 8)).text
    assert text.count("Harbour board") == 1 and text.startswith("1 Harbour board\n\n")


def test_a_large_letterhead_is_no_title_and_no_heading(read: Read) -> None:
    def edge(canvas: Canvas, _: int) -> None:
        lines_at(canvas, 72, 800, ["Harbour Supplies 24/7"], 22, font="Times-Bold")

    parsed = read("the-name.pdf", pages_of(edge))
    assert parsed.title == "the-name"
    assert blocks_of(parsed)[0] == "Harbour Supplies 24/7"


def test_a_header_above_a_picture_alone_is_kept_on_a_page_with_text(read: Read, page_of: PageOf) -> None:
    def draw(canvas: Canvas) -> None:
        for page in range(1, 5):
            lines_at(canvas, 72, 800, [ADDRESS])
            if page > 1:
                lines_at(canvas, 72, 600, [f"Fact {page} is here."])
            canvas.showPage()

    parsed = read("a.pdf", pdf(draw))
    assert blocks_of(parsed) == [ADDRESS, *(f"Fact {page} is here." for page in (2, 3, 4))]
    assert page_of(parsed, ADDRESS) == 2


def test_pages_with_nothing_but_a_header_are_read(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        for _ in range(3):
            lines_at(canvas, 72, 800, [ADDRESS])
            canvas.showPage()

    assert ADDRESS in read("a.pdf", pdf(draw)).text
