"""ODT: headings by their outline level, paragraphs, lists and tables of an OpenDocument text. Notes follow their paragraph."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from rag.errors import UnreadableContent
from rag.parsing.archive import Archive
from rag.parsing.builder import TextBuilder, Values, plain
from rag.parsing.markup import attribute, child, local, parse_xml
from rag.parsing.metadata import collect
from rag.parsing.tables import Cell, lay_out, n_covered
from rag.types import ParsedText

MIMETYPES = ("application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text-template")
_MANIFEST = "META-INF/manifest.xml"
_STYLES = "styles.xml"
_LEFT_OUT = frozenset(
    "tracked-changes table-of-content alphabetical-index illustration-index table-index object-index user-index sequence-decls "
    "variable-decls user-field-decls forms annotation annotation-end note-citation ruby-text hidden-text hidden-paragraph".split()
)
_MAX_CELL = 1000
_MAX_BLANKS = 1000


def parse_odt(content: bytes, name: str) -> ParsedText:
    """Text with heading path, title and metadata."""
    archive = Archive(content)
    if _MANIFEST in archive:
        manifest = archive.read(_MANIFEST)
        if b"encryption-data" in manifest:
            raise UnreadableContent("it is protected by a password: save it without one")
    root = parse_xml(archive.read("content.xml"))
    reader = _Reader(_ancestry([root, *([parse_xml(archive.read(_STYLES))] if _STYLES in archive else [])]))
    body = child(root, "body")
    text = child(body, "text") if body is not None else None
    if text is None:
        raise UnreadableContent("the document has no text part: save it again")
    reader.read(text)
    title, metadata = _about(archive)
    return reader.builder.build(title=reader.title or title or reader.builder.first_heading or name, metadata=metadata)


def _ancestry(parts: Iterable[Element]) -> dict[str, set[str]]:
    """Each paragraph style with those it is derived from: programs derive one of their own for every variation of a style."""
    parents = {
        "Table": "Caption",
        "Illustration": "Caption",
        "Figure": "Caption",
        "Drawing": "Caption",
    }  # as OpenOffice has them
    for root in parts:
        for element in root.iter():
            parent = attribute(element, "parent-style-name") if local(element.tag) == "style" else None
            if parent:
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


class _Reader:
    """Takes the blocks of a text in order."""

    def __init__(self, ancestry: dict[str, set[str]]) -> None:
        self.builder = TextBuilder()
        self.title = ""
        self._ancestry = ancestry

    def read(self, parent: Element, *, listed: bool = False) -> None:
        """Add all headings, paragraphs, lists and tables below an element."""
        for element in parent:
            tag = local(element.tag)
            if tag == "h":
                self._heading(element)
            elif tag == "p":
                self._paragraph(element, listed)
            elif tag == "table":
                self._table(element)
            elif tag not in _LEFT_OUT:
                self.read(element, listed=listed or tag == "list")

    def _heading(self, element: Element) -> None:
        level = attribute(element, "outline-level") or "1"
        self.builder.add_heading("".join(_runs(element, [])), int(level) if level.isdecimal() else 1)

    def _paragraph(self, element: Element, listed: bool) -> None:
        aside: list[Element] = []
        text = plain("".join(_runs(element, aside)))
        style = attribute(element, "style-name") or ""
        styles = self._ancestry.get(style, {style})
        if text and "Title" in styles:
            self.title = self.title or text
            self.builder.add_heading(text, 0)
        elif "Caption" in styles:
            self.builder.add_caption(text)
        else:
            self.builder.add_block(text, tight=listed)
        for inner in aside:
            self.read(inner)

    def _table(self, element: Element) -> None:
        rows: list[list[Element]] = []
        n_headed = 0
        for row, is_header in _rows(element):
            n_headed += is_header and n_headed == len(rows)
            rows.append([cell for cell in row if local(cell.tag) == "table-cell"])
        texts = [
            [plain(" ".join("".join(_runs(p, [])) for p in cell.iter() if local(p.tag) in ("p", "h"))) for cell in row]
            for row in rows
        ]
        nested = any(local(inner.tag) == "table" for row in rows for cell in row for inner in cell.iter())
        if nested or max(map(len, texts), default=0) < 2 or any(len(text) > _MAX_CELL for row in texts for text in row):
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
    """The running text below a paragraph; notes and text boxes on the way are put aside."""
    yield element.text or ""
    for inner in element:
        tag = local(inner.tag)
        if tag == "s":
            count = attribute(inner, "c") or "1"
            yield " " * min(int(count), _MAX_BLANKS) if count.isdecimal() else " "
        elif tag in ("tab", "line-break"):
            yield "\n"
        elif tag in ("note-body", "text-box"):
            aside.append(inner)
        elif tag not in _LEFT_OUT:
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
