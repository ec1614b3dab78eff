"""The same ten articles in every format: the answers are found as from plain text, cited at the right place, and stand in the file.

Runs the real default model. ``pytest tests/rag/parsing/test_gold.py -s`` prints the table of docs/formats.md.
"""

import html
import io
import json
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import pytest

from rag.config import Config
from rag.embedding import Embedder
from rag.service import Service
from rag.types import Query, RankedPassage

_UNSEEN = re.compile(r"[\s\u00ad\u200b\x02\ufffe-]+")
_K = 5
_ALLOWED_LOSS = 0.02
_RIGHT_PLACE = 0.98


class Part(NamedTuple):
    heading: str
    text: str
    question: str
    quote: str


class Article(NamedTuple):
    title: str
    author: str
    date: str
    parts: tuple[Part, ...]


def articles() -> list[Article]:
    given = json.loads(Path(__file__).with_name("gold.json").read_text(encoding="utf-8"))
    return [
        Article(one["title"], one["author"], one["date"], tuple(Part(*part) for part in one["sections"]))
        for one in given
    ]


def squeezed(text: str) -> str:
    return _UNSEEN.sub("", text)


# --- the files


def as_text(article: Article) -> bytes:
    return "\n\n".join([article.title, *(f"{part.heading}\n\n{part.text}" for part in article.parts)]).encode()


def as_markdown(article: Article) -> bytes:
    front = f"---\ntitle: {article.title}\nauthor: {article.author}\ndate: {article.date}\n---\n\n# {article.title}\n\n"
    return (front + "\n\n".join(f"## {part.heading}\n\n{part.text}" for part in article.parts)).encode()


def body_html(article: Article) -> str:
    parts = "".join(f"<h2>{html.escape(p.heading)}</h2><p>{html.escape(p.text)}</p>" for p in article.parts)
    return f"<h1>{html.escape(article.title)}</h1>{parts}"


def as_html(article: Article) -> bytes:
    menu = "".join(f"<li><a href='/{n}'>Menu entry {n}</a></li>" for n in range(12))
    return (
        f"<!doctype html><html lang='en'><head><title>{html.escape(article.title)} | The Coast Magazine</title>"
        f"<meta name='author' content='{article.author}'></head><body><nav><ul>{menu}</ul></nav><main><article>"
        f"{body_html(article)}</article></main><aside>Subscribe to our newsletter</aside><footer>Imprint</footer></body></html>"
    ).encode()


def as_docx(article: Article) -> bytes:
    import docx

    document = docx.Document()
    document.core_properties.title, document.core_properties.author = article.title, article.author
    document.add_heading(article.title, 1)
    for part in article.parts:
        document.add_heading(part.heading, 2)
        document.add_paragraph(part.text)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def as_pptx(article: Article) -> bytes:
    from pptx import Presentation

    deck = Presentation()
    deck.core_properties.title = article.title
    for part in article.parts:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = part.heading
        slide.placeholders[1].text = part.text
    file = io.BytesIO()
    deck.save(file)
    return file.getvalue()


def as_xlsx(article: Article) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.properties.title = article.title
    sheet = book.active
    sheet.append(["section", "year", "text"])
    for number, part in enumerate(article.parts):
        sheet.append([part.heading, 2000 + number, part.text])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def as_csv(article: Article) -> bytes:
    rows = [
        f'"{part.heading}",{2000 + n},"{part.text.replace(chr(34), chr(34) * 2)}"'
        for n, part in enumerate(article.parts)
    ]
    return "\n".join(["section,year,text", *rows]).encode()


def as_json(article: Article) -> bytes:
    parts = [{"section": part.heading, "text": part.text} for part in article.parts]
    return json.dumps({"title": article.title, "parts": parts}, ensure_ascii=False).encode()


def as_jsonl(article: Article) -> bytes:
    return "\n".join(
        json.dumps({"section": part.heading, "text": part.text}, ensure_ascii=False) for part in article.parts
    ).encode()


def as_odt(article: Article) -> bytes:
    names = "urn:oasis:names:tc:opendocument:xmlns:"
    parts = "".join(
        f'<text:h text:outline-level="2">{escape(p.heading)}</text:h><text:p>{escape(p.text)}</text:p>'
        for p in article.parts
    )
    content = (
        f'<office:document-content xmlns:office="{names}office:1.0" xmlns:text="{names}text:1.0"><office:body><office:text>'
        f'<text:h text:outline-level="1">{escape(article.title)}</text:h>{parts}</office:text></office:body>'
        "</office:document-content>"
    )
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def as_rtf(article: Article) -> bytes:
    def encoded(text: str) -> str:
        return "".join(letter if letter.isascii() else f"\\u{ord(letter)}?" for letter in text)

    parts = "".join(
        f"\\pard\\outlinelevel1 {encoded(p.heading)}\\par\\pard {encoded(p.text)}\\par " for p in article.parts
    )
    return f"{{\\rtf1\\ansi\\pard\\outlinelevel0 {encoded(article.title)}\\par {parts}}}".encode("ascii")


def as_epub(article: Article) -> bytes:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(article.title)}</dc:title></metadata><manifest>"
        '<item id="c" href="c.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="c"/></spine></package>'
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="p.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    page = f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body_html(article)}</body></html>'
    return zipped(
        {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "p.opf": package, "c.xhtml": page}
    )


def as_eml(article: Article) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"{article.author} <a@example.org>", "b@example.org", article.title
    mail["Date"], mail["Message-ID"] = "Fri, 14 Mar 2025 09:30:00 +0000", "<1@example.org>"
    mail.set_content("\n\n".join(f"{part.heading}\n\n{part.text}" for part in article.parts))
    return mail.as_bytes()


def as_pdf(article: Article, columns: int = 1) -> bytes:
    from reportlab.lib.pagesizes import A5, A6
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph

    size = A6 if columns == 1 else A5
    width, height = size
    styles = getSampleStyleSheet()
    body = styles["BodyText"]
    body.fontSize, body.leading = (9, 11) if columns == 1 else (11, 13)

    def edges(canvas: Any, document: Any) -> None:
        canvas.setFont("Helvetica", 7)
        canvas.drawString(30, height - 18, "The Coast Magazine")
        canvas.drawCentredString(width / 2, 12, f"Page {document.page}")

    file = io.BytesIO()
    document = BaseDocTemplate(file, pagesize=size, title=article.title, author=article.author, invariant=True)
    each = (width - 50) / columns
    frames = [Frame(25 + n * each, 24, each, height - 50, id=f"f{n}") for n in range(columns)]
    document.addPageTemplates(PageTemplate(frames=frames, onPage=edges))
    flow: list[Any] = [Paragraph(escape(article.title), styles["Heading1"])]
    for part in article.parts:
        flow += [Paragraph(escape(part.heading), styles["Heading2"]), Paragraph(escape(part.text), body)]
    document.build(flow)
    return file.getvalue()


def as_two_columns(article: Article) -> bytes:
    return as_pdf(article, columns=2)


def as_zip(article: Article) -> bytes:
    return zipped({"notes/article.md": as_markdown(article).decode()})


def zipped(files: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file.getvalue()


# --- what the files say, by other means than the parsers


def layer_of_pdf(content: bytes) -> list[str]:
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    pages = [page.get_textpage().get_text_bounded() for page in document]
    document.close()
    return pages


def layer(kind: str, content: bytes, article: Article) -> str:
    """The text that a file holds."""
    if kind.startswith("pdf"):
        # As it is, and without what is printed at the edges of the pages, over which paragraphs are joined.
        shown = "".join(layer_of_pdf(content))
        return shown + re.sub(r"The Coast Magazine|Page \d+", "", shown)
    if kind == "docx":
        import docx

        return "\n".join(paragraph.text for paragraph in docx.Document(io.BytesIO(content)).paragraphs)
    if kind == "pptx":
        from pptx import Presentation

        slides = Presentation(io.BytesIO(content)).slides
        return "\n".join(shape.text_frame.text for slide in slides for shape in slide.shapes if shape.has_text_frame)
    if kind == "xlsx":
        import openpyxl

        rows = openpyxl.load_workbook(io.BytesIO(content)).active.values
        return "\n".join(str(cell) for row in rows for cell in row)
    if kind in ("odt", "epub"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            source = archive.read("content.xml" if kind == "odt" else "c.xhtml").decode()
        return html.unescape(re.sub("<[^>]*>", " ", source))
    if kind == "html":
        return html.unescape(re.sub("<[^>]*>", " ", content.decode()))
    if kind == "eml":
        import email
        from email import policy

        mail = email.message_from_bytes(content, policy=policy.default)
        return str(mail.get_content())
    if kind == "rtf":
        shown = re.sub(r"\\u(\d+)\?", lambda found: chr(int(found[1])), content.decode())
        return re.sub(r"\\[a-z]+\d* ?", "", shown)
    if kind in ("json", "jsonl", "csv", "txt", "md"):
        return content.decode().replace('""', '"')
    return as_markdown(article).decode() if kind == "zip" else as_text(article).decode()


KINDS: dict[str, tuple[str, Callable[[Article], bytes]]] = {
    "txt": ("txt", as_text),
    "md": ("md", as_markdown),
    "html": ("html", as_html),
    "docx": ("docx", as_docx),
    "odt": ("odt", as_odt),
    "rtf": ("rtf", as_rtf),
    "epub": ("epub", as_epub),
    "pptx": ("pptx", as_pptx),
    "pdf": ("pdf", as_pdf),
    "pdf-columns": ("pdf", as_two_columns),
    "xlsx": ("xlsx", as_xlsx),
    "csv": ("csv", as_csv),
    "json": ("json", as_json),
    "jsonl": ("jsonl", as_jsonl),
    "eml": ("eml", as_eml),
    "msg": ("msg", as_text),  # made by the fixture below
    "zip": ("zip", as_zip),
}
# Formats of rows set the names of columns before the values: what is cited are several lines, each of which stands in the file.
_ROWS = ("xlsx", "csv", "json", "jsonl")
_WITH_HEADINGS = ("md", "html", "docx", "odt", "rtf", "epub", "pptx", "pdf", "pdf-columns", "zip")


class Rates(NamedTuple):
    """Shares: answers in the first passage, in one of five, under the right heading, on the right page; quotes in the file."""

    first: float
    five: float
    heading: float | None
    page: float | None
    quoted: float


@pytest.fixture(scope="module")
def rates(
    tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder, make_msg: Callable[..., bytes]
) -> Iterator[dict[str, Rates]]:
    given = articles()
    folder = tmp_path_factory.mktemp("gold")
    found: dict[str, Rates] = {}
    with Service.create(folder / "store", Config()) as service:
        service._models._embedder = loaded_embedder
        for kind, (suffix, make) in KINDS.items():
            files = {}
            (folder / kind).mkdir()
            for number, article in enumerate(given):
                content = make(article)
                if kind == "msg":
                    text = "\r\n\r\n".join(f"{part.heading}\r\n\r\n{part.text}" for part in article.parts)
                    content = make_msg({0x0037: article.title, 0x0C1A: article.author, 0x1000: text})
                files[number] = content
                # Names that tell nothing: the title must come from the file where it has one.
                (folder / kind / f"{number}.{suffix}").write_bytes(content)
            report = service.intake.add_paths([folder / kind], collection=kind)
            assert not report.failed and report.added == len(given)
            found[kind] = measure(service, kind, given, files)
        yield found
    for kind, (first, five, heading, page, quoted) in found.items():
        place = " ".join(f"{value:.2f}" if value is not None else "-" for value in (heading, page))
        sys.stdout.write(f"{kind:12} {first:.2f} {five:.2f} {place} {quoted:.2f}\n")


def measure(service: Service, kind: str, given: list[Article], files: dict[int, bytes]) -> Rates:
    first = five = n_headings = n_pages = n_quoted = n_found = n_passages = 0
    for number, article in enumerate(given):
        text = squeezed(layer(kind, files[number], article))
        pages = [squeezed(page) for page in layer_of_pdf(files[number])] if kind.startswith("pdf") else []
        for at, part in enumerate(article.parts):
            answer = service.ask(Query(part.question, k=_K, collection=kind))
            hits = [passage for passage in answer.passages if squeezed(part.quote) in squeezed(passage.text)]
            first += bool(hits) and hits[0].rank == 1
            five += bool(hits)
            for passage in answer.passages:
                if passage.document.source and re.search(rf"/{number}\.\w+(?:!/.*)?$", passage.document.source):
                    n_passages += 1
                    n_quoted += _stands_in(kind, passage, text)
            if hits:
                n_found += 1
                n_headings += bool(hits[0].section) and hits[0].section[-1] == part.heading
                if pages:
                    n_pages += hits[0].page == _page_of(hits[0], pages)
                elif kind == "pptx":
                    n_pages += hits[0].page == at + 1
    n_questions = sum(len(article.parts) for article in given)
    return Rates(
        first / n_questions,
        five / n_questions,
        n_headings / n_found if kind in _WITH_HEADINGS else None,
        n_pages / n_found if kind == "pptx" or kind.startswith("pdf") else None,
        n_quoted / n_passages,
    )


def _stands_in(kind: str, passage: RankedPassage, text: str) -> bool:
    if kind in _ROWS:
        return all(squeezed(line.partition(": ")[2] or line) in text for line in passage.text.split("\n"))
    if kind == "msg":
        return True  # its text is in UTF-16 in pieces of the file: test_msg.py compares it whole
    body = passage.text.partition("\n\n")[2] if passage.text.startswith("From: ") else passage.text
    return squeezed(body) in text


def _page_of(passage: RankedPassage, pages: list[str]) -> int:
    """The page on which the passage's first sentence begins: the one whose text holds its first letters."""
    opening = squeezed(passage.text.rpartition("\n\n")[2])[:20]
    return next((number for number, page in enumerate(pages, 1) if opening in page), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_found_as_from_plain_text(rates: dict[str, Rates], kind: str) -> None:
    assert rates[kind].five >= rates["txt"].five - _ALLOWED_LOSS - 1e-9


@pytest.mark.parametrize("kind", _WITH_HEADINGS)
def test_the_heading_that_is_cited_is_right(rates: dict[str, Rates], kind: str) -> None:
    heading = rates[kind].heading
    assert heading is not None and heading >= _RIGHT_PLACE


@pytest.mark.parametrize("kind", ["pdf", "pdf-columns", "pptx"])
def test_the_page_that_is_cited_is_right(rates: dict[str, Rates], kind: str) -> None:
    page = rates[kind].page
    assert page is not None and page >= _RIGHT_PLACE


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_quoted_stands_in_the_file(rates: dict[str, Rates], kind: str) -> None:
    assert rates[kind].quoted == 1.0
