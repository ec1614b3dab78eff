"""DOCX: headings by their outline level, paragraphs, lists and tables as they stand after accepting all changes.

Left out: headers and footers, the table of contents, comments, deleted and hidden text. Footnotes follow their paragraph.
The numbers of headings, clauses and list items stand before their text, as Word shows them.
"""

import re
from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from rag.parsing.archives.container import Archive
from rag.parsing.office.charts import add_figures
from rag.parsing.office.docx.cells import are_labelled, as_cell, begun_after, children_named, is_deleted
from rag.parsing.office.docx.omissions import empty_omissions, read_prompts
from rag.parsing.office.docx.styles import Style, is_bold, read_styles
from rag.parsing.office.lists.docx import read_lists
from rag.parsing.office.lists.numbering import Label, Numbering
from rag.parsing.office.ooxml import chosen, is_on, main_part, number_of, properties, relations, value_of
from rag.parsing.shared.xml import attribute, below, child, local, parse_xml
from rag.parsing.structure.builder import Item, TextBuilder, plain
from rag.parsing.structure.tables import joined_down, lay_out, lays_out_page, n_covered
from rag.shared.types import ParsedText

_SKIPPED = frozenset(
    "del moveFrom instrText delText delInstrText rPr pPr sdtPr sdtEndPr tblPr tblGrid trPr tcPr sectPr fldData "
    "annotationRef rt".split()
)
_NO_HEADING = 9  # outline level of body text
_BOLD_LEVEL = 10  # of a paragraph that is a heading by its bold type: below those that say that they are
_MAX_BOLD = 100  # characters of one
_SENTENCE_END = re.compile(r"[.!:;,。：]['\"’”)]*$")
_NO_LIST = "0"  # the id that takes a paragraph out of the list that its style is in


def parse_docx(content: bytes, name: str) -> ParsedText:
    """Text with heading path, title and core properties of a Word document."""
    archive = Archive(content)
    part = main_part(archive)
    related = {kind: place for kind, place in relations(archive, part).values() if place in archive}
    root = parse_xml(archive.read(part))
    styles = read_styles(archive, related.get("styles"))
    style_lists = {name: style.list_id for name, style in styles.items() if style.list_id}
    lists = read_lists(parse_xml(archive.read(related["numbering"])), style_lists) if "numbering" in related else {}
    notes = {kind: _notes(archive, related.get(f"{kind}s")) for kind in ("footnote", "endnote")}
    prompts = read_prompts(archive, related.get("glossaryDocument"))
    for tree in (root, *(note for of_kind in notes.values() for note in of_kind.values())):
        empty_omissions(tree, prompts, styles)
    reader = _Reader(archive, relations(archive, part), styles, Numbering(lists), notes)
    body = child(root, "body")
    if body is not None:
        reader.number(body)
        reader.read(body)
        reader.flush()
    title, metadata = properties(archive)
    return reader.builder.build(
        title=reader.title or plain(title) or reader.builder.first_heading or name, metadata=metadata
    )


def _notes(archive: Archive, part: str | None) -> dict[str, Element]:
    if part is None:
        return {}
    return {
        attribute(note, "id") or "": note
        for note in parse_xml(archive.read(part))
        if attribute(note, "type") in (None, "normal")
    }


class _Reader:
    """Takes the blocks of a body in order."""

    def __init__(
        self,
        archive: Archive,
        related: dict[str, tuple[str, str]],
        styles: dict[str, Style],
        numbering: Numbering,
        notes: dict[str, dict[str, Element]],
    ) -> None:
        self._archive = archive
        self._related = related
        self._before = ""  # text of paragraphs whose end was deleted: the next one goes on with it
        self._bold = ""  # a paragraph that is a heading if what follows is its text
        self.builder = TextBuilder()
        self.title = ""
        self._styles = styles
        self._numbering = numbering
        self._listed: dict[int, tuple[Label | None, Item]] = {}  # by the identity of the paragraph
        self._notes = notes

    def number(self, body: Iterable[Element], numbering: Numbering | None = None) -> None:
        """Count the numbered paragraphs below an element, in order: a table is looked at more than once when it is read."""
        numbering = numbering or self._numbering
        for element in body:
            tag = local(element.tag)
            if tag == "p":
                self._count(element, numbering)
            elif tag == "AlternateContent":
                self.number(chosen(element), numbering)
            elif tag == "txbxContent":
                self.number(element, numbering.anew())
            elif not (tag in _SKIPPED or tag == "tr" and is_deleted(element)):
                self.number(element, numbering)

    def _count(self, paragraph: Element, numbering: Numbering) -> None:
        format_ = child(paragraph, "pPr")
        style = self._style_of(format_)
        own = child(format_, "numPr")
        list_id = value_of(own, "numId") or style.list_id
        level = number_of(child(own, "ilvl"))
        if (
            list_id not in (None, _NO_LIST)
            and not style.name.startswith("toc ")
            and not _ends_deleted(format_)
            and not (_is_hidden(format_) and not "".join(self._runs(paragraph, [], [])))
        ):
            if level is None:
                of_style = (numbering.level_of(list_id, name) for name in style.chain)
                in_style = style.list_level if list_id == style.list_id else None
                level = next((one for one in of_style if one is not None), in_style or 0)
            self._listed[id(paragraph)] = numbering.count(list_id, level), Item(list_id, level)
        self.number(paragraph, numbering)  # text boxes in it

    def _style_of(self, paragraph_format: Element | None) -> Style:
        return self._styles.get(value_of(paragraph_format, "pStyle") or "", Style())

    def read(self, body: Iterable[Element]) -> None:
        """Add all paragraphs and tables below an element."""
        for element in body:
            tag = local(element.tag)
            if tag == "p":
                self._paragraph(element)
            elif tag == "tbl":
                self._table(element)
            elif tag == "AlternateContent":
                self.read(chosen(element))
            elif tag not in _SKIPPED:
                self.read(element)

    def _paragraph(self, element: Element) -> None:
        format_ = child(element, "pPr")
        style = self._style_of(format_)
        if style.name.startswith("toc ") or style.name == "toc heading":
            return
        outline = number_of(child(format_, "outlineLvl"))
        level = style.outline if outline is None else outline
        boxes: list[Element] = []
        notes: list[Element] = []
        said = self._before + "".join(self._runs(element, boxes, notes))
        self._before = said if _ends_deleted(format_) else ""
        text = plain(said)
        label, item = self._listed.get(id(element), (None, None))
        if text and label is not None:
            text = f"{label.text} {text}"
        if text and not self._before:
            tight = child(format_, "numPr") is not None or style.listed
            is_heading = level is not None and level < _NO_HEADING or style.name in ("title", "caption")
            is_bold = len(text) <= _MAX_BOLD and self._is_set_bold(element, style)
            self._settle("" if is_heading or is_bold else text)
            if style.name == "title":
                self.title = self.title or text
                self.builder.add_heading(text, 0)
            elif level is not None and level < _NO_HEADING:
                self.builder.add_heading(text, level + 1)
            elif style.name == "caption":
                self.builder.add_caption(text)
            elif is_bold and not tight and label is None and not _SENTENCE_END.search(text):
                self._bold = text
            else:
                self.builder.add_block(text, tight=tight, item=item, number=label.full if label is not None else "")
        if boxes or notes:
            self._settle("")
        for box in boxes:
            if local(box.tag) == "graphicData":
                add_figures(self.builder, box, self._archive, self._related)
            else:
                self.read(box)
        self._add_notes(notes)

    def _is_set_bold(self, paragraph: Element, style: Style) -> bool:
        """Whether all that a paragraph shows is set in bold type."""
        for run in below(paragraph, "r"):
            if any(local(inner.tag) == "t" and (inner.text or "").strip() for inner in run):
                own = is_bold(run)
                named = self._styles.get(value_of(child(run, "rPr"), "rStyle") or "", style)
                if not (style.bold or named.bold if own is None else own):
                    return False
        return True

    def _settle(self, below: str) -> None:
        """Add the bold paragraph that waits: as the heading of the text below it, or as one of its own where there is none."""
        text, self._bold = self._bold, ""
        if text and (len(below) > len(text) or _SENTENCE_END.search(below)):
            self.builder.add_heading(text, _BOLD_LEVEL)
        else:
            self.builder.add_block(text)

    def flush(self) -> None:
        """Add what waits for another paragraph to go on with it."""
        self._settle("")
        self.builder.add_block(self._before)
        self._before = ""

    def _add_notes(self, notes: list[Element]) -> None:
        for note in notes:
            self.builder.add_block(" ".join(self._plain_paragraphs(note, [])))

    def _runs(self, element: Iterable[Element], boxes: list[Element], notes: list[Element]) -> Iterator[str]:
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
            elif (
                tag == "txbxContent"
                or tag == "graphicData"
                and (attribute(inner, "uri") or "").endswith(("/chart", "/diagram"))
            ):
                boxes.append(inner)
            elif tag == "AlternateContent":
                yield from self._runs(chosen(inner), boxes, notes)
            elif tag not in _SKIPPED and not _is_hidden(inner):
                yield from self._runs(inner, boxes, notes)

    def _plain_paragraphs(self, element: Iterable[Element], notes: list[Element]) -> Iterator[str]:
        """Texts of the paragraphs below an element, in a table cell or a note."""
        for inner in element:
            tag = local(inner.tag)
            if tag == "p":
                boxes: list[Element] = []
                label, _ = self._listed.get(id(inner), (None, None))
                yield (f"{label.text} " if label is not None else "") + "".join(self._runs(inner, boxes, notes))
                for box in boxes:
                    yield from self._plain_paragraphs(box, notes)
            elif tag == "AlternateContent":
                yield from self._plain_paragraphs(chosen(inner), notes)
            elif tag not in _SKIPPED:
                yield from self._plain_paragraphs(inner, notes)

    def _table(self, element: Element) -> None:
        rows: list[list[Element]] = []
        skipped: list[str | None] = []  # of each row the columns before its first cell
        n_headed = 0  # of the first rows, those that are repeated on every page
        for row in children_named(element, "tr"):
            if is_deleted(row):
                continue
            n_headed += n_headed == len(rows) and is_on(child(child(row, "trPr"), "tblHeader"))
            rows.append(list(children_named(row, "tc")))
            skipped.append(value_of(child(row, "trPr"), "gridBefore"))
        self.flush()
        notes: list[Element] = []
        texts = [[plain("\n".join(self._plain_paragraphs(cell, notes))) for cell in cells] for cells in rows]
        nested = any(local(found.tag) == "tbl" for cells in rows for cell in cells for found in cell)
        if nested or lays_out_page(texts):
            for cells in rows:
                for cell in cells:
                    self.read(cell)
        else:
            merged = [[*map(as_cell, cells, said)] for cells, said in zip(rows, texts, strict=True)]
            placed = [
                begun_after(n_covered(n), cells) if n else cells for n, cells in zip(skipped, merged, strict=True)
            ]
            n_header = n_headed or (0 if are_labelled(rows) else None)
            self.builder.add_table(lay_out(joined_down(placed), n_header))
            self._add_notes(notes)


def _ends_deleted(paragraph_format: Element | None) -> bool:
    """Whether the mark that ends a paragraph was deleted, so that it is one with the next."""
    mark = child(paragraph_format, "rPr")
    return mark is not None and any(local(change.tag) in ("del", "moveFrom") for change in mark)


def _is_hidden(formatted: Element | None) -> bool:
    """Whether a run, or by its format the mark that ends a paragraph, is hidden."""
    return is_on(child(child(formatted, "rPr"), "vanish"))
