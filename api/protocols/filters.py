"""Filters of other protocols as conditions of the index, which hold together; what is joined by "or" becomes several."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.schemas.requests import as_stored, has_surrogates
from index.types import Condition, Excluded, JsonScalar, Range
from rag.shared.errors import BadInput
from rag.shared.validation import make_range

Where = dict[str, Condition]

# Each way is a question of its own.
MAX_WAYS = 8
MAX_DEPTH = 8
MAX_VALUES = 1000
_INT64 = 2**63
_BOUNDS = ("gt", "gte", "lt", "lte")


def ways_or_all(filters: object) -> list[Where]:
    """The ways in which a document may fit; all documents fit where there is no filter."""
    return ways_of(filters) if filters else [{}]


def ways_of(filters: object, depth: int = 0) -> list[Where]:
    """The ways in which a document may fit an OpenAI filter, ``{type, key, value}`` or ``{type: and|or, filters}``.

    Raises BadInput.
    """
    if not isinstance(filters, Mapping):
        raise BadInput("a filter is an object with `type`, and `key` and `value` or `filters`")
    if depth > MAX_DEPTH:
        raise BadInput(f"filters may be nested {MAX_DEPTH} deep")
    kind = filters.get("type")
    if kind not in ("and", "or"):
        return [_comparison(kind, filters.get("key"), filters.get("value"))]
    parts = filters.get("filters")
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
        raise BadInput(f"a filter of the type {kind!r} has one or more `filters`")
    each = [ways_of(part, depth + 1) for part in parts]
    if kind == "or":
        return _bounded([way for ways in each for way in ways])
    combined: list[Where] = [{}]
    for ways in each:
        combined = _bounded([_both(first, second) for first in combined for second in ways])
    return combined


def _bounded(ways: list[Where]) -> list[Where]:
    if len(ways) > MAX_WAYS:
        raise BadInput(
            f"a filter may allow {MAX_WAYS} combinations of conditions at most; `in` takes many values at once"
        )
    return ways


def _comparison(kind: object, key: object, value: Any) -> Where:
    if not isinstance(key, str) or not 0 < len(key) <= 100 or "\0" in key:
        raise BadInput("a filter's `key` is a text of 1 to 100 characters")
    if kind in _BOUNDS:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise BadInput(f"{key}: {kind} compares with a number, or a date such as 2025-03-01")
        return {key: make_range(key, {str(kind): str(_scalar(key, value))})}
    if kind not in ("eq", "ne", "in", "nin"):
        raise BadInput(f"{str(kind)[:40]!r} is no type of filter: use eq, ne, gt, gte, lt, lte, in, nin, and, or")
    several = kind in ("in", "nin")
    if several != isinstance(value, list):
        raise BadInput(f"{key}: {kind} takes {'a list of values' if several else 'one value'}")
    values = value if several else [value]
    if not 0 < len(values) <= MAX_VALUES:
        raise BadInput(f"{key}: {kind} takes 1 to {MAX_VALUES} values")
    stored = [spelling for each in values for spelling in as_stored(_scalar(key, each))]
    return {key: stored if kind in ("eq", "in") else Excluded(stored)}


def _scalar(key: str, value: object) -> JsonScalar:
    if isinstance(value, str):
        fits = "\0" not in value and not has_surrogates(value)
    else:
        fits = isinstance(value, int | float) and -_INT64 <= value < _INT64
    if value is not None and not fits:
        raise BadInput(f"{key}: a value is a text, a number of at most 64 bits, true or false")
    assert value is None or isinstance(value, str | int | float)
    return value


def _both(first: Where, second: Where) -> Where:
    """Conditions that hold together.  Raises BadInput where one key has conditions that cannot be written as one."""
    both = dict(first)
    for key, condition in second.items():
        both[key] = _joined(key, both[key], condition) if key in both else condition
    return both


def _joined(key: str, first: Condition, second: Condition) -> Condition:
    if isinstance(first, Range) and isinstance(second, Range):
        bounds = [(name, str(bound)) for part in (first, second) for name in _BOUNDS if (bound := getattr(part, name))]
        if len(dict(bounds)) == len(bounds):
            return make_range(key, dict(bounds))
    elif isinstance(first, Excluded) and isinstance(second, Excluded):
        return Excluded([*first.values, *second.values])
    elif not isinstance(first, Range) and not isinstance(second, Range):
        wanted = [part for part in (first, second) if not isinstance(part, Excluded)]
        dropped = {value for part in (first, second) if isinstance(part, Excluded) for value in part.values}
        kept = set(wanted[0]).intersection(*wanted[1:]) - dropped
        return sorted(kept)
    raise BadInput(f"{key}: a range cannot be joined with another condition on the same key")
