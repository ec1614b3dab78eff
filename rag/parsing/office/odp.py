"""ODP: the slides of an OpenDocument presentation in order, each a page; then its notes."""

from xml.etree.ElementTree import Element

from rag.parsing.office.odt import open_document
from rag.parsing.shared.xml import attribute, below, local
from rag.parsing.structure.builder import plain
from rag.shared.types import ParsedText

MIMETYPES = (
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.presentation-template",
)
# What stands on every slide, and pictures of slides.
_LEFT_OUT = ("date-time", "footer", "page-number", "header", "page", "handout")


def parse_odp(content: bytes, name: str) -> ParsedText:
    """Text with the page map of its slides."""
    document = open_document(content, "presentation")
    reader = document.reader
    slides = [element for element in document.part if local(element.tag) == "page"]
    for number, slide in enumerate(slides, 1):
        reader.builder.add_page(number)
        heading = next((text for frame in slide if _kind(frame) == "title" and (text := _text(frame))), "")
        if heading:
            reader.builder.add_heading(heading, 1)
        else:
            reader.builder.open_section((f"slide {number}",))
        for frame in slide:
            if not (_kind(frame) == "title" and _text(frame) == heading):
                parts = frame if local(frame.tag) == "notes" else [frame]
                reader.read(part for part in parts if _kind(part) not in _LEFT_OUT)
    title = document.title or reader.builder.first_heading or name
    return reader.builder.build(title=title, metadata=document.metadata)


def _kind(frame: Element) -> str:
    """What a frame is for, as the presentation's layout says."""
    return attribute(frame, "class") or ""


def _text(frame: Element) -> str:
    return plain(" ".join("".join(p.itertext()) for p in below(frame, "p", "h")))
