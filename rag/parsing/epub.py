"""EPUB: the chapters of a book in reading order, headings as in its pages."""

import posixpath
import re
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from rag.errors import UnreadableContent
from rag.parsing.archive import Archive
from rag.parsing.builder import TextBuilder, Values, plain
from rag.parsing.html import add_html, decode_html
from rag.parsing.markup import attribute, local, parse_xml
from rag.parsing.metadata import collect
from rag.types import ParsedText

_CONTAINER = "META-INF/container.xml"
_RIGHTS = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]{0,1000}>", re.I)


def parse_epub(content: bytes, name: str) -> ParsedText:
    """Text, title and metadata of a book.  Raises UnreadableContent for one under copy protection."""
    archive = Archive(content)
    protected = _protected(archive)
    package = _package(archive)
    folder = posixpath.dirname(package)
    root = parse_xml(_DOCTYPE.sub(b"", archive.read(package), count=1))
    items = {element.get("id"): element for element in root.iter() if local(element.tag) == "item"}
    builder = TextBuilder()
    for reference in root.iter():
        if local(reference.tag) != "itemref":
            continue
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _PAGES or "nav" in (item.get("properties") or "").split():
            continue
        place = posixpath.normpath(posixpath.join(folder, unquote(item.get("href", "").partition("#")[0])))
        if place in protected:
            raise UnreadableContent("the book is under copy protection (DRM): a copy without it is needed")
        if place in archive:
            add_html(builder, decode_html(archive.read(place)))
            builder.end_section()
    title, metadata = _about(root)
    return builder.build(title=title or builder.first_heading or name, metadata=metadata)


def _package(archive: Archive) -> str:
    for element in parse_xml(archive.read(_CONTAINER)).iter():
        if local(element.tag) == "rootfile" and (place := element.get("full-path")):
            return place if place in archive else unquote(place)
    raise UnreadableContent("the book does not say where its content is: download it again")


def _protected(archive: Archive) -> set[str]:
    """Names of the parts that are encrypted; fonts usually are, in books without copy protection too."""
    if _RIGHTS not in archive:
        return set()
    elements = parse_xml(archive.read(_RIGHTS)).iter()
    return {unquote(attribute(element, "URI") or "") for element in elements if local(element.tag) == "CipherReference"}


def _about(root: Element) -> tuple[str, Values]:
    said: dict[str, list[str]] = {}
    for element in root.iter():
        if local(element.tag) in ("title", "creator", "date", "language", "description", "subject", "source"):
            said.setdefault(local(element.tag), []).append("".join(element.itertext()))
    metadata = collect(
        author=", ".join(plain(author) for author in said.get("creator", [])),
        date=next(iter(said.get("date", [])), ""),
        language=next(iter(said.get("language", [])), ""),
        description=re.sub(r"<[^>]*>", " ", next(iter(said.get("description", [])), "")),
        keywords=said.get("subject", []),
    )
    return plain(next(iter(said.get("title", [])), "")), metadata
