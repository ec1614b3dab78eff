"""What a sentence states that can be compared without a model: numbers, dates, names, negations, directions, content words."""

import re
from dataclasses import dataclass
from functools import lru_cache

from index.local.views.lexical import analyze
from rag.generation.vocabulary import DOWN, NEGATIONS, OF_SOURCES, OF_UNITS, OPENERS, UP

_NUMBER = re.compile(r"(?<![\w.])[-−–]?\d+(?:[ ,.'’\u202f\u00a0]\d{3})*(?:[.,]\d+)?(?![\w])|\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:['’.\-][^\W\d_]+)*")
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]{3,})[\"”“»]")
_UNIT = re.compile(r"(?<=\d)\s?(%|°\s?[CF]?|[€$£¥₹]|[kKMGTm]?[gmsWVAJB]\b|percent\b|per cent\b)|[€$£¥₹](?=\s?\d)")
_SMALL = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
        "nineteen twenty".split()
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_MONTHS = "january february march april may june july august september october november december".split()
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
# Compared as names, by their first three letters.
_DATES = frozenset([*_MONTHS, *_DAYS, *(name[:3] for name in (*_MONTHS, *_DAYS)), "sept"])


@dataclass(frozen=True, slots=True)
class Statement:
    """One text. numbers: as written without separators.  names: capitalised words, casefolded, months and days among them.

    words: stems of all content words.  negations: how many words negate.  ups, downs: words that tell a direction.
    """

    text: str
    numbers: frozenset[str]
    names: frozenset[str]
    words: frozenset[str]
    units: frozenset[str]
    quotes: tuple[str, ...]
    negations: int
    ups: frozenset[str]
    downs: frozenset[str]


_IGNORED_STEMS = frozenset(stem for word in OPENERS | OF_SOURCES | OF_UNITS | _DATES for stem in analyze(word))


@lru_cache(maxsize=512)
def read_statement(text: str) -> Statement:
    """What a text states."""
    words = _WORD.findall(text)
    plain = [word.casefold().replace("’", "'") for word in words]
    single = frozenset(part for word in plain for part in word.split("-"))
    return Statement(
        text=text,
        numbers=frozenset(_numbers(text, plain)),
        names=frozenset(_names(text)),
        words=frozenset(stem for stem in analyze(text) if not stem.isdecimal()) - _IGNORED_STEMS,
        units=frozenset(_UNIT_NAMES.get(unit := match[0].strip().casefold(), unit) for match in _UNIT.finditer(text)),
        quotes=tuple(match[1] for match in _QUOTED.finditer(text)),
        negations=sum(part in NEGATIONS or part.endswith("n't") for word in plain for part in word.split("-")),
        ups=single & UP,
        downs=single & DOWN,
    )


_UNIT_NAMES = {"percent": "%", "per cent": "%"}


def folded(text: str) -> str:
    """A text to look for quotations in: blanks, quotation marks and case do not count."""
    return " ".join(re.sub(r"[\"“”„«»'’‘]", "", text).casefold().split())


def _numbers(text: str, plain: list[str]) -> set[str]:
    numbers = set()
    for match in _NUMBER.finditer(text):
        digits = match[0].lstrip("-−–")
        whole, _, rest = (
            re.sub(r"(?<=\d)[ ,.'’\u202f\u00a0](?=\d{3}(?!\d))", "", digits).replace(",", ".").partition(".")
        )
        numbers.add(f"{whole.lstrip('0') or '0'}.{rest.rstrip('0')}".rstrip("."))
    for word, after in zip(plain, [*plain[1:], ""], strict=False):
        if word in _SMALL and word != "one":  # "one" seldom counts
            numbers.add(_SMALL[word] + ("0" * _SCALES[after] if after in _SCALES else ""))
    return numbers | {f"10^{_SCALES[word]}" for word in plain if word in _SCALES}


def _names(text: str) -> set[str]:
    names = set()
    for match in _WORD.finditer(text):
        word = match[0]
        plain = word.casefold().removesuffix("'s").removesuffix("’s")
        if plain in _DATES and word[0].isupper():
            names.add(plain[:3])
        elif any(character.isupper() for character in word) and not (plain in OPENERS and _begins(text, match.start())):
            names.add(plain.replace(".", ""))
    return names


def _begins(text: str, at: int) -> bool:
    before = text[:at].rstrip(" \t\n\"“„«(['‘")
    return not before or before[-1] in ".!?:;…•-–—"
