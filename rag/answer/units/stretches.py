"""The units that may answer: sentences, list items, table rows and code of a passage, put together where one needs the next.

A line that ends in a colon announces what follows; a line that breaks off in mid-sentence goes on in the next.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from index.types import Span
from rag.language.patterns import BULLETS
from rag.shared.types import BYLINE, CODE, ITEM, PROSE, ROW, Unit

# Characters up to which units are put together: a list longer than that is quoted in part.
LONGEST = 480
_CLOSING = r"[\s\"'”’»“)\]*_`]*$"
_ANNOUNCES = re.compile(r"[:：]" + _CLOSING)
_ENDS = re.compile(r"[.!?…:;。！？；：](?:\[\d+\])*" + _CLOSING)
_GOES_ON = re.compile(r"[\s\"'“‘(\[]*[a-zà-öø-ÿ]|[ \t]*:[ \t]")
# Opens a letter, and announces nothing.
_GREETS = re.compile(
    r"\W*(?:dear|sehr geehrte[rs]?|liebe[rs]?|(?:chère?s? )?(?:madame|monsieur)|estimad[oa]s?|gentil[ei]|egregio|hi|hello)\b"
    r"[^\n]{0,60}[:,]\s*$",
    re.IGNORECASE,
)
_LISTED = re.compile(rf"[ \t]*(?:[-*+{BULLETS}][ \t]|\(?\d{{1,3}}[.)][ \t]|\(?(?:[A-Za-z]|[ivx]+)[.)][ \t])")


class Stretch(NamedTuple):
    """Neighbouring units of a passage that are read as one: from ``first`` to ``last``, both in it, by their numbers."""

    first: int
    last: int


def stretches(units: Sequence[Unit], texts: Sequence[str]) -> list[Stretch]:
    """The units of a passage, each with what it needs of those after it; what an announcement leads to also stands by itself.

    texts: of each unit.
    """
    put_together = []
    number = 0
    while number < len(units):
        last = _torn_until(units, texts, number)
        announced = _announced_until(units, texts, last)
        put_together.append(Stretch(number, announced))
        if announced > last and units[last + 1].kind != CODE and announced - last > 1:
            put_together += [Stretch(at, at) for at in range(last + 1, announced + 1)]
        number = announced + 1
    return put_together


def announces(text: str) -> bool:
    """Whether a text announces what follows it."""
    return bool(_ANNOUNCES.search(text)) and not _GREETS.match(text)


def is_whole(text: str) -> bool:
    """Whether a text ends as a sentence does."""
    return bool(_ENDS.search(text)) and not _ANNOUNCES.search(text)


def _torn_until(units: Sequence[Unit], texts: Sequence[str], number: int) -> int:
    """The last of the units that a sentence, or the lines above a text that name who wrote it, are torn into."""
    last = number
    while last + 1 < len(units) and units[last].kind == units[last + 1].kind == BYLINE:
        if units[last + 1].span.end - units[number].span.start > LONGEST:
            break
        last += 1
    while last + 1 < len(units) and units[last].kind in (PROSE, ITEM) and units[last + 1].kind == PROSE:
        if _ENDS.search(texts[last]) or _GREETS.match(texts[last]) or not _GOES_ON.match(texts[last + 1]):
            break
        if units[last + 1].span.end - units[number].span.start > LONGEST:
            break
        last += 1
    return last


def _announced_until(units: Sequence[Unit], texts: Sequence[str], number: int) -> int:
    """The last of the units that a line announces, itself when it announces nothing."""
    if number + 1 >= len(units) or not announces(texts[number]) or units[number].kind in (ROW, CODE):
        return number
    start, following = units[number].span.start, units[number + 1]
    if following.kind == CODE or not is_listed(following, texts[number + 1]):
        return number + 1 if following.span.end - start <= 2 * LONGEST else number
    last = number
    are_told = texts[number] in following.context  # then an item that does not stand below it says so
    while last + 1 < len(units) and is_listed(units[last + 1], texts[last + 1]):
        if are_told and texts[number] not in units[last + 1].context:
            break
        if units[last + 1].span.end - start > LONGEST:
            break
        last += 1
    # What a last item announces does not fit.
    return last - 1 if last > number + 1 and announces(texts[last]) else last


def is_listed(unit: Unit, text: str) -> bool:
    """Whether a unit is an item of a list, by its kind or by the mark it begins with."""
    return unit.kind == ITEM or unit.kind == PROSE and bool(_LISTED.match(text))


def texts_of(units: Sequence[Unit], text: str, start: int) -> list[str]:
    """The texts of a passage's units. text: of the passage, which begins at ``start`` of the document."""
    return [text[unit.span.start - start : unit.span.end - start] for unit in units]


def span_of(units: Sequence[Unit], stretch: Stretch) -> Span:
    """Where a stretch stands in the document."""
    return Span(units[stretch.first].span.start, units[stretch.last].span.end)
