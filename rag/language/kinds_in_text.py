"""Whether a text holds a thing of the kind that is asked for: a number, a date, a name that the question does not have itself."""

import re
from collections.abc import Sequence

from rag.language.amounts import NUMBER_WORDS, amounts_in, holds_amount, longest_first, numbers_in, without
from rag.language.asked import UNITS_OF_TIME, Kind, cached_by_question, kind_asked
from rag.language.dates import CLOCK, DATE, MONTHS
from rag.language.languages import common_words
from rag.language.names import names_in
from rag.language.patterns import BULLETS, lazy_pattern

# Told by their names.
NAMED = frozenset((Kind.PERSON, Kind.ORGANISATION, Kind.PLACE))
# A text without such a thing is not the whole answer. Reasons, steps and definitions are only likelier in some words.
STRICT = NAMED | {Kind.NUMBER, Kind.CODE, Kind.EMAIL, Kind.DURATION, Kind.DATE, Kind.TIME}

_OCCASION = lazy_pattern(
    r"\b(?:after|before|until|once|as soon as|during|upon|within|when|while|since|at the (?:end|beginning|time)|annually|"
    r"daily|weekly|"
    r"monthly|every|each|today|tomorrow|yesterday|summer|winter|spring|autumn|"
    rf"\d+ (?:{UNITS_OF_TIME}) (?:later|ago))\b",
    re.IGNORECASE,
)
# A deadline may be a time from an event on.
_ASKS_FOR_LIMIT = lazy_pattern(r"\bdeadline\b|\blast day\b|\bletzte[rn]? tag\b|\bfrist\b", re.IGNORECASE)
_LIMIT = lazy_pattern(
    r"\b(?:within|no later than|not later than|at least|innerhalb|binnen|dans les)\b[^.;\n]{0,25}\d[^.;\n]{0,12}"
    rf"(?:{UNITS_OF_TIME})\b",
    re.IGNORECASE,
)
_DIGIT = lazy_pattern(r"\d")
_ASKS_FOR_PHONE = lazy_pattern(r"phone|\bfax\b|\bmobile\b|téléphone|teléfono", re.IGNORECASE)
_PHONE_NUMBER = lazy_pattern(r"\d(?:[ ()./-]{0,2}\d){5}")
_LASTS = lazy_pattern(
    rf"(?:(?<![\d.,])\d[\d.,]*+|\b(?:{NUMBER_WORDS}|an?|few|several|many)\b)\)?[\s-]*(?:[a-z]+ )?"
    rf"(?:{UNITS_OF_TIME}|mins?|hrs?|secs?|ms|h|s)\b|"
    r"\b(?:until|indefinite\w*|permanent\w*|forever|lifetime|century|decade|from .{3,40} (?:to|until))\b|\d{4} ?[–-] ?\d{2,4}|"
    r"\bsince\b.{1,60}\d{4}|\bborn\b.{1,60}\d{4}|"
    r"\b(?:in|within|for|over|takes?) (?:only |just |mere |a matter of )*"
    r"(?:seconds|minutes|hours|days|weeks|months|years|decades|centuries)\b|"
    r"[\d一二三四五六七八九十]+ ?[年月天日]",
    re.IGNORECASE,
)
_REASON = lazy_pattern(
    r"\b(?:because|due to|owing to|since|so that|in order to|to (?:avoid|prevent|ensure|reduce|allow|protect|keep|make|"
    r"help|give)|"
    r"therefore|thus|hence|reasons?|caused?|causes|as a result|leads? to|result(?:s|ed)? (?:in|from)|thanks to|weil|denn|"
    r"damit|deshalb|"
    r"parce que|car|porque|perché)\b",
    re.IGNORECASE,
)
_STEPS = lazy_pattern(
    r"`[^`\n]+`|^[ \t]*+(?:\$|>|#) ?\S|\s--?[a-z][\w-]+|^[ \t]*+(?:[-*•]|\(?\d{1,2}[.)])?[ \t]*+(?:to\b.{3,80},|use|run|"
    r"set|add|open|click|select|press|install|create|pass|enter|choose|go|type|call|submit|send|remove|delete|make|turn|put|take|write)\b|"
    r"\b(?:you|users?|one) (?:can|may|must|should|need|have to)\b|\bby \w+ing\b|\bcan be \w+ed\b",
    re.IGNORECASE | re.MULTILINE,
)
_DEFINES = lazy_pattern(
    r"\b(?:is|are|was|were|means?|refers? to|denotes?|describes?|stands for|defined as|called|known as|consists? of|ist|"
    r"sind|bedeutet|"
    r"est|sont|désigne|es|son)\b",
    re.IGNORECASE,
)
# Asks for the name of a thing, and tells it.
_CALLED = lazy_pattern(
    r"\b(?:called|named|known as)\W*$|"
    r"^\W*(?:comment s['’]appel|wie (?:hei(?:ß|ss)|nennt man)|cómo se llama|come si chiama|hoe heet)",
    re.IGNORECASE,
)
_CALLS = lazy_pattern(
    r"\b(?:called|named|known as|termed|name (?:is|was|for|of)|appelée?s?|nommée?s?|genannt|hei(?:ß|ss)t|namens|llamad[oa]s?|"
    r"chiamat[oaie]|genaamd|heet)\b",
    re.IGNORECASE,
)
_WORD = lazy_pattern(r"[^\W_][\w'’&-]*")
# What a line begins with that says what follows: "Date of birth: 1956".
_COLUMN = lazy_pattern(r"^[^:\n]{1,40}: ", re.MULTILINE)
_ADDRESS = lazy_pattern(r"<?\bhttps?://\S+")
_UNCASED = lazy_pattern(r"[\u0590-\u08ff\u0900-\u1cff\u2e80-\u9fff\uac00-\ud7ff]")
_NO_NAMES = frozenset(
    "i true false yes no monday tuesday wednesday thursday friday saturday sunday".split()
) | frozenset(MONTHS.split("|"))
_POINTS_BACK = lazy_pattern(
    r"(?<!\W)\W*+(?:this|that|these|those|it|they|he|she|there|such|here|its|their|his|her|then|thus|however|instead|"
    r"for example)\b",
    re.I,
)
_SENTENCE_END = lazy_pattern(r"[.!?:]['\"”’)\]\d]*\s+$")


def holds(kind: Kind, text: str, question: str, *, is_row: bool = False) -> bool:
    """Whether a text holds a thing of this kind that the question does not say itself. True for a kind that no text can lack.

    is_row: whether it is a row of a table, whose head has the unit of its numbers.
    """
    if kind is Kind.NUMBER:
        return holds_amount(text, question, is_row=is_row)
    if kind is Kind.CODE:
        code = _PHONE_NUMBER if _ASKS_FOR_PHONE.search(question) else _DIGIT
        return bool(code.search(DATE.sub(" ", without(numbers_in(question), text))))
    if kind is Kind.EMAIL:
        return bool(re.search(r"[\w.+-]+@[\w-]+\.\w", text))
    if kind is Kind.DURATION:
        return bool(_LASTS.search(text)) or is_row and bool(amounts_in(text, question))
    if kind is Kind.DATE:
        return (
            bool(DATE.search(without(_dates(question), text)))
            or bool(_ASKS_FOR_LIMIT.search(question) and _LIMIT.search(text))
            or not _happened(question)
            and bool(_OCCASION.search(without(_names(question), text)) or CLOCK.search(text))
        )
    if kind is Kind.TIME:
        return bool(CLOCK.search(text))
    if kind in NAMED:
        return has_new_name(text, question)
    if kind is Kind.REASON:
        return bool(_REASON.search(text))
    if kind is Kind.STEPS:
        return bool(_STEPS.search(text))
    if kind is Kind.DEFINITION:
        return bool((_CALLS if asks_for_name(question) else _DEFINES).search(text))
    return True


@cached_by_question
def asks_for_name(question: str) -> bool:
    """Whether a question asks what something is called."""
    return kind_asked(question) is Kind.DEFINITION and bool(_CALLED.search(question))


def points_back(text: str) -> bool:
    """Whether a text begins with a word that takes its meaning from the sentence before."""
    return bool(_POINTS_BACK.match(text))


def has_new_name(text: str, question: str) -> bool:
    """Whether a text has a name, told by its capital letter, that the question does not have; True of a script without them."""
    if _UNCASED.search(text):
        return True
    if ":" in text:
        text = _COLUMN.sub("", _ADDRESS.sub(" ", text))
    asked = _words(question)
    common = common_words("en")
    for word in _WORD.finditer(text):
        written = word.group()
        if not written[0].isupper() or written.casefold() in asked or written.casefold() in _NO_NAMES:
            continue
        before = text[: word.start()]
        opens = not before.strip(f" \t\n\"'“‘([*|-{BULLETS}") or bool(_SENTENCE_END.search(before))
        if not opens or written.casefold() not in common and _capital_follows(text, word.end()):
            return True
    return False


def _capital_follows(text: str, end: int) -> bool:
    following = re.match(r"[ .]{1,2}([^\W\d_])", text[end : end + 3])
    return bool(following and following[1].isupper())


@cached_by_question
def _happened(question: str) -> bool:
    """Whether a question asks when something was or will be, which only a date tells."""
    return bool(
        re.search(
            r"\b(?:did|was|were|had)\b|\b(?:takes? place|held|scheduled|date|year|day|month|century|deadline)\b",
            question,
            re.IGNORECASE,
        )
    )


@cached_by_question
def _words(question: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(question))


@cached_by_question
def _names(question: str) -> Sequence[str]:
    return longest_first(question[slice(*span)] for span in names_in(question))


@cached_by_question
def _dates(question: str) -> Sequence[str]:
    return longest_first([*numbers_in(question), *(match.group() for match in DATE.finditer(question))])
