"""ODT: headings by their outline level, paragraphs, lists and tables of an OpenDocument text. Notes follow their paragraph.

The numbers of headings and list items stand before their text, as they are shown; those inside tables do not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple
from xml.etree.ElementTree import Element

from rag.parsing.archives.container import Archive
from rag.parsing.office.lists.numbering import Label, Numbering
from rag.parsing.office.lists.odt import OUTLINE, read_lists
from rag.parsing.shared.xml import attribute, below, child, local, parse_xml, whole_number
from rag.parsing.structure.builder import Item, TextBuilder, Values, plain
from rag.parsing.structure.metadata import collect
from rag.parsing.structure.tables import Cell, lay_out, lays_out_page, n_covered
from rag.shared.errors import UnreadableContent
from rag.shared.types import ParsedText

MIMETYPES = ("application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text-template")
_MANIFEST = "META-INF/manifest.xml"
_STYLES = "styles.xml"
_LEFT_OUT = frozenset(
    "tracked-changes table-of-content alphabetical-index illustration-index table-index object-index user-index sequence-decls "
    "variable-decls user-field-decls forms annotation annotation-end note-citation ruby-text hidden-text hidden-paragraph "
    "number".split()
)
_ASIDE = frozenset(
    "note-body text-box rect custom-shape ellipse circle polygon regular-polygon path connector caption".split()
)
_OF_PICTURES = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
_MAX_BLANKS = 1000


class OpenDocument(NamedTuple):
    """An OpenDocument file. part: its body of one kind.  reader: takes texts of it.  title, metadata: what it says of itself."""

    part: Element
    reader: "Reader"
    title: str
    metadata: Values


def parse_odt(content: bytes, name: str) -> ParsedText:
    """Text with heading path, title and metadata."""
    document = open_document(content, "text")
    reader = document.reader
    reader.read(document.part)
    title = reader.title or document.title or reader.builder.first_heading or name
    return reader.builder.build(title=title, metadata=document.metadata)


def open_document(content: bytes, kind: str) -> OpenDocument:
    """kind: "text", "spreadsheet" or "presentation".  Raises UnreadableContent for one that is encrypted or has no such part."""
    archive = Archive(content)
    if _MANIFEST in archive and b"encryption-data" in archive.read(_MANIFEST):
        raise UnreadableContent("it is protected by a password, which this kind is not read with: save it without one")
    root = parse_xml(archive.read("content.xml"))
    parts = [*([parse_xml(archive.read(_STYLES))] if _STYLES in archive else []), root]
    body = child(root, "body")
    part = child(body, kind)
    if part is None:
        raise UnreadableContent(f"the document has no {kind} part: save it again")
    return OpenDocument(part, Reader(_ancestry(parts), Numbering(read_lists(parts))), *_about(archive))


def _ancestry(parts: Iterable[Element]) -> dict[str, set[str]]:
    """Each paragraph style with those it is derived from: programs derive one of their own for every variation of a style."""
    parents = dict.fromkeys(("Table", "Illustration", "Figure", "Drawing"), "Caption")  # as OpenOffice has them
    for root in parts:
        for element in below(root, "style"):
            if parent := attribute(element, "parent-style-name"):
                parents[attribute(element, "name") or ""] = parent
    found = {}
    for name in (*parents, *parents.values()):
        chain: set[str] = set()
        at: str | None = name
        while at is not None and at not in chain:
            chain.add(at)
            at = parents.get(at)
        found[name] = chain
    return found


@dataclass(slots=True)
class _ListItem:
    """What a paragraph stands in. list_id: name of the list's style.  level: from 0.  value: that it is counted as, if said.

    counts: whether the next paragraph is the one that has the item's number.
    """

    list_id: str
    level: int
    value: int | None
    counts: bool


class Reader:
    """Takes the blocks of a text in order."""

    def __init__(self, ancestry: dict[str, set[str]], numbering: Numbering) -> None:
        self.builder = TextBuilder()
        self.title = ""
        self._ancestry = ancestry
        self._numbering = numbering

    def read(self, parent: Iterable[Element], item: _ListItem | None = None) -> None:
        """Add all headings, paragraphs, lists and tables below an element. item: that it stands in."""
        for element in parent:
            tag = local(element.tag)
            if tag == "h":
                self._heading(element, item)
            elif tag == "p":
                self._paragraph(element, item)
            elif tag == "table":
                self._table(element)
            elif tag == "list":
                self._list(element, item)
            elif tag not in _LEFT_OUT:
                self.read(element, item)

    def _list(self, element: Element, outer: _ListItem | None) -> None:
        list_id = attribute(element, "style-name") or (outer.list_id if outer else "")
        goes_on = attribute(element, "continue-numbering") == "true" or attribute(element, "continue-list") is not None
        if outer is None and not goes_on:
            self._numbering.restart(list_id)
        for inner in element:
            counts = local(inner.tag) == "list-item"
            value = whole_number(inner, "start-value") if counts else None
            self.read(inner, _ListItem(list_id, outer.level + 1 if outer else 0, value, counts))

    def _counted(self, item: _ListItem) -> Label | None:
        """The label of a paragraph of an item, if it is the first."""
        if not item.counts:
            return None
        item.counts = False
        return self._numbering.count(item.list_id, item.level, item.value)

    def _heading(self, element: Element, item: _ListItem | None) -> None:
        level = whole_number(element, "outline-level") or 1
        if item is not None:
            label = self._counted(item)
        elif attribute(element, "is-list-header") == "true":
            label = None
        else:
            value = whole_number(element, "start-value")
            if attribute(element, "restart-numbering") == "true" and value is None:
                value = 1
            label = self._numbering.count(OUTLINE, level - 1, value)
        text = plain("".join(_runs(element, [])))
        self.builder.add_heading(f"{label.text} {text}" if label and text else text, level)

    def _paragraph(self, element: Element, item: _ListItem | None) -> None:
        aside: list[Element] = []
        text = plain("".join(_runs(element, aside)))
        is_first = item is not None and item.counts
        label = self._counted(item) if item is not None else None
        if label and text:
            text = f"{label.text} {text}"
        style = attribute(element, "style-name") or ""
        styles = self._ancestry.get(style, {style})
        if text and "Title" in styles:
            self.title = self.title or text
            self.builder.add_heading(text, 0)
        elif "Caption" in styles:
            self.builder.add_caption(text)
        else:
            # A further paragraph of an item stands below it.
            place = Item(item.list_id, item.level + (not is_first)) if item else None
            self.builder.add_block(text, tight=item is not None, item=place, number=label.full if label else "")
        for inner in aside:
            self.read(inner)

    def _table(self, element: Element) -> None:
        rows: list[list[Element]] = []
        n_headed = 0
        for row, is_header in _rows(element):
            n_headed += is_header and n_headed == len(rows)
            rows.append([cell for cell in row if local(cell.tag) == "table-cell"])
        texts = [
            [plain(" ".join("".join(_runs(p, [])) for p in below(cell, "p", "h"))) for cell in row] for row in rows
        ]
        nested = any(local(inner.tag) == "table" for row in rows for cell in row for inner in cell.iter())
        if nested or lays_out_page(texts):
            for cells in rows:
                for cell in cells:
                    self.read(cell)
            return
        merged = [
            [
                Cell(text, *(n_covered(attribute(cell, f"number-{what}-spanned")) for what in ("columns", "rows")))
                for cell, text in zip(cells, said, strict=True)
            ]
            for cells, said in zip(rows, texts, strict=True)
        ]
        self.builder.add_table(lay_out(merged, n_headed or None))


def _rows(table: Element, headed: bool = False) -> Iterator[tuple[Element, bool]]:
    for element in table:
        tag = local(element.tag)
        if tag == "table-row":
            yield element, headed
        elif tag in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(element, headed or tag == "table-header-rows")


def _runs(element: Element, aside: list[Element]) -> Iterator[str]:
    """The running text below a paragraph, without what is said of pictures; notes, boxes and shapes on the way are put aside."""
    yield element.text or ""
    for inner in element:
        tag = local(inner.tag)
        if tag == "s":
            count = attribute(inner, "c") or "1"
            yield " " * min(int(count), _MAX_BLANKS) if count.isdecimal() else " "
        elif tag in ("tab", "line-break"):
            yield "\n"
        elif tag in _ASIDE:
            aside.append(inner)
        elif tag not in _LEFT_OUT and not inner.tag.startswith(_OF_PICTURES):
            yield from _runs(inner, aside)
        yield inner.tail or ""


def _about(archive: Archive) -> tuple[str, Values]:
    said: dict[str, str] = {}
    keywords = []
    if "meta.xml" in archive:
        for element in parse_xml(archive.read("meta.xml")).iter():
            if local(element.tag) == "keyword":
                keywords.append(element.text or "")
            else:
                said.setdefault(local(element.tag), element.text or "")
    metadata = collect(
        author=said.get("creator", "").strip() or said.get("initial-creator"),
        date=said.get("date", "").strip() or said.get("creation-date"),
        language=said.get("language"),
        description=said.get("description", "").strip() or said.get("subject"),
        keywords=keywords,
    )
    return plain(said.get("title", "")), metadata
