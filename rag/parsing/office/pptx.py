"""PPTX: the slides in order, each a page under its title; then its notes. Texts in reading order of their places on the slide."""

from collections.abc import Callable, Iterator
from functools import partial
from xml.etree.ElementTree import Element

from rag.parsing.archives.container import Archive
from rag.parsing.office.charts import add_figures
from rag.parsing.office.ooxml import chosen, main_part, properties, related_part, relations
from rag.parsing.shared.xml import attribute, below, child, local, parse_xml
from rag.parsing.structure.builder import TextBuilder, plain
from rag.parsing.structure.tables import Cell, lay_out, n_covered
from rag.shared.types import ParsedText

_TITLES = ("title", "ctrTitle")
_FURNITURE = ("dt", "ftr", "sldNum", "hdr")
_SHAPES = ("sp", "graphicFrame", "grpSp", "pic", "cxnSp", "AlternateContent")


def parse_pptx(content: bytes, name: str) -> ParsedText:
    """Text with the page map of its slides; hidden slides, dates, footers and slide numbers are left out."""
    archive = Archive(content)
    part = main_part(archive)
    related = relations(archive, part)
    builder = TextBuilder()
    for number, element in enumerate(below(parse_xml(archive.read(part)), "sldId"), 1):
        if (place := related_part(element, related)) in archive:
            slide = parse_xml(archive.read(place))
            if slide.get("show") not in ("0", "false"):
                builder.add_page(number)
                figures = relations(archive, place)
                _add_slide(builder, slide, number, partial(add_figures, builder, archive=archive, related=figures))
                for kind, notes in figures.values():
                    if kind == "notesSlide" and notes in archive:
                        _add_notes(builder, parse_xml(archive.read(notes)))
    title, metadata = properties(archive)
    title = plain(title)
    if title.lower() in ("powerpoint presentation", "powerpoint-präsentation", "presentation"):
        title = ""
    return builder.build(title=title or builder.first_heading or name, metadata=metadata)


def _add_slide(builder: TextBuilder, slide: Element, number: int, add_figures_of: Callable[[Element], None]) -> None:
    shapes = list(_shapes(slide))
    heading = next(
        (text for shape in shapes if _placeholder(shape) in _TITLES and (text := plain(" ".join(_texts(shape))))), ""
    )
    if heading:
        builder.add_heading(heading, 1)
    else:
        builder.open_section((f"slide {number}",))
    for shape in shapes:
        if local(shape.tag) == "graphicFrame":
            add_figures_of(shape)
            for table in below(shape, "tbl"):
                builder.add_table(lay_out([_cells(row) for row in table if local(row.tag) == "tr"]))
        elif _placeholder(shape) not in (*_TITLES, *_FURNITURE):
            for count, text in enumerate(_texts(shape)):
                builder.add_block(text, tight=count > 0)
        elif _placeholder(shape) in _TITLES and (text := plain(" ".join(_texts(shape)))) != heading:
            builder.add_block(text)


def _cells(row: Element) -> list[Cell]:
    """The cells that begin in a row of a table."""
    return [
        Cell(plain(" ".join(_texts(cell))), n_covered(cell.get("gridSpan")), n_covered(cell.get("rowSpan")))
        for cell in row
        if local(cell.tag) == "tc" and not {"1", "true"} & {cell.get("hMerge"), cell.get("vMerge")}
    ]


def _add_notes(builder: TextBuilder, notes: Element) -> None:
    for shape in _shapes(notes):
        if _placeholder(shape) == "body":
            for text in _texts(shape):
                builder.add_block(text)


def _shapes(slide: Element) -> Iterator[Element]:
    """Shapes with text, groups taken apart, in the order of the file, which is that in which a reader is led through them."""
    stack = list(reversed(next(below(slide, "spTree"), [])))
    while stack:
        shape = stack.pop()
        tag = local(shape.tag)
        if tag == "AlternateContent":
            stack += reversed(list(chosen(shape)))
        elif tag == "grpSp":
            stack += reversed(list(shape))
        elif tag in _SHAPES:
            yield shape


def _placeholder(shape: Element) -> str:
    """What part of the slide's layout a shape fills: "title", "body", "ftr", ...; nothing where it is free."""
    first = next(below(shape, "ph", "txBody"), None)
    return (attribute(first, "type") or "body") if first is not None and local(first.tag) == "ph" else ""


def _texts(shape: Element) -> Iterator[str]:
    """The paragraphs of a shape or cell."""
    body = child(shape, "txBody")
    for paragraph in body if body is not None else ():
        if local(paragraph.tag) == "p":
            runs = below(paragraph, "t", "br", "tab")
            if text := plain("".join(run.text or "" if local(run.tag) == "t" else "\n" for run in runs)):
                yield text
