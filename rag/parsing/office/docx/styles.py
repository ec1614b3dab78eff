"""The styles of Word's paragraphs: whether they are headings, of which level, in lists or in bold type."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from rag.parsing.archives.container import Archive
from rag.parsing.office.ooxml import is_on, number_of, value_of
from rag.parsing.shared.xml import attribute, child, local, parse_xml

_HEADING_NAME = re.compile(r"heading (\d)")
_MAX_ANCESTORS = 20  # of a style: a chain that closes on itself ends there


@dataclass(frozen=True, slots=True)
class Style:
    """list_id, list_level: of the list that its paragraphs are in, None where there is none or it is not said.

    chain: the style itself and those that it is based on, up to the one that names the list.
    """

    name: str = ""
    outline: int | None = None
    listed: bool = False
    bold: bool = False
    list_id: str | None = None
    list_level: int | None = None
    chain: tuple[str, ...] = ()


def read_styles(archive: Archive, part: str | None) -> dict[str, Style]:
    """Style id -> the style, with what it has of those that it is based on."""
    if part is None:
        return {}
    elements = {
        attribute(element, "styleId") or "": element
        for element in parse_xml(archive.read(part))
        if local(element.tag) == "style"
    }
    return {style_id: _style(style_id, elements) for style_id in elements}


def _style(style_id: str, elements: Mapping[str, Element]) -> Style:
    outline = bold = list_id = list_level = None
    listed = False
    chain: list[str] = []
    at: str | None = style_id
    for _ in range(_MAX_ANCESTORS):
        if at is None or at not in elements:
            break
        element = elements[at]
        name = _name(element)
        format_ = child(element, "pPr")
        level = number_of(child(format_, "outlineLvl"))
        if level is None and (found := _HEADING_NAME.fullmatch(name)):
            level = int(found[1]) - 1
        outline = level if outline is None else outline
        bold = is_bold(element) if bold is None else bold
        place = child(format_, "numPr")
        listed = listed or place is not None or name.startswith("list ")
        if list_id is None:
            chain.append(at)
            list_id = value_of(place, "numId")
            list_level = number_of(child(place, "ilvl")) if place is not None and list_level is None else list_level
        at = value_of(element, "basedOn")
    return Style(_name(elements[style_id]), outline, listed, bool(bold), list_id, list_level, tuple(chain))


def is_bold(styled: Element) -> bool | None:
    """Whether a style or run is set in bold type, where it says so."""
    bold = child(child(styled, "rPr"), "b")
    return None if bold is None else is_on(bold)


def _name(style: Element) -> str:
    return (value_of(style, "name") or "").lower()
