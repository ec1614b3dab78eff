"""What people give, checked before any work begins: questions, texts, names of collections, filters.

Filters are written ``year=2025``, ``date>=2025-01-01``, ``year=2020..2024``.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date

from index.local.database.filters import is_bound
from index.types import Condition, Excluded, Range
from rag.shared.errors import BadInput

MAX_QUESTION = 2000
MAX_COLLECTION = 100
_WRITTEN = re.compile(r"([^=<>]+)(>=|<=|=|>|<)(.*)", re.S)
_MEANT = {">": ">=", "<": "<=", "=": "="}  # by what stands behind a first "="
_DAY = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d))?")
_BOUNDS = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}
_SIGNS = {name: sign for sign, name in _BOUNDS.items()}


def checked_question(question: str) -> str:
    """The question without blanks around it.  Raises BadInput for one that cannot be asked."""
    text = question.strip()
    if not any(letter.isprintable() and not letter.isspace() for letter in text):
        raise BadInput("the question is empty: ask in words")
    if len(question) > MAX_QUESTION:
        raise BadInput(f"the question has {len(question)} characters: at most {MAX_QUESTION} are read")
    checked_text(text)
    return text


def checked_text(text: str) -> None:
    """Raises BadInput for a text that cannot be stored or searched for as it is."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("the text is not valid Unicode (a lone surrogate): send it as UTF-8") from error
    if "\x00" in text:
        raise BadInput("the text holds a null character, which text does not")


def composed(name: str) -> str:
    """A name in the one form in which names are compared (NFC): the same letters may be written in two ways."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def spellings(text: str) -> tuple[str, ...]:
    """A text as it is, composed (NFC) and decomposed (NFD), each once: what was stored as it came may have any of these forms."""
    if text.isascii():
        return (text,)
    return tuple(dict.fromkeys((text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))))


def checked_collection(name: str) -> str:
    """The name, composed.  Raises BadInput for one that no collection can have."""
    if not 0 < len(name) <= MAX_COLLECTION or not name.isprintable() or name != name.strip():
        raise BadInput(f"{name[:40]!r} is no name for a collection: use 1 to {MAX_COLLECTION} printable characters")
    return composed(name)


def parse_filters(written: Sequence[str]) -> dict[str, Condition]:
    """Conditions per key. The same key again with ``=`` allows that value too; bounds of one key hold together.

    Raises BadInput for what is none of these, and for a key with both values and bounds.
    """
    values: dict[str, list[str]] = {}
    bounds: dict[str, dict[str, str]] = {}
    for option in written:
        parts = _WRITTEN.fullmatch(option)
        if parts is None:
            raise BadInput(f"--filter {option!r}: write it as KEY=VALUE, KEY>=VALUE or KEY=FROM..TO")
        key, operator, value = parts.groups()
        if operator == "=" and value[:1] in ("<", ">", "="):
            raise BadInput(f"--filter {option!r}: write it as {key}{_MEANT[value[0]]}{value[1:] or 'VALUE'}")
        if operator != "=":
            _add(bounds, key, {_BOUNDS[operator]: value}, option)
        elif (span := _span(value)) is not None:
            _add(bounds, key, span, option)
        else:
            values.setdefault(key, []).append(value)
    if both := values.keys() & bounds.keys():
        raise BadInput(f"--filter: {min(both)} is given both values and bounds: use one or the other")
    return {**values, **{key: make_range(key, limits) for key, limits in bounds.items()}}


def spelled(wanted: Condition) -> Condition:
    """A condition in every form in which its values may be stored."""
    if isinstance(wanted, Range):
        return wanted
    if isinstance(wanted, Excluded):
        return Excluded([form for value in wanted.values for form in spellings(value)])
    return [form for value in wanted for form in spellings(value)]


def make_range(key: str, bounds: Mapping[str, str]) -> Range:
    """A range, its bounds checked.  Raises BadInput for one that is neither number nor date, or a range of both."""
    for bound in bounds.values():
        if not is_bound(bound):
            raise BadInput(f"{key} is compared with {bound[:80]!r}: use a number, or a date such as 2025-03-01")
        if (day := _DAY.match(bound)) and not _is_in_calendar(*day.groups()):
            raise BadInput(
                f"{key} is compared with {bound[:80]!r}, which no calendar has: use a date such as 2025-03-01"
            )
    if len({"-" in bound[1:] for bound in bounds.values() if len(bound) != 4}) > 1:
        raise BadInput(f"{key} is compared with a number and a date: use two of one kind")
    if _is_empty(bounds):
        written = " and ".join(f"{_SIGNS[name]} {bound}" for name, bound in bounds.items())
        raise BadInput(f"{key} cannot be {written}: exchange the bounds")
    return Range(**bounds)


def _is_in_calendar(year: str, month: str, day: str | None) -> bool:
    try:
        date(int(year), int(month), int(day or 1))
    except ValueError:
        return False
    return True


def _is_empty(bounds: Mapping[str, str]) -> bool:
    """Whether the lower bound is above the upper one, a date standing for all of its year, month or day."""
    for lower, low in ((name, bounds[name]) for name in ("gte", "gt") if name in bounds):
        for upper, high in ((name, bounds[name]) for name in ("lte", "lt") if name in bounds):
            strict = (lower, upper) != ("gte", "lte")
            if not any(_DAY.match(bound) for bound in (low, high)):
                if float(low) > float(high) or strict and float(low) == float(high):
                    return True
            elif lower == "gt":
                if (high + "~" if upper == "lte" else high)[: len(low)] <= low:
                    return True
            elif low[: len(high)] > high or upper == "lt" and low >= high:
                return True
    return False


def _span(value: str) -> dict[str, str] | None:
    """The bounds of FROM..TO, either of which may be left out; None for a value that only has dots in it."""
    first, dots, last = value.partition("..")
    if not dots or not (first or last) or not all(is_bound(bound) for bound in (first, last) if bound):
        return None
    return {name: bound for name, bound in (("gte", first), ("lte", last)) if bound}


def _add(bounds: dict[str, dict[str, str]], key: str, more: dict[str, str], written: str) -> None:
    known = bounds.setdefault(key, {})
    if known.keys() & more.keys():
        raise BadInput(f"--filter {written!r}: {key} has this bound already")
    known.update(more)
