"""References to a numbered part of a document ("clause 7.3(b)", "Article 4", "§ 12"): which sentences are that part.

Words and meaning hardly tell one number from another, and the word "clause" stands where a contract speaks of another clause.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from rag.language.patterns import lazy_pattern

_KINDS = (
    "clauses?|sections?|articles?|paragraphs?|chapters?|rules?|items?|points?|annex|appendix|schedule|cl|sec|art|para|"
    "klausel|ziffer|abschnitt|artikel|absatz|kapitel|punkt|anlage|anhang|clause|paragraphe|chapitre|cláusula|artículo|sección|"
    "capítulo|articolo|clausola|capitolo"
)
_KIND = rf"(?:\b(?:{_KINDS})\b\.?|§{{1,2}})\s*"
_DOTTED = r"\d{1,4}(?:\.\d{1,4})"
_SUB = r"(?:\s?\([a-z0-9]{1,5}\))"
_DIGIT = lazy_pattern(r"\d")
# Without a word before it only what can be no amount or year alone.
_ASKED = lazy_pattern(rf"{_KIND}({_DOTTED}*{_SUB}*)(?![\w%])|(?<![\w.,$€£])({_DOTTED}+{_SUB}*)(?![\w%])", re.I)
# Of running text ("Article 34 TFEU says") a number after a word is no opening.
_OPENING = lazy_pattern(
    rf"""
    (?: {_KIND}({_DOTTED}*)                             # "Clause 7.3", where what follows shows that the words open a part:
        (?= [.:)] | \s?\( | \s*$                        #   "Clause 7.3:", "Clause 7.3 (a)", "Clause 7.3" alone,
          | \s+ (?-i: [^\Wa-z\d_][^\WA-Z\d_]*\b | \W) )  #   "Clause 7.3 Payment"; not "Clause 7.3 says", "Article 34 TFEU"
      | ({_DOTTED}+)                                    # "7.3"
      | (\d{{1,4}})[.)]                                  # "7." or "7)"
    )
    [.:]? (?= \s | \( | $ )
    ({_SUB}*)                                           # "(a)(i)"
    """,
    re.I | re.VERBOSE,
)
_HEADING = lazy_pattern(rf"(?:{_KIND})?({_DOTTED}*)(?![\w,])({_SUB}*)", re.I)
_ITEM = lazy_pattern(r"\(?([a-z]{1,5}|\d{1,3})[.)]\s", re.I)
_WHOLE_NUMBER = lazy_pattern(rf"(?:^|\. )({_DOTTED}*{_SUB}+)(?=\. |$)", re.I)
_PART = lazy_pattern(r"\w+")
_ROMAN = "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx".split()
# What is left of a question that asks for a part itself and for nothing in it.
_ASKS_FOR_IT = lazy_pattern(
    r"(?:\W|\b(?:and|or|of|in|under|by|the|this|that|my|our|please|what|which|how|does|do|did|is|are|was|were|can|could|you|me|it|be|i|"
    r"says?|said|states?|stated|read|reads|contains?|provides?|requires?|means?|about|tell|shows?|show|give|quote|cite|find|written|"
    r"text|wording|contents?|contract|agreement|document|law|act|terms)\b)*",
    re.I,
)
_FIRST = ("a", "i", "1")
_MOST = 4

Place = tuple[str, ...]


class Named(NamedTuple):
    """A sentence of a part that is referred to, by its number in the passage. opens: whether the part begins with it."""

    sentence: int
    opens: bool


def find_references(question: str) -> list[Place]:
    """The numbers of the parts that a question refers to, level by level: ("7", "3", "b")."""
    places = (
        _parts(number[1] or number[2]) for number in (_ASKED.finditer(question) if _DIGIT.search(question) else ())
    )
    return list(dict.fromkeys(filter(None, places)))[:_MOST]


def asks_for_part(question: str) -> bool:
    """Whether a question asks for a part by its number ("What does clause 7.3 say?") and for nothing in particular in it."""
    return bool(find_references(question) and _ASKS_FOR_IT.fullmatch(_ASKED.sub("", question)))


def named_sentences(
    wanted: Sequence[Place], sentences: Sequence[str], section: Sequence[str], context: str
) -> list[Named]:
    """Those of a passage's sentences that belong to a part that is referred to, in order.

    section: the headings above the passage.  context: what it is searched with, which may say the number that it begins in.
    """
    headed = [_parts("".join(number.groups(""))) for number in map(_HEADING.match, section) if number]
    in_section = any(place in headed for place in wanted)
    whole = _WHOLE_NUMBER.search(context)
    place = _parts(whole[1]) if whole else ()
    n_dotted = sum(not part.isalpha() for part in place)
    named = []
    for number, text in enumerate(sentences):
        before = place
        if opening := _OPENING.match(text):
            dotted = _parts(opening[1] or opening[2] or opening[3])
            place, n_dotted = (*dotted, *_parts(opening[4])), len(dotted)
        elif place and (item := _ITEM.match(text)):
            place = _below(place, n_dotted, item[1].lower())
        opens = place != before and place in wanted
        if in_section or any(place[: len(part)] == part for part in wanted):
            named.append(Named(number, opens))
    return named


def _parts(number: str) -> Place:
    return tuple(part.lower() for part in _PART.findall(number.replace(".", " ")))


def _below(place: Place, n_dotted: int, label: str) -> Place:
    """Where an item stands that comes after a place: next to one that it follows in the order of labels, else below it."""
    for at in range(len(place) - 1, n_dotted - 1, -1):
        if _follows(label, place[at]):
            return (*place[:at], label)
    return (*place, label) if label in _FIRST or len(place) == n_dotted else (*place[:-1], label)


def _follows(label: str, before: str) -> bool:
    if label.isdecimal() and before.isdecimal():
        return int(label) == int(before) + 1
    if len(label) == len(before) == 1 and ord(label) == ord(before) + 1:
        return True
    return label in _ROMAN and before in _ROMAN and _ROMAN.index(label) == _ROMAN.index(before) + 1
