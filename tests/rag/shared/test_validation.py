"""Filters as they are written on the command line."""

import pytest

from index.types import Range
from rag.shared.errors import BadInput
from rag.shared.validation import parse_filters


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["year=2025"], {"year": ["2025"]}),
        (["year=2025", "year=2026"], {"year": ["2025", "2026"]}),
        (["date>=2025-01-01"], {"date": Range(gte="2025-01-01")}),
        (["date>2025", "date<=2026-06"], {"date": Range(gt="2025", lte="2026-06")}),
        (["size<-3.5"], {"size": Range(lt="-3.5")}),
        (["year=2020..2024"], {"year": Range(gte="2020", lte="2024")}),
        (["date=2025-03..", "author=Berg"], {"date": Range(gte="2025-03"), "author": ["Berg"]}),
        (["n=..7"], {"n": Range(lte="7")}),
        (["formula=a=b"], {"formula": ["a=b"]}),
        (["version=a..b"], {"version": ["a..b"]}),
        (["title=.."], {"title": [".."]}),
        (["empty="], {"empty": [""]}),
    ],
)
def test_filters_mean_what_they_look_like(written: list[str], expected: object) -> None:
    assert parse_filters(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        ["year"],
        ["=2025"],
        [">=2025"],
        ["date>=spring"],
        ["date>="],
        ["date>=2025", "date>=2026"],
        ["date>=2025", "date=2026"],
        ["date>=2025-01-01", "date<7.5"],
    ],
)
def test_what_is_no_filter_is_refused(written: list[str]) -> None:
    with pytest.raises(BadInput):
        parse_filters(written)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (["year=>2025"], "year>=2025"),
        (["year=<2025"], "year<=2025"),
        (["year==2025"], "year=2025"),
        (["date>=2025-02-30"], "no calendar"),
        (["date=2025-13..2026"], "no calendar"),
        (["date<2025-00"], "no calendar"),
        (["year=2025..2024"], ">= 2025 and <= 2024"),
        (["n>7", "n<7"], "> 7 and < 7"),
        (["n>=7", "n<7"], "exchange"),
        (["date>=2025-06", "date<2025-06"], "exchange"),
        (["date>=2025-06-02", "date<=2025-05"], "exchange"),
        (["date>2025", "date<=2025-06"], "exchange"),
    ],
)
def test_a_filter_that_can_find_nothing_is_refused_and_told(written: list[str], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        parse_filters(written)


@pytest.mark.parametrize(
    "written",
    [
        ["n>=7", "n<=7"],
        ["n>=1e-5", "n<1e-4"],
        ["n>=-3", "n<-2.5"],
        ["date>=2025-06", "date<=2025"],
        ["date>2025-06", "date<=2025"],
        ["date>=2025-06", "date<=2025-06"],
        ["date>=2025-06-30", "date<=2025-06"],
        ["date>2024", "date<2025-06"],
        ["date=2024-02-29..2024-02-29T23:59"],
    ],
)
def test_a_range_that_can_find_something_is_taken(written: list[str]) -> None:
    assert len(parse_filters(written)) == 1
