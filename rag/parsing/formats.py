"""Which parser reads a file: told by its first bytes, for a container by what it contains, among texts by how they are written."""

import codecs
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath

from rag.parsing.archives.container import NOT_READ, Archive, is_document
from rag.parsing.archives.members import is_archive
from rag.parsing.data import csv, json
from rag.parsing.data.csv import parse_csv
from rag.parsing.data.json import parse_json
from rag.parsing.mail import msg
from rag.parsing.mail.eml import parse_mail, read_eml
from rag.parsing.office import odp, ods, odt
from rag.parsing.office.docx.parse import parse_docx
from rag.parsing.office.odp import parse_odp
from rag.parsing.office.ods import parse_ods
from rag.parsing.office.odt import parse_odt
from rag.parsing.office.pptx import parse_pptx
from rag.parsing.office.rtf.parse import parse_rtf
from rag.parsing.office.xlsx import parse_xlsx
from rag.parsing.pdf.parse import parse_pdf, parse_picture
from rag.parsing.pdf.recognition.ocr import HINT
from rag.parsing.shared.encoding import KNOWN, as_text, decode, n_damaged
from rag.parsing.shared.passwords import ENCRYPTED, PROTECTED, decrypted
from rag.parsing.structure.metadata import PLACES_NOT_READ
from rag.parsing.text import notebook, subtitles
from rag.parsing.text.markdown import parse_markdown
from rag.parsing.text.plain import parse_text
from rag.parsing.web.epub import parse_epub
from rag.parsing.web.html import parse_html
from rag.shared.errors import RagError, UnreadableContent, UnsupportedFormat
from rag.shared.types import ParsedText, ParseOptions

_MARKDOWN_NAMES = (".md", ".markdown", ".mdown", ".mkd")
_HTML_NAMES = (".html", ".htm", ".xhtml")
_BINARY_NAMES = (".pdf", ".docx", ".pptx", ".xlsx", ".odt", ".ods", ".odp", ".epub", ".msg")
_MARKUP = ((b"<", "markup (HTML or XML)"), (b"{", "JSON"))
_STRUCTURED_NAMES = (*_MARKDOWN_NAMES, *json.NAMES, *csv.NAMES)  # told by their name where their text does not say it
_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,2000}?-->\s*){0,5}(?:<!doctype\s+html|<html[\s>]|<head[\s>])",
    re.I | re.S,
)
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SHORTEST_ZIP = 22
_SNIFFED = 32_768
# A mail begins with header lines, two of which every mail has in some form.
_MAIL_START = re.compile(
    r"(?:From [^\n]*\n)?[A-Za-z][A-Za-z0-9-]{1,50}:[ \t]*[^\n]*\n(?:[A-Za-z][A-Za-z0-9-]{1,50}:|[ \t])"
)
_MAIL_HEADERS = re.compile(
    r"\A(?=(?:[^\n]+\n)*?From:)(?=(?:[^\n]+\n)*?(?:Message-ID|MIME-Version|Received|Return-Path|DKIM-Signature|Content-Type|X-Mailer):)"
    r"(?=(?:[^\n]+\n)*?(?:Date|Subject|To):)",
    re.I,
)
_BLANK_BYTES = b"\x00\t\n\r \xef\xbb\xbf"
# Parts of compound files, by which their kinds are told.
_STREAMS = (
    (ENCRYPTED, UnreadableContent, PROTECTED),
    ("WordDocument", UnsupportedFormat, "this is an old Word document (DOC): save it as DOCX"),
    ("PowerPoint Document", UnsupportedFormat, "this is an old PowerPoint file (PPT): save it as PPTX"),
    ("Workbook", UnsupportedFormat, "this is an old Excel file (XLS): save it as XLSX"),
    ("Book", UnsupportedFormat, "this is an old Excel file (XLS): save it as XLSX"),
)
_OPEN_DOCUMENTS: tuple[tuple[tuple[str, ...], str, Callable[[bytes, str], ParsedText]], ...] = (
    (odt.MIMETYPES, "OpenDocument text", parse_odt),
    (ods.MIMETYPES, "OpenDocument spreadsheet", parse_ods),
    (odp.MIMETYPES, "OpenDocument presentation", parse_odp),
)
_BINARY_STARTS = (b"{\\rtf", b"PK", b"From ", _OLD_OFFICE[:4])
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"BM\x00\x00")
# Kinds whose bytes are all text.
_TEXTS = ("HTML page", "Markdown file", "subtitles", "notebook", "JSON file", "table", "text")
# First bytes of kinds that no parser here reads; the name in the message tells people what they have.
_SIGNATURES = (
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "a database"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive, which has to be unpacked first"),
    (b"Rar!\x1a\x07", "a RAR archive, which has to be unpacked first"),
)


_USUAL = ParseOptions()
# What these say of damage is of use to who wrote the parser alone.
_OF_PROGRAM = (TypeError, LookupError, AttributeError, AssertionError)


def parse(name: str, content: bytes, options: ParseOptions = _USUAL) -> ParsedText:
    """Text, title, sections, blocks, pages and metadata of a file.

    name: the file's name, for its title and to tell apart kinds of text that look the same (Markdown and plain text).
    Raises UnsupportedFormat for a kind that is not read, UnreadableContent for a file that is damaged, encrypted or without
    text, ContentTooLarge for one that unpacks or nests beyond bounds.
    """
    path = PurePath(name)
    kind = "file"
    try:
        kind, parser = _parser(path.suffix.lower(), content, options)
        parsed = parser(content, path.stem)
        if kind in _TEXTS and (n_places := n_damaged(content)):
            parsed = replace(parsed, metadata={**parsed.metadata, PLACES_NOT_READ: n_places})
        return parsed
    except RagError:
        raise
    except RecursionError as error:
        raise UnreadableContent(
            f"this {kind} nests too deep to be read: take apart what is inside each other"
        ) from error
    except Exception as error:  # whatever a parser trips over, its file alone is refused
        reason = "" if isinstance(error, _OF_PROGRAM) else " ".join(str(error).split())[:120]
        raise UnreadableContent(
            f"this {kind} cannot be read{f' ({reason})' if reason else ''}: open it in its own program and save it again"
        ) from error


def is_plain_text(name: str, content: bytes) -> bool:
    """Whether ``parse`` takes this for UTF-8 text without structure, told in bounded time: no parser runs on such a file."""
    suffix = PurePath(name).suffix.lower()
    if (
        suffix in _STRUCTURED_NAMES
        or suffix in _BINARY_NAMES
        or content.startswith(_BINARY_STARTS)
        or b"%PDF-" in content[:1024]
        or b"\x00" in content
    ):
        return False
    beginning = _beginning(content)
    return as_text(content) is not None and not (
        beginning.lstrip()[:1] in ("{", "[")
        or _is_html(suffix, content)
        or _is_mail(beginning)
        or subtitles.is_subtitles(beginning)
        or csv.find_delimiter(beginning, named=False)
    )


def _parser(suffix: str, content: bytes, options: ParseOptions) -> tuple[str, Callable[[bytes, str], ParsedText]]:
    if content.startswith(_PICTURES) or content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        if options.ocr:
            return "picture", parse_picture
        raise UnsupportedFormat(f"this is an image: {HINT}; {KNOWN}")
    for signature, kind in _SIGNATURES:
        if content.startswith(signature):
            raise UnsupportedFormat(f"this is {kind}; {KNOWN}")
    start = content[:1024].find(b"%PDF-")
    # Readers take a PDF behind anything, such as the end of another one or the head of a download.
    if start >= 0 and (not content[:start].strip(_BLANK_BYTES) or suffix == ".pdf" and b"startxref" in content):
        if b"obj" not in content:
            raise UnsupportedFormat(f"this is only the beginning of a PDF, cut short or damaged; {KNOWN}")
        return "PDF", lambda content, name: parse_pdf(content, name, ocr=options.ocr, passwords=options.passwords)
    if content.startswith(b"{\\rtf"):
        return "RTF document", parse_rtf
    if content.startswith(b"PK\x03\x04") and (len(content) < _SHORTEST_ZIP or is_document(content)):
        return _container_parser(content)
    if content.startswith(_OLD_OFFICE[:4]):
        return _compound_parser(content, options)
    if is_archive(content):
        raise UnsupportedFormat("this is an archive of files: add it with `rag add`, or its files one by one")
    if suffix in _BINARY_NAMES:
        for mark, kind in _MARKUP:
            if content[:1024].lstrip(_BLANK_BYTES).startswith(mark):
                raise UnreadableContent(
                    f"by its name this is a {suffix[1:].upper()} file, but it holds {kind}, as websites send when they refuse one: "
                    "download it again, or give it the name of what it is"
                )
    if _is_html(suffix, content):
        return "HTML page", parse_html
    if suffix in _MARKDOWN_NAMES:
        return "Markdown file", lambda content, name: parse_markdown(decode(content), name)
    beginning = _beginning(content)
    if _is_mail(beginning):
        return "mail", lambda content, name: parse_mail(read_eml(content), name, parse)
    if subtitles.is_subtitles(beginning):
        return "subtitles", lambda content, name: subtitles.parse_subtitles(decode(content), name)
    if beginning.lstrip()[:1] == "{" and notebook.is_notebook(decode(content)):
        return "notebook", lambda content, name: notebook.parse_notebook(decode(content), name)
    if suffix in json.NAMES or beginning.lstrip()[:1] in ("{", "[") and _is_json(content, beginning):
        return "JSON file", lambda content, name: parse_json(content, name, options.fields)
    if suffix in csv.NAMES or csv.find_delimiter(beginning, named=False):
        return "table", parse_csv
    return "text", lambda content, name: parse_text(content, name, suffix)


def _is_html(suffix: str, content: bytes) -> bool:
    if _HTML_START.match(content[:8192]) and suffix not in _MARKDOWN_NAMES:
        return True
    return suffix in _HTML_NAMES and b"<" in content


def _is_mail(beginning: str) -> bool:
    return _MAIL_START.match(beginning) is not None and _MAIL_HEADERS.search(beginning[:_SNIFFED]) is not None


def _is_json(content: bytes, beginning: str) -> bool:
    return json.is_lines(beginning) or json.is_json(decode(content))


def _beginning(content: bytes) -> str:
    """The first characters of what may be a text; nothing where it is none that is read without guessing."""
    for encoding in (
        ("utf-16",) if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ("utf-8-sig", "cp1252")
    ):
        try:
            return (
                codecs.getincrementaldecoder(encoding)()
                .decode(content[:_SNIFFED])
                .replace("\r\n", "\n")
                .replace("\r", "\n")
            )
        except UnicodeDecodeError:
            continue
    return ""


def _container_parser(content: bytes) -> tuple[str, Callable[[bytes, str], ParsedText]]:
    """By the names in a ZIP container, whatever the file is called."""
    if len(content) < _SHORTEST_ZIP:
        raise UnsupportedFormat(f"this is only the beginning of a ZIP container, cut short or damaged; {KNOWN}")
    archive = Archive(content)
    if any(re.fullmatch(r"word/document\d*\.xml", name) for name in archive.names):
        return "Word document", parse_docx
    if any(re.fullmatch(r"ppt/presentation\d*\.xml", name) for name in archive.names):
        return "PowerPoint file", parse_pptx
    said = archive.read("mimetype").decode("latin-1").strip() if "mimetype" in archive else ""
    for mimetypes, kind, parser in _OPEN_DOCUMENTS:
        if said in mimetypes:
            return kind, parser
    if "META-INF/container.xml" in archive:
        return "EPUB book", parse_epub
    if "xl/workbook.xml" in archive:
        return "Excel workbook", parse_xlsx
    for part, message in NOT_READ:
        if any(map(part.fullmatch, archive.names)):
            raise UnsupportedFormat(message)
    raise UnsupportedFormat(f"this is a document of a kind that is not read; {KNOWN}")


def _compound_parser(content: bytes, options: ParseOptions) -> tuple[str, Callable[[bytes, str], ParsedText]]:
    """Compound files: Outlook's mails, encrypted new office documents, or old ones; told by the names of their parts."""
    names = msg.parts(content)
    if msg.PROPERTIES in names:
        return "Outlook message", lambda content, name: parse_mail(msg.read_msg(content), name, parse)
    if ENCRYPTED in names and options.passwords:
        return "protected document", lambda content, name: parse(name, decrypted(content, options.passwords))
    for stream, error, message in _STREAMS:
        if stream in names or not names and stream.encode("utf-16-le") in content:
            raise error(message)
    raise UnsupportedFormat(f"this is an old office document; {KNOWN}")
