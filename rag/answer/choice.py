"""Which units are the answer: the likeliest, and further ones only while it may not be that one."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from rag.answer.candidates import Candidate
from rag.language.asked import Kind
from rag.language.held import STRICT
from rag.retrieval.duplicates import same_statement
from rag.types import ROW

MOST_UNITS = 3
# Further units are taken until the answer is among them with this probability, each at least this share as likely as the first.
# A number or a name is told once; what may need telling in several sentences is.
_ENOUGH_TO_TELL = 0.9
_ENOUGH_OF_A_THING = 0.75
_WORTH_ADDING = 0.12
# Characters that an answer of several units has at most.
_LONGEST = 480


class Choice(NamedTuple):
    """The units that answer, best first; probability: that the first of them is the one, if any is."""

    units: list[Candidate]
    probability: float


def choose(candidates: Sequence[Candidate], kind: Kind = Kind.OTHER) -> Choice:
    """One to three units, none repeating another; none of no candidates. kind: that is asked for.

    Of a part that the question refers to, the unit that it begins with is the first, and no others than its own follow.
    """
    considered = [candidate for candidate in candidates if candidate.named] or list(candidates)
    if not considered:
        return Choice([], 0.0)
    ordered = sorted(considered, key=lambda candidate: (not candidate.opens, -candidate.score))
    is_thing = kind in STRICT and ordered[0].holds or kind is Kind.STEPS or ordered[0].kind == ROW
    enough = _ENOUGH_OF_A_THING if is_thing else _ENOUGH_TO_TELL
    highest = max(candidate.score for candidate in considered)
    odds = [math.exp(max(candidate.score - highest, -50.0)) for candidate in ordered]
    shares = [each / sum(odds) for each in odds]
    chosen: list[Candidate] = []
    covered = 0.0
    length = 0
    for candidate, share in zip(ordered, shares, strict=True):
        if chosen and (len(chosen) == MOST_UNITS or covered >= enough or share < _WORTH_ADDING * shares[0]):
            break
        if chosen and length + len(candidate.text) > _LONGEST or any(_repeats(candidate, other) for other in chosen):
            continue
        chosen.append(candidate)
        covered += share
        length += len(candidate.text)
    return Choice(chosen, shares[0])


def _repeats(candidate: Candidate, other: Candidate) -> bool:
    overlap = candidate.span.start < other.span.end and other.span.start < candidate.span.end
    if candidate.passage == other.passage and overlap:
        return True
    return candidate.text in other.text or other.text in candidate.text or same_statement(candidate.text, other.text)
