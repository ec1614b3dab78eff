"""What the first row of a table is: column names, or the first row of its data."""

import re
from collections.abc import Sequence

_MAX_NAME = 120
_VALUE = re.compile(
    r"[-+(]?[$€£¥]?\s?\d[\d\s.,:/'-]*\s?(?:%|[$€£¥)])?|\d{4}-\d\d-\d\d.*|true|false|yes|no|n/?a|-", re.I
)


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, a date or the like, and so cannot name a column."""
    return _VALUE.fullmatch(cell.strip()) is not None


def is_header(row: Sequence[str]) -> bool:
    """Whether a row can be the names of columns: at least two, short, all different, none a number, a date or the like.

    Gaps are allowed where a column has no name; a table of words without names cannot be told from one with them.
    """
    names = [cell.strip() for cell in row if cell.strip()]
    return (
        len(names) >= 2
        and len(names) * 2 > len(row)
        and len(set(names)) == len(names)
        and all(len(name) <= _MAX_NAME and not is_value(name) for name in names)
    )


def split_header(rows: Sequence[Sequence[str]]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Column names, or nothing, and the rows below them."""
    if len(rows) >= 2 and is_header(rows[0]):
        return rows[0], rows[1:]
    return (), rows
