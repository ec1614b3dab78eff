"""What the OOXML formats (DOCX, PPTX) have in common: parts, the relations between them, and core properties."""

import posixpath
from collections.abc import Iterable
from xml.etree.ElementTree import Element

from rag.parsing.archives.container import Archive
from rag.parsing.shared.xml import attribute, child, local, parse_xml, whole_number
from rag.parsing.structure.builder import Values
from rag.parsing.structure.metadata import collect
from rag.shared.errors import UnreadableContent

Related = dict[str, tuple[str, str]]


def relations(archive: Archive, part: str) -> Related:
    """What a part refers to inside the container: id -> (kind of relation, name of the part). The whole package: ``part`` empty."""
    folder, name = posixpath.split(part)
    rels = posixpath.join(folder, "_rels", name + ".rels")
    if rels not in archive:
        return {}
    found = {}
    for element in parse_xml(archive.read(rels)):
        target = element.get("Target", "")
        if element.get("TargetMode") != "External" and target:
            place = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found[element.get("Id", "")] = (element.get("Type", "").rpartition("/")[2], place)
    return found


def related_part(element: Element, related: Related, name: str = "id") -> str:
    """The part that an element refers to by an attribute with the id of a relation; "" for none."""
    ids = (value for key, value in element.attrib.items() if local(key) == name and key.startswith("{"))
    return related.get(next(ids, ""), ("", ""))[1]


def main_part(archive: Archive) -> str:
    """The part that is the document itself.  Raises UnreadableContent when there is none."""
    for kind, place in relations(archive, "").values():
        if kind == "officeDocument" and place in archive:
            return place
    raise UnreadableContent("the container says of no part that it is the document: save the file again")


def properties(archive: Archive) -> tuple[str, Values]:
    """Title and metadata of the core properties."""
    said: dict[str, str] = {}
    if "docProps/core.xml" in archive:
        for element in parse_xml(archive.read("docProps/core.xml")):
            said[local(element.tag)] = (element.text or "").strip()
    metadata = collect(
        author=said.get("creator"),
        date=said.get("modified") or said.get("created"),
        language=said.get("language"),
        description=said.get("description") or said.get("subject"),
        keywords=[word for word in said.get("keywords", "").replace(";", ",").split(",") if word.strip()],
    )
    return said.get("title", ""), metadata


def chosen(element: Element) -> Iterable[Element]:
    """What stands in the one content of mc:AlternateContent that is to be read."""
    return next(iter(element), ())


def is_on(element: Element | None) -> bool:
    """Whether a switch such as <w:vanish/> is there and not off."""
    return element is not None and (attribute(element, "val") or "true") not in ("0", "false", "off", "none")


def number_of(element: Element | None) -> int | None:
    """The whole number that an element has as its value."""
    return whole_number(element, "val")


def value_of(parent: Element | None, name: str) -> str | None:
    """The value of a child."""
    return attribute(child(parent, name), "val")
