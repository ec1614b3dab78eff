"""What an item of a list stands below: the items and the line that announces them, which say what its own words leave out."""

from collections.abc import Sequence
from typing import NamedTuple

from rag.answer.units.stretches import announces, is_listed
from rag.language.patterns import BULLETS
from rag.shared.types import ITEM, Unit

_MARKS = f" \t-*+{BULLETS}"
_TAB = " " * 4
# Characters of what stands above an item that are read with it.
_LONGEST = 200


class _Open(NamedTuple):
    """An item that others may stand below. indent: characters before it in its line."""

    indent: int
    text: str


def stands_below(units: Sequence[Unit], texts: Sequence[str], text: str, start: int) -> list[str]:
    """Of each unit of a passage what it stands below, from the top, a line each; "" for nothing.

    text: of the passage, which begins at ``start`` of the document.  texts: of each unit.
    """
    below: list[str] = []
    above: list[_Open] = []
    for unit, own in zip(units, texts, strict=True):
        line = text.rfind("\n", 0, unit.span.start - start) + 1
        before = text[line : unit.span.start - start].replace("\t", _TAB)
        if before.strip():  # goes on in its line
            below.append(below[-1] if below else "")
            continue
        above = [each for each in above if each.indent < len(before)]
        context = unit.context if unit.kind == ITEM else ""
        below.append("\n".join(filter(None, (context, *(each.text for each in above)))))
        if is_listed(unit, own) or announces(own):
            above.append(_Open(len(before), " ".join(own.lstrip(_MARKS).split())[:_LONGEST]))
    return below
