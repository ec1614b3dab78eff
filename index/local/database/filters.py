"""Conditions on metadata, as SQL over the table of values, all of which are kept as text."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from index.types import Range

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:[T ][\d:.+Z-]*)?)?)?")
_OPERATORS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}


def is_bound(text: str) -> bool:
    """Whether values can be compared with this: a number, or a date as far as it is said (2025, 2025-03, 2025-03-01)."""
    return _NUMBER.fullmatch(text) is not None or _DATE.fullmatch(text) is not None


class Comparing(NamedTuple):
    """How a database compares values, which are texts, with bounds. number: a value as a number.

    numbers, dates: that a value is one, and that the condition holds that goes in the place of {}.
    """

    number: str
    numbers: str
    dates: str


# A dash behind a digit is a date's, not a number's; of two points in a number one is too many.
_COMPARING = Comparing(
    "CAST(value AS REAL)",
    "value GLOB '*[0-9]*' AND NOT value GLOB '*[^0-9.eE+-]*' AND NOT value GLOB '*[0-9]-*' AND NOT value GLOB '*.*.*' AND {}",
    "value GLOB '[0-9][0-9][0-9][0-9]*' AND (length(value) = 4 OR value GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]*') AND {}",
)


def matching(key: str, allowed: Sequence[str] | Range) -> tuple[str, list[str | float]]:
    """A query for the documents whose ``key`` has one of the values, or one within the range, and its parameters.

    Raises as ``within``.
    """
    query = "SELECT document FROM metadata WHERE key = ? AND"
    if isinstance(allowed, Range):
        condition, values = within(key, allowed, _COMPARING)
        return f"{query} {condition}", [key, *values]
    return f"{query} value IN ({', '.join('?' * len(allowed))})", [key, *allowed]


def within(key: str, allowed: Range, comparing: Comparing) -> tuple[str, list[str | float]]:
    """That a value keeps the bounds of a range: as numbers, or as dates, if all of them are of that kind; and its parameters.

    Raises ValueError for a range without bounds or with one that is neither number nor date.
    """
    bounds = {name: bound for name in _OPERATORS if (bound := getattr(allowed, name)) is not None}
    if not bounds:
        raise ValueError(f"the range of {key!r} has no bound")
    ways: list[str] = []
    values: list[str | float] = []
    if all(_NUMBER.fullmatch(bound) for bound in bounds.values()):
        kept = [f"{comparing.number} {_OPERATORS[name]} ?" for name in bounds]
        ways.append(comparing.numbers.format(" AND ".join(kept)))
        values += map(float, bounds.values())
    if all(_DATE.fullmatch(bound) for bound in bounds.values()):
        # A bound stands for all of its year, month or day: 2025-06-30 is not after 2025, and not before it.
        parts = {name: f"substr(value, 1, {len(bounds[name])})" for name in bounds if name in ("gt", "lte")}
        kept = [f"{parts.get(name, 'value')} {_OPERATORS[name]} ?" for name in bounds]
        ways.append(comparing.dates.format(" AND ".join(kept)))
        values += bounds.values()
    if not ways:
        raise ValueError(
            f"{key!r} is compared with {', '.join(map(repr, bounds.values()))}: bounds are numbers, or dates such as 2025-03-01"
        )
    return f"(({') OR ('.join(ways)}))", values
