"""Conditions on metadata, as SQL over the table of values, all of which are kept as text. See ``index.local.database.filters``."""

from collections.abc import Sequence

from index.local.database.filters import compared
from index.types import DOCUMENT_IDS, Condition, Excluded, Range

_OPERATORS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
# A dash behind a digit is a date's, not a number's; of two points in a number one is too many. What CAST takes is checked first.
_NUMBER = r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?$"
_DATE = r"^\d{4}($|-\d\d)"


def condition(key: str, wanted: Condition) -> tuple[str, list[object]]:
    """A condition on the documents `d`, and its parameters.  Raises as ``matching``."""
    if isinstance(wanted, Excluded):
        query, values = matching(key, wanted.values)
        return f"d.number NOT IN ({query})", values
    if key == DOCUMENT_IDS and not isinstance(wanted, Range):
        return "d.id = ANY(%s)", [list(wanted)]
    query, values = matching(key, wanted)
    return f"d.number IN ({query})", values


def matching(key: str, allowed: Sequence[str] | Range) -> tuple[str, list[object]]:
    """A query for the documents whose ``key`` has one of the values, or one within the range, and its parameters.

    Raises ValueError for a range without bounds or with one that is neither number nor date.
    """
    query = "SELECT document FROM metadata WHERE left(key, 100) = left(%s, 100) AND key = %s"
    if not isinstance(allowed, Range):
        beginnings = [value[:200] for value in allowed]
        return f"{query} AND left(value, 200) = ANY(%s) AND value = ANY(%s)", [key, key, beginnings, list(allowed)]
    numbers, dates = compared(key, allowed)
    ways: list[str] = []
    values: list[object] = [key, key]
    if numbers:
        bounds = " AND ".join(f"value::double precision {_OPERATORS[name]} %s" for name in numbers)
        ways.append(f"CASE WHEN value ~ %s THEN {bounds} ELSE FALSE END")
        values += [_NUMBER, *(float(bound) for bound in numbers.values())]
    if dates:
        conditions = ["value ~ %s"]
        values.append(_DATE)
        for name, bound in dates.items():
            whole = f"left(value, {len(bound)})" if name in ("gt", "lte") else "value"
            conditions.append(f"{whole} {_OPERATORS[name]} %s")
            values.append(bound)
        ways.append(" AND ".join(conditions))
    return f"{query} AND ({' OR '.join(f'({way})' for way in ways)})", values
