"""XML of office documents: parsed without document types, so that no entity is ever defined or fetched."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from rag.shared.errors import UnreadableContent

_MAX_DEPTH = 400
_MAX_DIGITS = 9


def parse_xml(content: bytes) -> Element:
    """The root element, names as ``{namespace}name``.

    Raises UnreadableContent for what is not well-formed, declares a document type or nests too deep.
    """
    parser = expat.ParserCreate(namespace_separator="}")
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise UnreadableContent(f"its XML nests more than {_MAX_DEPTH} levels deep")
        builder.start(_qualified(name), {_qualified(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_qualified(name))

    def doctype(*_: object) -> None:
        raise UnreadableContent(
            "its XML declares a document type, which office documents never do: save the file again"
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = doctype
    parser.buffer_text = True
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise UnreadableContent(f"its XML is damaged ({error}): save or download the file again") from error
    return builder.close()


def local(name: str) -> str:
    """An element's or attribute's name without its namespace: the same in the strict and the common variant of a format."""
    return name.rpartition("}")[2]


def attribute(element: Element | None, name: str) -> str | None:
    """The value of the attribute with this local name, whatever its namespace; None of no element."""
    attributes = element.attrib.items() if element is not None else ()
    return next((value for key, value in attributes if local(key) == name), None)


def whole_number(element: Element | None, name: str) -> int | None:
    """The whole number that an attribute has; None where it has none, or one too long to be meant."""
    value = attribute(element, name) or ""
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS else None


def below(element: Element | None, *names: str) -> Iterator[Element]:
    """An element and all below it that have one of these local names, in order; nothing of no element."""
    return (inner for inner in (element.iter() if element is not None else ()) if local(inner.tag) in names)


def child(element: Element | None, name: str) -> Element | None:
    """The first child with this local name; None of no element."""
    return next((inner for inner in element if local(inner.tag) == name), None) if element is not None else None


def _qualified(name: str) -> str:
    return "{" + name if "}" in name else name
