"""Conditions on metadata, as SQL over the table of values, all of which are kept as text."""

import re
from collections.abc import Sequence

from index.types import Range

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:[T ][\d:.+Z-]*)?)?)?")
# A dash behind a digit is a date's, not a number's; of two points in a number one is too many.
_IS_NUMBER = (
    "value GLOB '*[0-9]*' AND NOT value GLOB '*[^0-9.eE+-]*' AND NOT value GLOB '*[0-9]-*' AND NOT value GLOB '*.*.*'"
)
_IS_DATE = "value GLOB '[0-9][0-9][0-9][0-9]*' AND (length(value) = 4 OR value GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]*')"
_OPERATORS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}


def is_bound(text: str) -> bool:
    """Whether values can be compared with this: a number, or a date as far as it is said (2025, 2025-03, 2025-03-01)."""
    return _NUMBER.fullmatch(text) is not None or _DATE.fullmatch(text) is not None


def matching(key: str, allowed: Sequence[str] | Range) -> tuple[str, list[str | float]]:
    """A query for the documents whose ``key`` has one of the values, or one within the range, and its parameters.

    Raises ValueError for a range without bounds or with one that is neither number nor date.
    """
    if not isinstance(allowed, Range):
        marks = ", ".join("?" * len(allowed))
        return f"SELECT document FROM metadata WHERE key = ? AND value IN ({marks})", [key, *allowed]
    ways = []
    values: list[str | float] = [key]
    for bounds, compare in zip(compared(key, allowed), (_as_numbers, _as_dates), strict=True):
        if bounds:
            condition, own = compare(bounds)
            ways.append(f"({condition})")
            values += own
    return f"SELECT document FROM metadata WHERE key = ? AND ({' OR '.join(ways)})", values


def compared(key: str, allowed: Range) -> tuple[dict[str, str], dict[str, str]]:
    """The bounds of a range, by name: as numbers, and as dates; each empty where they are not all of that kind.

    Raises ValueError for a range without bounds, or whose bounds are neither.
    """
    bounds = {name: bound for name in _OPERATORS if (bound := getattr(allowed, name)) is not None}
    if not bounds:
        raise ValueError(f"the range of {key!r} has no bound")
    numbers, dates = (
        bounds if all(fits.fullmatch(bound) for bound in bounds.values()) else {} for fits in (_NUMBER, _DATE)
    )
    if not numbers and not dates:
        raise ValueError(
            f"{key!r} is compared with {', '.join(map(repr, bounds.values()))}: bounds are numbers, or dates such as 2025-03-01"
        )
    return numbers, dates


def _as_numbers(bounds: dict[str, str]) -> tuple[str, list[str | float]]:
    conditions = [_IS_NUMBER, *(f"CAST(value AS REAL) {_OPERATORS[name]} ?" for name in bounds)]
    return " AND ".join(conditions), [float(bound) for bound in bounds.values()]


def _as_dates(bounds: dict[str, str]) -> tuple[str, list[str | float]]:
    """A bound stands for all of its year, month or day: 2025-06-30 is not after 2025, and not before it."""
    conditions = [_IS_DATE]
    for name, bound in bounds.items():
        whole = f"substr(value, 1, {len(bound)})" if name in ("gt", "lte") else "value"
        conditions.append(f"{whole} {_OPERATORS[name]} ?")
    return " AND ".join(conditions), list(bounds.values())
