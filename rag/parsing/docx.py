"""DOCX: headings by their outline level, paragraphs, lists and tables as they stand after accepting all changes.

Left out: headers and footers, the table of contents, comments, deleted and hidden text. Footnotes follow their paragraph.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from rag.parsing.archive import Archive
from rag.parsing.builder import TextBuilder, plain
from rag.parsing.charts import add_figures
from rag.parsing.markup import attribute, child, local, parse_xml
from rag.parsing.office import chosen, is_on, main_part, properties, relations
from rag.parsing.tables import Cell, joined_down, lay_out, n_covered
from rag.types import ParsedText

_SKIPPED = frozenset(
    "del moveFrom instrText delText delInstrText rPr pPr sdtPr sdtEndPr tblPr tblGrid trPr tcPr sectPr fldData "
    "annotationRef rt".split()
)
_HEADING_NAME = re.compile(r"heading (\d)")
_NO_HEADING = 9  # outline level of body text
_MAX_CELL = 1000


@dataclass(frozen=True, slots=True)
class _Style:
    name: str
    outline: int | None
    listed: bool


def parse_docx(content: bytes, name: str) -> ParsedText:
    """Text with heading path, title and core properties of a Word document."""
    archive = Archive(content)
    part = main_part(archive)
    related = {kind: place for kind, place in relations(archive, part).values() if place in archive}
    root = parse_xml(archive.read(part))
    reader = _Reader(
        archive,
        relations(archive, part),
        _styles(archive, related.get("styles")),
        {kind: _notes(archive, related.get(f"{kind}s")) for kind in ("footnote", "endnote")},
    )
    body = child(root, "body")
    if body is not None:
        reader.read(body)
        reader.flush()
    title, metadata = properties(archive)
    return reader.builder.build(
        title=reader.title or plain(title) or reader.builder.first_heading or name, metadata=metadata
    )


def _styles(archive: Archive, part: str | None) -> dict[str, _Style]:
    """Style id -> its name, outline level and whether it is a list, with what it is based on."""
    if part is None:
        return {}
    own: dict[str, tuple[str, str | None, int | None, bool]] = {}
    for element in parse_xml(archive.read(part)):
        if local(element.tag) == "style":
            name, based, format_ = child(element, "name"), child(element, "basedOn"), child(element, "pPr")
            outline = child(format_, "outlineLvl") if format_ is not None else None
            own[attribute(element, "styleId") or ""] = (
                (attribute(name, "val") or "").lower() if name is not None else "",
                attribute(based, "val") if based is not None else None,
                _number(outline),
                format_ is not None and child(format_, "numPr") is not None,
            )
    styles = {}
    for style_id, (name_, _, _, _) in own.items():
        outline_level, listed = None, False
        at: str | None = style_id
        for _ in range(20):  # a chain that closes on itself ends here
            if at is None or at not in own:
                break
            inherited, at, level, in_list = own[at]
            if level is None and (found := _HEADING_NAME.fullmatch(inherited)):
                level = int(found[1]) - 1
            outline_level = level if outline_level is None else outline_level
            listed = listed or in_list or inherited.startswith("list ")
        styles[style_id] = _Style(name_, outline_level, listed)
    return styles


def _notes(archive: Archive, part: str | None) -> dict[str, Element]:
    if part is None:
        return {}
    return {
        attribute(note, "id") or "": note
        for note in parse_xml(archive.read(part))
        if attribute(note, "type") in (None, "normal")
    }


def _number(element: Element | None) -> int | None:
    value = attribute(element, "val") if element is not None else None
    return int(value) if value and value.isdecimal() else None


class _Reader:
    """Takes the blocks of a body in order."""

    def __init__(
        self,
        archive: Archive,
        related: dict[str, tuple[str, str]],
        styles: dict[str, _Style],
        notes: dict[str, dict[str, Element]],
    ) -> None:
        self._archive = archive
        self._related = related
        self._before = ""  # text of paragraphs whose end was deleted: the next one goes on with it
        self.builder = TextBuilder()
        self.title = ""
        self._styles = styles
        self._notes = notes

    def read(self, body: Element) -> None:
        """Add all paragraphs and tables below an element."""
        for element in body:
            tag = local(element.tag)
            if tag == "p":
                self._paragraph(element)
            elif tag == "tbl":
                self._table(element)
            elif tag == "sdt":
                gallery = next(
                    (attribute(found, "val") for found in element.iter() if local(found.tag) == "docPartGallery"), None
                )
                inner = child(element, "sdtContent")
                if inner is not None and gallery != "Table of Contents" and not _is_unfilled(element):
                    self.read(inner)
            elif tag == "AlternateContent":
                if (taken := chosen(element)) is not None:
                    self.read(taken)
            elif tag not in _SKIPPED:
                self.read(element)

    def _paragraph(self, element: Element) -> None:
        format_ = child(element, "pPr")
        style_element = child(format_, "pStyle") if format_ is not None else None
        style_id = attribute(style_element, "val") if style_element is not None else None
        style = self._styles.get(style_id or "", _Style("", None, False))
        if style.name.startswith("toc ") or style.name == "toc heading":
            return
        outline = _number(child(format_, "outlineLvl")) if format_ is not None else None
        level = style.outline if outline is None else outline
        boxes: list[Element] = []
        notes: list[Element] = []
        said = self._before + "".join(self._runs(element, boxes, notes))
        self._before = said if _ends_deleted(format_) else ""
        text = plain(said)
        if text and not self._before:
            if style.name == "title":
                self.title = self.title or text
                self.builder.add_heading(text, 0)
            elif level is not None and level < _NO_HEADING:
                self.builder.add_heading(text, level + 1)
            else:
                numbered = child(format_, "numPr") is not None if format_ is not None else False
                if style.name == "caption":
                    self.builder.add_caption(text)
                else:
                    self.builder.add_block(text, tight=numbered or style.listed)
        for box in boxes:
            if local(box.tag) == "graphicData":
                add_figures(self.builder, box, self._archive, self._related)
            else:
                self.read(box)
        self._add_notes(notes)

    def flush(self) -> None:
        """Add what waits for another paragraph to go on with it."""
        self.builder.add_block(self._before)
        self._before = ""

    def _add_notes(self, notes: list[Element]) -> None:
        for note in notes:
            self.builder.add_block(" ".join(self._plain_paragraphs(note, [])))

    def _runs(self, element: Element, boxes: list[Element], notes: list[Element]) -> Iterator[str]:
        """The running text below a paragraph; text boxes and notes on the way are put aside."""
        for inner in element:
            tag = local(inner.tag)
            if tag == "t":
                yield inner.text or ""
            elif tag in ("tab", "br", "cr", "ptab"):
                yield "\n" if tag in ("br", "cr") else "\t"
            elif tag == "noBreakHyphen":
                yield "\u2011"
            elif tag == "sym":
                code = attribute(inner, "char") or ""
                try:
                    character = chr(int(code, 16))
                except (ValueError, OverflowError):
                    continue
                if not "\ue000" <= character <= "\uf8ff":  # a place in a symbol font, not a character
                    yield character
            elif tag in ("footnoteReference", "endnoteReference"):
                note = self._notes[tag.removesuffix("Reference")].get(attribute(inner, "id") or "")
                if note is not None:
                    notes.append(note)
            elif tag == "txbxContent":
                boxes.append(inner)
            elif tag == "graphicData" and (attribute(inner, "uri") or "").endswith(("/chart", "/diagram")):
                boxes.append(inner)
            elif tag == "sdt" and _is_unfilled(inner):
                continue
            elif tag == "AlternateContent":
                if (taken := chosen(inner)) is not None:
                    yield from self._runs(taken, boxes, notes)
            elif tag == "r":
                format_ = child(inner, "rPr")
                if format_ is None or not is_on(child(format_, "vanish")):
                    yield from self._runs(inner, boxes, notes)
            elif tag not in _SKIPPED:
                yield from self._runs(inner, boxes, notes)

    def _plain_paragraphs(self, element: Element, notes: list[Element]) -> Iterator[str]:
        """Texts of the paragraphs below an element, in a table cell or a note."""
        for inner in element:
            tag = local(inner.tag)
            if tag == "p":
                boxes: list[Element] = []
                yield "".join(self._runs(inner, boxes, notes))
                for box in boxes:
                    yield from self._plain_paragraphs(box, notes)
            elif tag == "AlternateContent":
                if (taken := chosen(inner)) is not None:
                    yield from self._plain_paragraphs(taken, notes)
            elif tag not in _SKIPPED and not (tag == "sdt" and _is_unfilled(inner)):
                yield from self._plain_paragraphs(inner, notes)

    def _table(self, element: Element) -> None:
        rows: list[list[Element]] = []
        n_headed = 0  # of the first rows, those that are repeated on every page
        for row in _children(element, "tr"):
            cells = list(_children(row, "tc"))
            format_ = child(row, "trPr")
            if format_ is not None and is_on(child(format_, "del")):
                continue
            n_headed += n_headed == len(rows) and format_ is not None and is_on(child(format_, "tblHeader"))
            rows.append(cells)
        self.flush()
        notes: list[Element] = []
        texts = [[plain("\n".join(self._plain_paragraphs(cell, notes))) for cell in cells] for cells in rows]
        nested = any(local(found.tag) == "tbl" for cells in rows for cell in cells for found in cell)
        long = any(len(text) > _MAX_CELL for cells in texts for text in cells)
        if nested or long or max(map(len, texts), default=0) < 2:  # a table that lays out the page
            for cells in rows:
                for cell in cells:
                    self.read(cell)
        else:
            merged = [[*map(_merge, cells, said)] for cells, said in zip(rows, texts, strict=True)]
            self.builder.add_table(lay_out(joined_down(merged), n_headed or None))
            self._add_notes(notes)


def _ends_deleted(paragraph_format: Element | None) -> bool:
    """Whether the mark that ends a paragraph was deleted, so that it is one with the next."""
    mark = child(paragraph_format, "rPr") if paragraph_format is not None else None
    return mark is not None and any(local(change.tag) in ("del", "moveFrom") for change in mark)


def _is_unfilled(control: Element) -> bool:
    """Whether a content control shows what is to be filled in, and nothing that was."""
    said = child(control, "sdtPr")
    return said is not None and is_on(child(said, "showingPlcHdr"))


def _merge(cell: Element, text: str) -> tuple[Cell, bool | None]:
    """A cell with the columns that it covers, and whether it begins to cover rows or goes on with the one above."""
    format_ = child(cell, "tcPr")
    spans = child(format_, "gridSpan") if format_ is not None else None
    merge = child(format_, "vMerge") if format_ is not None else None
    return (
        Cell(text, n_covered(attribute(spans, "val")) if spans is not None else 1),
        None if merge is None else attribute(merge, "val") == "restart",
    )


def _children(element: Element, name: str) -> Iterator[Element]:
    """Children of this local name, also those inside content controls and tracked insertions."""
    for inner in element:
        tag = local(inner.tag)
        if tag == name:
            yield inner
        elif tag in ("sdt", "sdtContent", "ins", "customXml", "moveTo"):
            yield from _children(inner, name)
