"""A follow-up in full: what it leaves out is taken from the question before it.

By rule, and only where a question says itself that it goes on: "And in Arizona?", "What about 2019?", "How long does it last?".
"""

import re
from collections.abc import Sequence

from rag.language.languages import common_words
from rag.language.names import names_in
from rag.language.patterns import lazy_pattern
from rag.shared.types import Turn

_OPENING = lazy_pattern(
    r"^\W*(?:(?:and|but|or|so|ok(?:ay)?)\b\W*)?(?:(?:what|how) about\b|und|et|y|(?:and|but|or|"
    r"so)\b)\W*(?:was ist mit\b\W*)?",
    re.IGNORECASE,
)
_POINTS_BACK = lazy_pattern(
    r"\b(?:it|its|they|them|their|he|him|his|she|her|this|that|these|those|one)\b", re.IGNORECASE
)
# Words that look as if they pointed back and do not.
_POINTS_NOWHERE = lazy_pattern(
    r"\bit (?:is |was )?(?:that|possible|true)\b|\b(?:this|that|these|those) (?!is|was|are|were|do|does|did)\w+|\b(?:say|"
    r"mean|know|said) that\b"
    r"|\bone of\b|\bis it that\b",
    re.IGNORECASE,
)
_ASKS = lazy_pattern(
    r"\b(?:who|whom|whose|what|which|when|where|why|how|wer|was|wann|wo|warum|wie|qui|quand|où|comment)\b",
    re.IGNORECASE,
)
_VERB = lazy_pattern(r"\b(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)\b")
_PREPOSITION = lazy_pattern(
    r"^(in|on|at|for|of|to|from|by|with|during|since|under|over|für|bei|pour|dans|en|à)\s+", re.IGNORECASE
)
_DATE = lazy_pattern(r"\b(?:[A-Z][a-z]+ )?(?:1[5-9]|20)\d\d\b")
_LONGEST_FRAGMENT = 6  # words
_MOST_TAKEN = 8  # words


def completed(question: str, history: Sequence[Turn]) -> str:
    """The question as it is to be searched: itself, or with what it takes over from the last one of the conversation."""
    before = next((turn.question.strip() for turn in reversed(history) if turn.question.strip()), "")
    if not before:
        return question
    opening = _OPENING.match(question)
    rest = question[opening.end() :] if opening else question
    fragment = rest.strip().rstrip("?.! ")
    if opening and fragment and len(fragment.split()) <= _LONGEST_FRAGMENT and not _ASKS.search(fragment):
        if not _VERB.search(fragment):
            return _with_slot_filled(before, fragment)
    if _POINTS_BACK.search(_POINTS_NOWHERE.sub(" ", rest)) and not names_in(rest):
        return f"{fragment} ({_topic(before)})?"
    return question


def _with_slot_filled(before: str, fragment: str) -> str:
    """The last question with a part of it exchanged for the fragment: a date for a date, a name for a name, else with it "
    "added."""
    preposition = _PREPOSITION.match(fragment)
    value = fragment[preposition.end() :] if preposition else fragment
    dates = list(_DATE.finditer(before))
    if _DATE.fullmatch(value):
        if dates:
            return before[: dates[-1].start()] + value + before[dates[-1].end() :]
    else:
        runs = [
            (start, end)
            for start, end in _name_runs(before)
            if not any(date.start() < end and start < date.end() for date in dates)
        ]
        after = [
            run
            for run in runs
            if preposition and re.search(rf"\b{preposition[1]}\s+(?:the )?$", before[: run[0]], re.IGNORECASE)
        ]
        if chosen := (after or runs)[-1:]:
            start, end = chosen[0]
            return before[:start] + value + before[end:]
    return f"{before.rstrip('?.! ')} {fragment}?"


def _name_runs(text: str) -> list[tuple[int, int]]:
    """Names of one or several words."""
    runs: list[tuple[int, int]] = []
    for start, end in names_in(text):
        if runs and not text[runs[-1][1] : start].strip():
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs


def _topic(before: str) -> str:
    """What a question is about: its names, or its telling words where it has none."""
    if runs := _name_runs(before):
        return " ".join(before[start:end] for start, end in runs)
    words = [word.strip("?.,!\"'") for word in before.split()]
    telling = [word for word in words if word.lower() not in common_words("en") and not _ASKS.fullmatch(word)]
    return " ".join([word for word in telling if not _VERB.fullmatch(word)][:_MOST_TAKEN])
