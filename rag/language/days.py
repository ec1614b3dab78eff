"""Dates that two texts write in other forms: "1 October 2020", "2020-10-01" and "01.10.2020" are one day."""

import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from index.local.views.lexical import analyze
from rag.language.asked import by_first_letter, cached_by_question
from rag.language.dates import MONTHS, SHORT_MONTHS
from rag.language.patterns import lazy_pattern

_NAMES = "January February March April May June July August September October November December".split()
# What the names of months begin with in the languages of western Europe.
_BEGINNINGS = (
    *("jan ene gen", "feb fév fev", "mar mär maa", "apr avr abr", "may mai mag mei", "jun juin giu"),
    *("jul juil lug", "aug aoû ago", "sep set", "oct okt ott out", "nov", "dec dez déc dic des"),
)
_MONTH_OF = {beginning: month for month, each in enumerate(_BEGINNINGS, 1) for beginning in each.split()}
_LONGEST = 30  # characters of a date beside its year
_YEAR = r"(?:1[5-9]|20)\d\d"
_MONTH = rf"(?:{by_first_letter(MONTHS)}|{SHORT_MONTHS})\b\.?"
_DATE = lazy_pattern(
    rf"(?<![\w./-])(?:"
    rf"(?P<y1>{_YEAR})(?P<s1>[-/.])(?P<m1>\d\d?)(?P=s1)(?P<d1>\d\d?)(?!\d|[./-]\d)|"
    rf"(?P<y2>{_YEAR})-(?P<m2>\d\d)(?![\d-])|"
    rf"(?P<a>\d\d?)(?P<s2>[-/.])(?P<b>\d\d?)(?P=s2)(?P<y3>{_YEAR})(?!\d|[./-]\d)|"
    rf"(?P<d4>\d\d?)(?:st|nd|rd|th|er|[.º])?[ /-](?:of |de |di )?(?P<m4>{_MONTH})(?:(?:[ /-]|, | del? | of )(?P<y4>{_YEAR}\b))?|"
    rf"(?P<m5>{_MONTH}) (?P<d5>\d\d?)(?:st|nd|rd|th)?\b(?:,? (?P<y5>{_YEAR}\b))?|"
    rf"(?P<m6>{_MONTH})(?:[ /-]|, | de | of )(?P<y6>{_YEAR}\b))",
    re.IGNORECASE,
)


class Day(NamedTuple):
    """A day or a month: 0 for what is not said of it."""

    year: int
    month: int
    day: int


def told_otherwise(question: str, text: str) -> list[str]:
    """The dates of a question, as it writes them, that a text tells in other words.

    A text that tells the day tells the month as well. What may be two days ("01/02/2020") is none.
    """
    wanted = _dates_of(question)
    if not wanted:
        return []
    days = [day for date in wanted for day in _days_near(text, date[1].year)]
    told = [written for written, date in wanted if any(_is_told(date, day) for day in days)]
    terms = set(analyze(text)) if told else set()
    return [written for written in told if not terms.issuperset(analyze(written))]


def other_forms(question: str) -> list[str]:
    """The dates of a question as it does not write them, those without a year left out: in digits, and in English words."""
    dates = _dates_of(question)
    asked = {frozenset(analyze(written)) for written, _ in dates}
    forms = [form for _, date in dates if date.year for form in _forms(date)]
    return [form for form in dict.fromkeys(forms) if frozenset(analyze(form)) not in asked]


def _forms(date: Day) -> tuple[str, ...]:
    year, month, day = date
    if not day:
        return f"{year}-{month:02}", f"{_NAMES[month - 1]} {year}"
    return f"{year}-{month:02}-{day:02}", f"{year}-{month}-{day}", f"{day} {_NAMES[month - 1]} {year}"


@cached_by_question
def _dates_of(question: str) -> tuple[tuple[str, Day], ...]:
    return tuple(_dates_in(question))


def _days_near(text: str, year: int) -> Iterator[Day]:
    """The dates of a text that may have a year, or all where it is 0: most texts do not have it, and are not looked through."""
    if not year:
        yield from (day for _, day in _dates_in(text))
    for at in re.finditer(str(year), text) if year else ():
        yield from (day for _, day in _dates_in(text, max(0, at.start() - _LONGEST), at.end() + _LONGEST))


def _dates_in(text: str, start: int = 0, end: int = sys.maxsize) -> Iterator[tuple[str, Day]]:
    for match in _DATE.finditer(text, start, end):
        day = _day(match.groupdict(""))
        if 1 <= day.month <= 12 and day.day <= 31:
            yield match.group(), day


def _day(parts: dict[str, str]) -> Day:
    """The day of a match; month 0 where it is not told which it is."""
    if parts["y1"]:
        return Day(int(parts["y1"]), int(parts["m1"]), int(parts["d1"]))
    if parts["y2"]:
        first, second = int(parts["y2"]), int(parts["m2"])
        return Day(first, 0 if second == first % 100 + 1 else second, 0)  # 2010-11 are two years
    if parts["y3"]:
        return _told_apart(int(parts["y3"]), int(parts["a"]), int(parts["b"]), parts["s2"])
    year = parts["y4"] or parts["y5"] or parts["y6"]
    return Day(int(year or 0), _month(parts["m4"] or parts["m5"] or parts["m6"]), int(parts["d4"] or parts["d5"] or 0))


def _told_apart(year: int, first: int, second: int, separator: str) -> Day:
    """The day of two numbers before a year: with full stops the day is always first."""
    if second > 12 >= first:
        return Day(year, first, second)
    return Day(year, second if separator == "." or first > 12 or first == second else 0, first)


def _month(name: str) -> int:
    folded = name.casefold()
    return _MONTH_OF.get(folded[:4], _MONTH_OF.get(folded[:3], 0))


def _is_told(wanted: Day, day: Day) -> bool:
    return all(not part or part == own for part, own in zip(wanted, day, strict=True))
