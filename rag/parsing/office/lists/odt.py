"""The numbered lists of an OpenDocument text as its list styles define them, and the numbering of its headings."""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from rag.parsing.office.lists.numbering import N_LEVELS, Level, NumberedList
from rag.parsing.shared.xml import attribute, below, local, whole_number

OUTLINE = "\0outline"  # id of the list that the headings are in; no style has such a name
_FORMATS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_NUMBERED = ("list-level-style-number", "outline-level-style")
_MAX_TEXT = 60  # characters before or after a number


def read_lists(parts: Iterable[Element]) -> dict[str, NumberedList]:
    """The lists that the parts of a document define, by the names of their styles; that of the headings as ``OUTLINE``."""
    found = {}
    for root in parts:
        for element in below(root, "list-style", "outline-style"):
            name = OUTLINE if local(element.tag) == "outline-style" else attribute(element, "name") or ""
            found[name] = NumberedList(name, dict(_levels(element)), {})
    return found


def _levels(style: Element) -> Iterator[tuple[int, Level]]:
    formats: dict[int, str] = {}
    for element in style:
        at = whole_number(element, "level")
        if at is None or not 1 <= at <= N_LEVELS or local(element.tag) not in _NUMBERED:
            continue
        # Without a format a level shows no number; formats of other scripts are shown as decimal numbers.
        kind = attribute(element, "num-format") or ""
        formats[at] = _FORMATS.get(kind, "decimal") if kind else "none"
        first = at + 1 - (whole_number(element, "display-levels") or 1)
        shown = ".".join(f"%{one}" for one in range(max(first, 1), at + 1) if formats.get(one, "none") != "none")
        text = "".join(
            (attribute(element, name) or "")[:_MAX_TEXT] if name else shown for name in ("num-prefix", "", "num-suffix")
        )
        start = whole_number(element, "start-value")
        yield at - 1, Level(1 if start is None else start, formats[at], text if formats[at] != "none" else "")
