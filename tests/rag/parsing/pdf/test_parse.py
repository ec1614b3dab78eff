"""PDF files as a whole: what they say of themselves and their pages, and those that are scans, locked, damaged or no PDF at all."""

import threading

import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from rag.parsing.formats import parse
from rag.shared.errors import UnreadableContent
from tests.rag.parsing.pdf.drawing import book, pdf

pytestmark = pytest.mark.medium


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


def test_a_file_is_read_behind_what_stands_before_it() -> None:
    content = pdf(lambda canvas: canvas.drawString(72, 700, "The toll keeper was born in 1501."))
    assert "born in 1501" in parse("a.pdf", b"%%EOF\r\n" + content).text
