"""Ten articles as files of every format, and the text that such a file holds, read by other means than the parsers."""

import html
import io
import json
import re
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from tests.rag.parsing.containers import open_document, saved, unzipped, zipped

_UNSEEN = re.compile(r"[\s\u00ad\u200b\x02\ufffe-]+")


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
    """The articles of gold.json, each part with a question and the words that answer it."""
    given = json.loads(Path(__file__).with_name("gold.json").read_text(encoding="utf-8"))
    return [
        Article(one["title"], one["author"], one["date"], tuple(Part(*part) for part in one["sections"]))
        for one in given
    ]


def squeezed(text: str) -> str:
    """Text without white space, hyphens and what else differs between a file and what is read of it."""
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
    return saved(document)


def as_pptx(article: Article) -> bytes:
    from pptx import Presentation

    deck = Presentation()
    deck.core_properties.title = article.title
    for part in article.parts:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = part.heading
        slide.placeholders[1].text = part.text
    return saved(deck)


def as_xlsx(article: Article) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.properties.title = article.title
    sheet = book.active
    sheet.append(["section", "year", "text"])
    for number, part in enumerate(article.parts):
        sheet.append([part.heading, 2000 + number, part.text])
    return saved(book)


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
    parts = "".join(
        f'<text:h text:outline-level="2">{escape(p.heading)}</text:h><text:p>{escape(p.text)}</text:p>'
        for p in article.parts
    )
    return open_document(f'<text:h text:outline-level="1">{escape(article.title)}</text:h>{parts}')


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


# --- what the files say, by other means than the parsers


def layer_of_pdf(content: bytes) -> list[str]:
    """The text of each page."""
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
        source = unzipped(content)["content.xml" if kind == "odt" else "c.xhtml"].decode()
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


# By kind: the end of a file's name, and what makes the file.
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
    "msg": ("msg", as_text),  # test_gold.py makes it with the fixture make_msg
    "zip": ("zip", as_zip),
}
