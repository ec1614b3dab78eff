"""The words of a question that name something: what an answer must be about, and what is not to be spelled otherwise."""

import re
from collections.abc import Collection, Iterator
from difflib import SequenceMatcher

from index.types import Span
from rag.language.languages import common_words

_TOKEN = re.compile(r"[^\s\"“”«»„()?!,;]+")
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]{2,80})[\"”“»]|`([^`]{1,80})`|(?<!\w)['‘]([^'’‘]{2,80})['’](?!\w)")
_CODE = re.compile(r"\w[_./\\@:-]{1,2}\w*[_./\\@]|[a-z][A-Z]|_|^--?\w|\w\.\w|\(\)$")
# In German the noun behind one of these has a capital as all nouns have: it is what is asked for.
_ASKED_NOUN = re.compile(
    r"\b(?:welche[rnms]?|was für(?: eine?[nrms]?)?|(?:letzt|erst|nächst)e[rnms]?)\s+$", re.IGNORECASE
)
# Shorter words have too many neighbours. Of the letters of two spellings this share is the same, in the same order.
_SHORTEST_MISSPELLED, _MOST_LETTERS_APART, _ALIKE = 5, 2, 0.8
# Of two capitals there are initials everywhere.
_SHORTEST_ABBREVIATION = 3
_BETWEEN_INITIALS = r"[^\W\d_]*[ -](?:(?:of|the|and|for|in|on|to|de|des|du|la|le|et|der|für|und) )*"
_OPENING = frozenset(
    "who what when where why how which whose whom is are was were do does did can could will would should has have had "
    "may might in on "
    "at by for from to of the a an and or but tell name give list describe explain wer was wann wo wie warum welche "
    "welcher welches qui "
    "que quoi quand où comment pourquoi quel quelle quién qué cuándo dónde cómo cuál chi che quando dove come perché".split()
)


def names_in(question: str) -> list[Span]:
    """Where words of a question stand that name something: capitals, digits, code, quotations; in order, not overlapping."""
    quoted = _quoted(question)
    spans = list(quoted)
    shouted = question.isupper()
    for span in _tokens(question):
        if any(start < span.end and span.start < end for start, end in quoted):
            continue
        if _is_name(question, span, shouted):
            spans.append(span)
    return sorted(spans)


def literals_in(question: str) -> list[Span]:
    """Where a question quotes or has code: what is meant letter by letter."""
    coded = [span for span in _tokens(question) if _is_code(word := question[slice(*span)]) and not word.isdigit()]
    return sorted([*_quoted(question), *coded])


def is_near(word: str, words: Collection[str]) -> bool:
    """Whether one of some words, in lower case, may be another spelling of this one: "Sheeshanks" of "sheepshanks"."""
    folded = word.casefold()
    if len(folded) < _SHORTEST_MISSPELLED or not folded.isalpha():
        return False
    return any(
        other[0] == folded[0]
        and abs(len(other) - len(folded)) <= _MOST_LETTERS_APART
        and SequenceMatcher(None, folded, other).ratio() >= _ALIKE
        for other in words
    )


def is_short_for_part(word: str, text: str) -> bool:
    """Whether three or more capitals are the initials of words of a text: "AAA" of the American Automobile Association.

    Small words between these are passed over.
    """
    if len(word) < _SHORTEST_ABBREVIATION or not (word.isalpha() and word.isupper()):
        return False
    return bool(re.search(rf"\b{_BETWEEN_INITIALS.join(word)}[^\W\d_]", text))


def written_out(short: str, text: str) -> bool:
    """Whether a text has words with the initials of two or more capitals: "design water level" of DWL."""
    if len(short) < 2 or not (short.isalpha() and short.isupper()):
        return False
    return bool(re.search(rf"\b{_BETWEEN_INITIALS.join(short)}[^\W\d_]{{2}}", text, re.IGNORECASE))


def _quoted(question: str) -> list[Span]:
    return [
        Span(*match.span(number)) for match in _QUOTED.finditer(question) for number in (1, 2, 3) if match.group(number)
    ]


def _tokens(question: str) -> Iterator[Span]:
    for match in _TOKEN.finditer(question):
        word = match.group().rstrip(".:'’")
        word = word[:-2] if word.endswith(("'s", "’s")) else word
        if word:
            yield Span(match.start(), match.start() + len(word))


def _is_name(question: str, span: Span, shouted: bool) -> bool:
    word = question[slice(*span)]
    if _is_code(word):
        return True
    if shouted or not word[0].isupper() or word in ("I", "OK") or _ASKED_NOUN.search(question[: span.start]):
        return False
    opens = not question[: span.start].strip(" \"'“‘«(¿¡")
    if word.casefold() in _OPENING:
        return False
    if opens:  # whatever a question opens with has a capital
        return len(word) > 1 and word.isupper() or question[span.end :].lstrip("'’s ")[:1].isupper()
    return word.casefold() not in common_words("en")


def _is_code(word: str) -> bool:
    return bool(_CODE.search(word)) or not word.isalpha() and any(character.isdigit() for character in word)
