"""Pages as pictures, with the words that are cited marked where they stand."""

import struct
import zlib

import numpy as np
import pytest
from reportlab.pdfgen.canvas import Canvas

from rag.parsing.sandbox.pool import Limits, Sandbox
from rag.shared.errors import ContentTooLarge, UnreadableContent
from rag.viewing.pictures import Drawn, Pixels, Wanted, draw, folded, quoted_places
from tests.rag.parsing.pdf.drawing import HEIGHT, WIDTH, pdf

QUOTE = "The ferry leaves at nine."


def two_pages(canvas: Canvas) -> None:
    canvas.drawString(72, 700, "In summer there is another boat.")
    canvas.drawString(72, 600, QUOTE)
    canvas.drawString(72, 100, "In winter:")
    canvas.drawString(72, 85, QUOTE)
    canvas.showPage()
    canvas.drawString(72, 700, "Nothing of the kind is on this page.")


PDF = pdf(two_pages)


def pixels_of(drawn: Drawn) -> Pixels:
    """The picture, read by what the format's description says."""
    assert drawn.png.startswith(b"\x89PNG\r\n\x1a\n")
    at, packed = 8, b""
    while at < len(drawn.png):
        length, kind = struct.unpack(">I4s", drawn.png[at : at + 8])
        data = drawn.png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", drawn.png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        if kind == b"IHDR":
            assert struct.unpack(">II", data[:8]) == (drawn.width, drawn.height)
        packed += data if kind == b"IDAT" else b""
        at += 12 + length
    lines = np.frombuffer(zlib.decompress(packed), dtype=np.uint8).reshape(drawn.height, 1 + 3 * drawn.width)
    return lines[:, 1:].reshape(drawn.height, drawn.width, 3)


def marked_rows(drawn: Drawn) -> tuple[float, float] | None:
    """The first and last height, from 0 at the top to 1, at which something is yellow."""
    pixels = pixels_of(drawn).astype(int)
    yellow = (pixels[:, :, 0] - pixels[:, :, 2] > 60).any(axis=1).nonzero()[0]
    return (yellow[0] / drawn.height, yellow[-1] / drawn.height) if len(yellow) else None


def test_a_quote_is_marked_where_it_stands() -> None:
    drawn = draw(PDF, Wanted(1, 600, QUOTE, before="there is another boat."))
    assert (drawn.n_pages, drawn.width, drawn.quoted) == (2, 600, 1)
    rows = marked_rows(drawn)
    assert (
        rows is not None and 0.26 < rows[0] < rows[1] < 0.31 and abs(drawn.quoted_at - rows[0]) < 0.01
    )  # 600 of 842 from the bottom


def test_of_two_places_that_one_is_marked_that_the_text_before_leads_to() -> None:
    rows = marked_rows(draw(PDF, Wanted(1, 600, QUOTE, before="In winter:")))
    assert rows is not None and 0.87 < rows[0] < rows[1] < 0.92


def test_sought_words_are_marked_wherever_they_stand_in_another_colour() -> None:
    drawn = draw(PDF, Wanted(1, 600, sought="FERRY leaves"))
    assert (drawn.quoted, drawn.sought) == (0, 2) and marked_rows(drawn) is None
    assert (pixels_of(drawn)[:, :, 0] == 160).any()


def test_what_is_not_on_the_page_marks_nothing() -> None:
    assert draw(PDF, Wanted(2, 600, QUOTE)).quoted == 0


@pytest.mark.parametrize("number", [0, 3, -1, 10**30])
def test_a_page_that_is_not_there_gives_no_picture(number: int) -> None:
    assert draw(PDF, Wanted(number, 600)) == Drawn(2, 0, 0, 0, 0, 0.0, b"")


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_on_a_turned_page_the_marks_turn_with_it(turn: int) -> None:
    def turned(canvas: Canvas) -> None:
        canvas.setPageRotation(turn)
        canvas.drawString(72, 400, QUOTE)

    drawn = draw(pdf(turned), Wanted(1, 600, QUOTE))
    pixels = pixels_of(drawn).astype(int)
    rows, columns = (pixels[:, :, 0] - pixels[:, :, 2] > 60).nonzero()
    middle = rows.mean() / drawn.height, columns.mean() / drawn.width
    # The file's page lies on its side for 90 and 270: 842 wide, 595 high.
    across, up = (72 + 67) / (WIDTH if turn == 180 else HEIGHT), 400 / (HEIGHT if turn == 180 else WIDTH)
    expected = {90: (across, up), 180: (up, 1 - across), 270: (1 - across, 1 - up)}[turn]
    assert drawn.quoted == 1
    assert abs(middle[0] - expected[0]) < 0.02 and abs(middle[1] - expected[1]) < 0.02


def places(page: str, quote: str, before: str = "") -> str:
    """The characters of a page that would be marked."""
    return "".join(page[place] for place in quoted_places(folded(page), quote, before))


@pytest.mark.parametrize(
    ("page", "quote", "expected"),
    [
        ("more diffi-\r\ncult to com-\nplete", "more difficult to complete", "moredifficulttocomplete"),
        ("The ﬁrst ofﬁce", "first office", "ﬁﬁrstofﬁﬁce"),
        ("CAFÉ noir", "café", "CAFÉ"),
        (
            "one two three four five six and the rest is elsewhere",
            "one two three four five six\nnot on this page at all",
            "onetwothreefourfivesix",
        ),
        ("short", "nothing", ""),
        ("anything", "… — !", ""),
    ],
)  # fmt: skip
def test_letters_are_compared_and_not_how_lines_are_broken(page: str, quote: str, expected: str) -> None:
    assert places(page, quote) == expected


def test_a_text_of_one_letter_takes_no_time_that_grows_with_its_square() -> None:
    page = folded("a" * 200_000)
    assert len(quoted_places(page, "a" * 100_000, "a" * 80)) == 100_000
    assert quoted_places(page, ("b" * 20 + " ") * 5000, "") == []


@pytest.mark.parametrize(("width", "height"), [(1, 14_400), (14_400, 1), (14_400, 14_400), (3, 3)])
def test_a_page_of_any_size_is_drawn_within_bounds(width: float, height: float) -> None:
    def odd(canvas: Canvas) -> None:
        canvas.setPageSize((width, height))
        canvas.drawString(0, 0, "x")

    drawn = draw(pdf(odd), Wanted(1, 2400))
    assert drawn.width * drawn.height <= 6_100_000 and max(drawn.width, drawn.height) <= 8000 and drawn.png


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4 nothing", PDF[:300], b"\0" * 1000])
def test_what_is_no_pdf_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableContent, match="protected or damaged"):
        draw(content, Wanted(1, 600))


def test_pages_are_drawn_by_a_process_that_outlives_a_bad_file() -> None:
    with Sandbox() as sandbox:
        assert sandbox.draw(PDF, Wanted(1, 600, QUOTE)) == draw(PDF, Wanted(1, 600, QUOTE))
        with pytest.raises(UnreadableContent):
            sandbox.draw(b"%PDF-1.4 nothing", Wanted(1, 600))
        assert sandbox.draw(PDF, Wanted(3, 600)).png == b""
        assert sandbox.parse("a.pdf", PDF).pages[0].number == 1


def test_a_page_that_takes_too_long_to_draw_is_given_up() -> None:
    def endless(canvas: Canvas) -> None:
        canvas.setFillAlpha(0.5)
        canvas.beginForm("circles")
        for number in range(200):
            canvas.circle(300, 400, 300 - number % 100, fill=1)
        canvas.endForm()
        for _ in range(1000):
            canvas.doForm("circles")

    with Sandbox(Limits(seconds=1)) as sandbox:
        with pytest.raises(ContentTooLarge, match="1 seconds"):
            sandbox.draw(pdf(endless), Wanted(1, 2400))
        assert sandbox.draw(PDF, Wanted(1, 600)).png
