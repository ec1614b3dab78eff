"""EPUB: the chapters of a book in reading order, headings as in its pages."""

import posixpath
import re
from collections.abc import Iterable
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from rag.parsing.archives.container import Archive
from rag.parsing.shared.xml import attribute, below, local, parse_xml
from rag.parsing.structure.builder import TextBuilder, Values, plain
from rag.parsing.structure.metadata import collect
from rag.parsing.web.html import add_html, decode_html
from rag.shared.errors import UnreadableContent
from rag.shared.types import ParsedText

_CONTAINER = "META-INF/container.xml"
_RIGHTS = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_HEADING = re.compile(r"<h[1-6][\s>]", re.I)
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]{0,1000}>", re.I)


def parse_epub(content: bytes, name: str) -> ParsedText:
    """Text, title and metadata of a book.  Raises UnreadableContent for one under copy protection."""
    archive = Archive(content)
    protected = _protected(archive)
    package = _package(archive)
    folder = posixpath.dirname(package)
    root = parse_xml(_DOCTYPE.sub(b"", archive.read(package), count=1))
    items = {element.get("id"): element for element in below(root, "item")}
    labels = _labels(archive, folder, items.values())
    builder = TextBuilder()
    for reference in below(root, "itemref"):
        item = items.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _PAGES or "nav" in (item.get("properties") or "").split():
            continue
        place = _inside(folder, item.get("href", ""))
        if place in protected:
            raise UnreadableContent("the book is under copy protection (DRM): a copy without it is needed")
        if place in archive:
            source = decode_html(archive.read(place))
            if (label := labels.get(place)) and not _HEADING.search(source):
                builder.open_section((label,))
            add_html(builder, source)
            builder.open_section(())
    title, metadata = _about(root)
    return builder.build(title=title or builder.first_heading or name, metadata=metadata)


def _labels(archive: Archive, folder: str, items: Iterable[Element]) -> dict[str, str]:
    """What the table of contents (EPUB 3, or else EPUB 2) calls the parts of a book, for those that have no heading."""
    found: dict[str, str] = {}
    for item in items:
        place = _inside(folder, item.get("href", ""))
        is_nav = "nav" in (item.get("properties") or "").split()
        if place not in archive or not is_nav and item.get("media-type") != "application/x-dtbncx+xml":
            continue
        try:
            root = parse_xml(_DOCTYPE.sub(b"", archive.read(place), count=1))
        except UnreadableContent:
            continue  # the book has its text all the same
        above = posixpath.dirname(place)
        for element in below(root, "a" if is_nav else "navPoint"):
            if is_nav:
                target, label = element.get("href", ""), "".join(element.itertext())
            else:
                said = {local(inner.tag): inner for inner in element}
                target = said["content"].get("src", "") if "content" in said else ""
                label = "".join(said["navLabel"].itertext()) if "navLabel" in said else ""
            if plain(label):
                found.setdefault(_inside(above, target), plain(label))
    return found


def _inside(folder: str, target: str) -> str:
    """The part of the container that a link leads to."""
    return posixpath.normpath(posixpath.join(folder, unquote(target.partition("#")[0])))


def _package(archive: Archive) -> str:
    for element in below(parse_xml(archive.read(_CONTAINER)), "rootfile"):
        if place := element.get("full-path"):
            return place if place in archive else unquote(place)
    raise UnreadableContent("the book does not say where its content is: download it again")


def _protected(archive: Archive) -> set[str]:
    """Names of the parts that are encrypted; fonts usually are, in books without copy protection too."""
    if _RIGHTS not in archive:
        return set()
    references = below(parse_xml(archive.read(_RIGHTS)), "CipherReference")
    return {unquote(attribute(reference, "URI") or "") for reference in references}


def _about(root: Element) -> tuple[str, Values]:
    said: dict[str, list[str]] = {}
    for element in below(root, "title", "creator", "date", "language", "description", "subject"):
        said.setdefault(local(element.tag), []).append("".join(element.itertext()))
    metadata = collect(
        author=", ".join(plain(author) for author in said.get("creator", [])),
        date=next(iter(said.get("date", [])), ""),
        language=next(iter(said.get("language", [])), ""),
        description=re.sub(r"<[^>]*>", " ", next(iter(said.get("description", [])), "")),
        keywords=said.get("subject", []),
    )
    return plain(next(iter(said.get("title", [])), "")), metadata
