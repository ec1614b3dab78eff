import textwrap

import pytest
from reportlab.pdfgen.canvas import Canvas

from rag.parsing.pdf.layout import Line, Page
from rag.parsing.pdf.letters import mend_letters
from rag.shared.errors import UnreadableContent
from tests.rag.parsing.conftest import Read
from tests.rag.parsing.pdf.drawing import lines_at, pdf, prose


def mended(*texts: str) -> list[str]:
    """The lines of a document of one page, mended."""
    lines = [Line(text, 0, 0, 1, 1, 10, 0, 1, 0) for text in texts]
    mend_letters([Page(1, "", 800, lines)])
    return [line.text for line in lines]


def moved(text: str) -> str:
    return "".join(chr(ord(letter) - 29) if letter != " " else letter for letter in text)


def test_latin_that_was_read_as_mac_roman_is_read_anew() -> None:
    right = [
        "Fernández met Jesús Ramírez",
        "“It is finished”, Muñoz said",
        "of a different classification",
        "in García’s efficient office",
    ]
    for_ligatures = str.maketrans({"…": "fi"})
    drawn = [line.replace("ffi", "¢").replace("ff", "¤").replace("fi", "…") for line in right]
    assert mended(*[line.encode("cp1252").decode("mac_roman") for line in drawn]) == [
        line.translate(for_ligatures) for line in right
    ]


@pytest.mark.parametrize(
    "text",
    [
        "El niño de Besançon está aquí — “año” … 5 £",
        "ÅNGSTRÖM und Öl für Übung, naïve café",
        "THE FERRY SAILS AT NOON FROM ARNES",
        "x² · y² § 5",
    ],
)
def test_letters_that_are_right_stay(text: str) -> None:
    assert mended(*[text] * 8) == [text] * 8


def test_an_alphabet_that_was_moved_is_moved_back() -> None:
    lines = ["Der erste Spatenstich", "fand im Mai statt und wurde", "von vielen Leuten gesehen"]
    assert mended(*map(moved, lines)) == lines


def draw_signs(canvas: Canvas) -> None:
    signs = "!\"#$%&'*+/<=>?@"
    lines_at(canvas, 72, 780, [" ".join(signs[n : n + 5] for n in range(k % 5, 9, 2)) for k in range(20)])


def test_a_text_of_signs_is_refused(read: Read) -> None:
    with pytest.raises(UnreadableContent, match="fonts do not say"):
        read("a.pdf", pdf(draw_signs))


def test_pages_of_signs_are_left_out_and_the_others_are_read(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        lines_at(canvas, 72, 780, ["The ferry sails from Arnes at noon."])
        canvas.showPage()
        draw_signs(canvas)

    parsed = read("a.pdf", pdf(draw))
    assert parsed.text == "The ferry sails from Arnes at noon."
    assert parsed.metadata["pages_without_text"] == [2]


def test_the_mark_of_a_footnote_is_no_part_of_its_word(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        text = canvas.beginText(72, 700)
        for letters, size, rise in (
            ("The toll was paid in files.", 10, 0),
            ("8", 6, 4),
            (" It was 5 m", 10, 0),
            ("2", 6, 4),
            (" wide.", 10, 0),
        ):
            text.setFont("Times-Roman", size)
            text.setRise(rise)
            text.textOut(letters)
        canvas.drawText(text)

    assert read("a.pdf", pdf(draw)).text == "The toll was paid in files. 8 It was 5 m2 wide."


@pytest.mark.parametrize(
    "title",
    [
        *("10811.exe", "Slide 1", "905_Precinct_NoOU", "Document2", "index.html", "PowerPoint Presentation"),
        *("untitled", "Microsoft Word - draft 3.doc", "paper.dvi"),
    ],
)
def test_a_title_that_says_nothing_gives_way_to_the_printed_one(read: Read, title: str) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setTitle(title)
        lines_at(canvas, 72, 790, ["Tolls of the Northern Ferries"], 18, font="Times-Bold")
        lines_at(canvas, 72, 750, textwrap.wrap(prose(1, 12), 80))

    assert read("a.pdf", pdf(draw)).title == "Tolls of the Northern Ferries"
