"""PDF files, made by reportlab in the ways in which programs draw them."""

import io
import random
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import reportlab
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from rag.errors import RagError, UnreadableContent
from rag.parsing.formats import parse
from rag.types import ParsedText

Read = Callable[..., ParsedText]
PathOf = Callable[[ParsedText, str], tuple[str, ...]]
PageOf = Callable[[ParsedText, str], int]
Draw = Callable[[Canvas], None]

WIDTH, HEIGHT = A4
NOUNS = "bridge river arch builder flood winter timber stone village carriage toll lantern railing parish ferry".split()
VERBS = "crossed carried repaired guarded painted measured closed opened damaged widened".split()


def pdf(draw: Draw, **options: object) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1, **options)
    draw(canvas)
    canvas.save()
    return file.getvalue()


def prose(seed: int, n_sentences: int) -> str:
    choice = random.Random(seed).choice
    year = random.Random(seed).randrange
    return " ".join(
        f"In {year(1500, 1999)} the {choice(NOUNS)} near the {choice(NOUNS)} was {choice(VERBS)} "
        f"by the {choice(NOUNS)} of the {choice(NOUNS)}."
        for _ in range(n_sentences)
    )


def lines_at(canvas: Canvas, x: float, y: float, lines: list[str], size: float = 10, pitch: float = 13) -> float:
    canvas.setFont("Times-Roman", size)
    for line in lines:
        canvas.drawString(x, y, line)
        y -= pitch
    return y


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


def test_a_table_is_read_by_rows(read: Read) -> None:
    rows = [("Name", "Length", "Year")] + [(f"Bridge {n}", f"{n * 7} m", f"{1800 + n}") for n in range(12)]

    def draw(canvas: Canvas) -> None:
        y = lines_at(canvas, 72, 780, textwrap.wrap(prose(1, 5), 80)) - 12
        for row in rows:
            for x, cell in zip((72, 220, 380), row, strict=True):
                canvas.drawString(x, y, cell)
            y -= 14

    text = read("a.pdf", pdf(draw)).text
    assert "Bridge 4 28 m 1804" in text and "Bridge 11 77 m 1811" in text


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


def test_ligatures_are_read_as_letters(read: Read) -> None:
    pdfmetrics.registerFont(TTFont("Vera", str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")))

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Vera", 11)
        canvas.drawString(72, 700, "The \ufb01rst \ufb02ood was di\ufb03cult.".replace("\ufb03", "f\ufb01"))

    assert read("a.pdf", pdf(draw)).text == "The first flood was difficult."


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


@pytest.mark.parametrize(
    ("header", "number"),
    [
        ("The Bridges of Arnes", "Page {}"),
        ("", "{}"),
        ("Chapter 2: Floods {}", ""),
        ("A. Vik, K. Dahl", "- {} -"),
        ("{} of 9", "© 2024 Vik"),
    ],
)
def test_headers_footers_and_page_numbers_are_left_out(header: str, number: str, read: Read) -> None:
    content, _, body = book(9, header, number)
    assert "".join(read("a.pdf", content).text.split()) == "".join(body.split())


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
                canvas.setFont("Times-Bold", 18)
                canvas.drawString(72, 790, f"Chapter {page // 4 + 1}")
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


def test_metadata_and_title_are_read() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setTitle("Bridges of Arnes")
        canvas.setAuthor("Kari Vik")
        canvas.setSubject("Local history")
        canvas.setKeywords("bridges, floods")
        canvas._doc.Catalog.Lang = "nb-NO"
        canvas.drawString(72, 700, "Text.")

    parsed = parse("x.pdf", pdf(draw))
    assert parsed.title == "Bridges of Arnes"
    assert {
        "author": "Kari Vik",
        "description": "Local history",
        "keywords": ["bridges", "floods"],
        "pages": 1,
    }.items() <= dict(parsed.metadata).items()


@pytest.mark.parametrize("title", ["untitled", "Microsoft Word - draft 3.doc", "paper.dvi"])
def test_a_title_that_only_a_program_gave_is_not_used(title: str) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setTitle(title)
        canvas.drawString(72, 700, "Text.")

    assert parse("the-name.pdf", pdf(draw)).title == "the-name"


def test_page_labels_are_kept() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.addPageLabel(0, "ROMAN_LOWER", 1)
        canvas.addPageLabel(2, "ARABIC", 1)
        for page in range(4):
            canvas.drawString(72, 700, f"Text of sheet {page}.")
            canvas.showPage()

    assert [(page.number, page.label) for page in parse("x.pdf", pdf(draw)).pages] == [
        (1, "i"),
        (2, "ii"),
        (3, "1"),
        (4, "2"),
    ]


def picture(canvas: Canvas) -> None:
    canvas.drawImage(ImageReader(Image.new("RGB", (40, 40), "grey")), 72, 400, 300, 300)
    canvas.showPage()


def test_a_scan_is_reported_as_such() -> None:
    def draw(canvas: Canvas) -> None:
        picture(canvas)
        picture(canvas)

    with pytest.raises(UnreadableContent, match="2 pages.*rag add --ocr"):
        parse("scan.pdf", pdf(draw))


def test_pages_without_text_are_named() -> None:
    def draw(canvas: Canvas) -> None:
        for page in range(3):
            if page == 1:
                picture(canvas)
            else:
                canvas.drawString(72, 700, f"Text of sheet {page}.")
                canvas.showPage()

    parsed = parse("x.pdf", pdf(draw))
    assert parsed.metadata["pages_without_text"] == [2]
    assert [page.number for page in parsed.pages] == [1, 3]


def test_an_encrypted_file_says_what_to_do() -> None:
    content = pdf(
        lambda canvas: canvas.drawString(72, 700, "Secret."), encrypt=StandardEncryption("open", strength=128)
    )
    with pytest.raises(UnreadableContent, match="password"):
        parse("x.pdf", content)


def test_a_file_that_only_forbids_changes_is_read() -> None:
    lock = StandardEncryption("", "owner", canModify=0, strength=128)
    assert (
        parse("x.pdf", pdf(lambda canvas: canvas.drawString(72, 700, "Open to all."), encrypt=lock)).text
        == "Open to all."
    )


@pytest.mark.parametrize("percent", [10, 50, 90])
def test_a_file_that_is_cut_off_says_so(percent: int) -> None:
    content = book(5)[0]
    with pytest.raises(UnreadableContent, match="damaged or cut off: save or download it again"):
        parse("x.pdf", content[: len(content) * percent // 100])


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        (
            "report.pdf",
            b"<!DOCTYPE html><title>404 Not Found</title><h1>Not Found</h1>",
            "PDF file, but it holds markup",
        ),
        ("report.docx", b"\xef\xbb\xbf\n<html><body>Please log in.</body></html>", "DOCX file, but it holds markup"),
        (
            "report.PDF",
            b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
            "PDF file, but it holds markup",
        ),
        ("report.xlsx", b'{"error": "not found"}', "XLSX file, but it holds JSON"),
    ],
)
def test_what_a_website_sends_in_place_of_a_file_is_refused(name: str, content: bytes, kind: str) -> None:
    with pytest.raises(UnreadableContent, match=f"{kind}.*: download it again"):
        parse(name, content)


def damaged(content: bytes) -> Iterator[bytes]:
    for at in range(20, len(content), len(content) // 40):
        yield content[:at]
        yield content[:at] + b"\xff" * 30 + content[at + 30 :]


def test_any_damage_is_an_error_of_our_own() -> None:
    for broken in damaged(book(3)[0]):
        try:
            parse("x.pdf", broken)
        except RagError as error:
            assert "\n" not in str(error)


def test_many_threads_read_at_once() -> None:
    content, facts, _ = book(6)
    found: list[bool] = []

    def work() -> None:
        text = parse("x.pdf", content).text
        found.append(all(fact in text for fact in facts))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
