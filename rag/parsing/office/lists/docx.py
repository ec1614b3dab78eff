"""The numbered lists of a Word document as its numbering part defines them: instances of abstract lists, and their overrides."""

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from rag.parsing.office.lists.numbering import Level, NumberedList
from rag.parsing.office.ooxml import is_on, number_of, value_of
from rag.parsing.shared.xml import attribute, child, local

_MAX_TEXT = 60  # characters of a level's text around its numbers; more is no number
_MAX_LINKS = 5  # from a list to the style that defines it, and on


def read_lists(root: Element, style_lists: Mapping[str, str]) -> dict[str, NumberedList]:
    """The lists that a numbering part defines, by their ids. style_lists: style id -> id of the list that the style names."""
    abstracts = {attribute(one, "abstractNumId") or "": one for one in root if local(one.tag) == "abstractNum"}
    lists = {attribute(one, "numId") or "": one for one in root if local(one.tag) == "num"}
    levels = {name: dict(_levels(element)) for name, element in abstracts.items()}
    found = {}
    for name, element in lists.items():
        abstract = _defined(element, abstracts, lists, style_lists)
        if abstract is None:
            continue
        own = dict(levels[abstract])
        starts = {}
        for override in element:
            at = _place(override)
            if local(override.tag) != "lvlOverride" or at is None:
                continue
            for inner in override:
                if local(inner.tag) == "lvl":
                    own[at] = _level(inner)
            if (start := number_of(child(override, "startOverride"))) is not None:
                starts[at] = start
        found[name] = NumberedList(abstract, own, starts)
    return found


def _defined(
    element: Element, abstracts: Mapping[str, Element], lists: Mapping[str, Element], style_lists: Mapping[str, str]
) -> str | None:
    """Id of the abstract list that has the levels of a list; it may be named by way of a style."""
    for _ in range(_MAX_LINKS):
        abstract = value_of(element, "abstractNumId")
        if abstract is None or abstract not in abstracts:
            return None
        link = value_of(abstracts[abstract], "numStyleLink")
        if link is None or style_lists.get(link) not in lists:
            return abstract
        element = lists[style_lists[link]]
    return None


def _levels(abstract: Element) -> Iterator[tuple[int, Level]]:
    for element in abstract:
        at = _place(element)
        if local(element.tag) == "lvl" and at is not None:
            yield at, _level(element)


def _place(element: Element) -> int | None:
    value = attribute(element, "ilvl") or ""
    return int(value) if len(value) == 1 and value in "012345678" else None


def _level(element: Element) -> Level:
    start = number_of(child(element, "start"))
    text = value_of(element, "lvlText") or ""
    # A format inside mc:AlternateContent is one of those that are not known.
    return Level(
        0 if start is None else start,
        value_of(element, "numFmt") or "decimal",
        "" if is_on(child(child(element, "rPr"), "vanish")) or len(text) > _MAX_TEXT else text,
        number_of(child(element, "lvlRestart")),
        is_on(child(element, "isLgl")),
        value_of(element, "pStyle"),
    )
