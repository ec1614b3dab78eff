"""The numbers that Word gives paragraphs when it shows them ("7.3", "(a)", "Article 4"): no file holds them, they are counted here.

Word counts by abstract list: all lists (w:num) made of one go on with each other's numbers, unless a list has a start of its own
for a level, which it takes when it first comes to that level. A level that is passed over counts as begun.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple
from xml.etree.ElementTree import Element

from rag.parsing.builder import plain
from rag.parsing.markup import attribute, child, local
from rag.parsing.office import is_on

N_LEVELS = 9
_MAX_TEXT = 60  # characters of a level's text around its numbers; more is no number
_MAX_DIGITS = 9
_MAX_LINKS = 5  # from a list to the style that defines it, and on
_LARGEST_ROMAN, _MOST_LETTERS = 3999, 10
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"),
    (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_PLACE = re.compile(r"%([1-9])")


class Label(NamedTuple):
    """What stands before a numbered paragraph. full: with the numbers of the levels above ("7.3(a)" where the text is "(a)")."""

    text: str
    full: str


@dataclass(frozen=True, slots=True)
class _Level:
    """restart: the level, from 1, after which this one starts anew, or any above it; 0 for none.  style: which has this level."""

    start: int = 1
    format: str = "decimal"
    text: str = ""
    restart: int | None = None
    is_legal: bool = False
    style: str | None = None


@dataclass(frozen=True, slots=True)
class _List:
    """A list of paragraphs. abstract: id of what it is made of.  starts: its own, by level."""

    abstract: str
    levels: Mapping[int, _Level]
    starts: Mapping[int, int]


class Numbering:
    """The lists of a document and how far each has been counted.

    root: of the part that defines them, None where there is none.  style_lists: style id -> id of the list that it names.
    """

    def __init__(self, root: Element | None, style_lists: Mapping[str, str]) -> None:
        self._lists = _read_lists(root, style_lists) if root is not None else {}
        self._counters: dict[str, list[int | None]] = {}
        self._started: set[tuple[str, int]] = set()

    def anew(self) -> "Numbering":
        """The same lists, not counted yet: the text of a box is counted for itself."""
        other = Numbering(None, {})
        other._lists = self._lists
        return other

    def level_of(self, list_id: str, style: str) -> int | None:
        """The level of a list that belongs to a style."""
        found = self._lists.get(list_id)
        levels = found.levels.items() if found else ()
        return next((number for number, level in levels if level.style == style), None)

    def count(self, list_id: str, at: int) -> Label | None:
        """Count a paragraph; returns its label, or None for a bullet, an unknown list or level, or one that shows no number.

        at: the level, from 0.
        """
        found = self._lists.get(list_id)
        if found is None or at not in found.levels:
            return None
        counters = self._counters.setdefault(found.abstract, [None] * N_LEVELS)
        if at in found.starts and (list_id, at) not in self._started:
            self._started.add((list_id, at))
            counters[at] = None
        before = counters[at]
        counters[at] = _start(found, at) if before is None else before + 1
        for above in range(at):
            if counters[above] is None:
                counters[above] = _start(found, above)
        for below in range(at + 1, N_LEVELS):
            restart = found.levels[below].restart if below in found.levels else None
            if restart is None or at < restart:
                counters[below] = None
        text = _shown(found, at, counters)
        return Label(text, _full(found, at, counters)) if text else None


def _start(found: _List, at: int) -> int:
    return found.starts.get(at, found.levels[at].start if at in found.levels else 1)


def _shown(found: _List, at: int, counters: list[int | None]) -> str:
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
        other = found.levels.get(of, _Level())
        return formatted(value, "decimal" if level.is_legal and of < at else other.format)

    text = plain(_PLACE.sub(number, level.text))
    if not re.search(r"\w", text):
        return ""
    # "Article 4." would be a sentence of its own, and the number is "Article 4".
    return text.removesuffix(".") if " " in text else text


def _full(found: _List, at: int, counters: list[int | None]) -> str:
    """The label after those of the levels above it that it does not repeat."""
    full = ""
    while at >= 0:
        shown = _shown(found, at, counters).rstrip(".")
        joint = "." if shown[-1:].isalnum() and full[:1].isalnum() else ""
        full = shown + joint + full
        held = [int(place) - 1 for place in _PLACE.findall(found.levels[at].text)] if shown else []
        at = min([at, *held]) - 1
    return full


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


def number_of(element: Element | None) -> int | None:
    """The whole number that an element has as its value; None where there is none, or one too long to be meant."""
    value = attribute(element, "val") if element is not None else None
    return int(value) if value and value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS else None


def value_of(parent: Element | None, name: str) -> str | None:
    """The value of a child."""
    found = child(parent, name) if parent is not None else None
    return attribute(found, "val") if found is not None else None


def _read_lists(root: Element, style_lists: Mapping[str, str]) -> dict[str, _List]:
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
        found[name] = _List(abstract, own, starts)
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


def _levels(abstract: Element) -> Iterator[tuple[int, _Level]]:
    for element in abstract:
        at = _place(element)
        if local(element.tag) == "lvl" and at is not None:
            yield at, _level(element)


def _place(element: Element) -> int | None:
    value = attribute(element, "ilvl") or ""
    return int(value) if len(value) == 1 and value in "012345678" else None


def _level(element: Element) -> _Level:
    start = number_of(child(element, "start"))
    # A format inside mc:AlternateContent is one of those that are not known.
    level = _Level(
        0 if start is None else start,
        value_of(element, "numFmt") or "decimal",
        value_of(element, "lvlText") or "",
        number_of(child(element, "lvlRestart")),
        is_on(child(element, "isLgl")),
        value_of(element, "pStyle"),
    )
    properties = child(element, "rPr")
    is_hidden = properties is not None and is_on(child(properties, "vanish"))
    return replace(level, text="") if is_hidden or len(level.text) > _MAX_TEXT else level
