"""Numbers of paragraphs ("7.3", "(a)", "Article 4"), which office programs compute when they show a file: they are counted here.

Counted as Word does: all lists made of one definition go on with each other's numbers, unless a list has a start of its own for a
level, which it takes when it first comes to that level. A level that is passed over counts as begun.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rag.parsing.structure.builder import plain

N_LEVELS = 9
_LARGEST_ROMAN, _MOST_LETTERS = 3999, 10
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"),
    (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_NUMBER = re.compile(r"\d|\w[.):]|\(\w")
_PLACE = re.compile(r"%([1-9])")


class Label(NamedTuple):
    """What stands before a numbered paragraph. full: with the numbers of the levels above ("7.3(a)" where the text is "(a)")."""

    text: str
    full: str


@dataclass(frozen=True, slots=True)
class Level:
    """How a level is numbered. text: around the numbers, which are "%1" for the first level's and so on.

    restart: the level, from 1, after which this one starts anew, or any above it; 0 for none.  style: which has this level.
    """

    start: int = 1
    format: str = "decimal"
    text: str = ""
    restart: int | None = None
    is_legal: bool = False
    style: str | None = None


@dataclass(frozen=True, slots=True)
class NumberedList:
    """A list of paragraphs. abstract: id of what it is made of.  starts: its own, by level."""

    abstract: str
    levels: Mapping[int, Level]
    starts: Mapping[int, int]


class Numbering:
    """The lists of a document, by their ids, and how far each has been counted."""

    def __init__(self, lists: Mapping[str, NumberedList]) -> None:
        self._lists = lists
        self._counters: dict[str, list[int | None]] = {}
        self._started: set[tuple[str, int]] = set()

    def anew(self) -> "Numbering":
        """The same lists, not counted yet: the text of a box is counted for itself."""
        return Numbering(self._lists)

    def restart(self, list_id: str) -> None:
        """Count a list from its beginning again."""
        if list_id in self._lists:
            self._counters.pop(self._lists[list_id].abstract, None)

    def level_of(self, list_id: str, style: str) -> int | None:
        """The level of a list that belongs to a style."""
        found = self._lists.get(list_id)
        levels = found.levels.items() if found else ()
        return next((number for number, level in levels if level.style == style), None)

    def count(self, list_id: str, at: int, value: int | None = None) -> Label | None:
        """Count a paragraph; returns its label, or None for a bullet, an unknown list or level, or one that shows no number.

        at: the level, from 0.  value: what it is counted as, by default the next.
        """
        found = self._lists.get(list_id)
        if found is None or at not in found.levels:
            return None
        counters = self._counters.setdefault(found.abstract, [None] * N_LEVELS)
        if at in found.starts and (list_id, at) not in self._started:
            self._started.add((list_id, at))
            counters[at] = None
        before = counters[at]
        following = _start(found, at) if before is None else before + 1
        counters[at] = following if value is None else value
        for above in range(at):
            if counters[above] is None:
                counters[above] = _start(found, above)
        for below in range(at + 1, N_LEVELS):
            restart = found.levels[below].restart if below in found.levels else None
            if restart is None or at < restart:
                counters[below] = None
        text = _shown(found, at, counters)
        return Label(text, _full(found, at, counters)) if text else None


def _start(found: NumberedList, at: int) -> int:
    return found.starts.get(at, found.levels[at].start if at in found.levels else 1)


def _shown(found: NumberedList, at: int, counters: list[int | None]) -> str:
    """The label of a level as its counters stand."""
    level = found.levels.get(at)
    if level is None or level.format == "bullet":
        return ""

    def number(place: re.Match[str]) -> str:
        of = int(place[1]) - 1
        value = counters[of]
        if value is None or of > at:
            return ""
        # In legal numbering the numbers of higher levels are decimal, whatever these themselves have.
        other = found.levels.get(of, Level())
        return formatted(value, "decimal" if level.is_legal and of < at else other.format)

    text = plain(_PLACE.sub(number, level.text))
    if not re.search(r"\w", text):
        return ""
    # "Article 4." would be a sentence of its own, and the number is "Article 4".
    return text.removesuffix(".") if " " in text else text


def _full(found: NumberedList, at: int, counters: list[int | None]) -> str:
    """The label after those of the levels above it that it does not repeat."""
    full = ""
    while at >= 0:
        shown = _shown(found, at, counters).rstrip(".")
        joint = "." if shown[-1:].isalnum() and full[:1].isalnum() else ""
        full = shown + joint + full
        held = [int(place) - 1 for place in _PLACE.findall(found.levels[at].text)] if shown else []
        at = min([at, *held]) - 1
    return full


def written_label(text: str) -> str:
    """A label that a file holds as its program last showed it; nothing for a bullet, which may be a letter of a symbol font."""
    text = plain(text)
    return (text.removesuffix(".") if " " in text else text) if _NUMBER.search(text) else ""


def formatted(value: int, kind: str) -> str:
    """A number as Word writes it in a format. Formats of other scripts, and number words, are decimal: so are they asked for."""
    if kind == "none":
        return ""
    if kind == "decimalZero":
        return f"{value:02d}"
    if kind == "ordinal":
        ending = "th" if value % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
        return f"{value}{ending}"
    if kind in ("lowerRoman", "upperRoman") and 0 < value <= _LARGEST_ROMAN:
        roman = ""
        for size, letters in _ROMAN:
            roman += letters * (value // size)
            value %= size
        return roman.upper() if kind == "upperRoman" else roman
    if kind in ("lowerLetter", "upperLetter") and 0 < value <= 26 * _MOST_LETTERS:
        repeated = chr(ord("a") + (value - 1) % 26) * ((value - 1) // 26 + 1)  # after "z" comes "aa", then "bb"
        return repeated.upper() if kind == "upperLetter" else repeated
    return str(value)
