"""Which units are the answer: the likeliest, and further ones only while it may not be that one."""

import math
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from index.local.views.lexical import analyze
from rag.answer.aspects import sides_of
from rag.answer.candidates import Candidate
from rag.language.asked import Kind
from rag.language.held import STRICT
from rag.retrieval.duplicates import same_statement
from rag.shared.types import ROW

MOST_UNITS = 3
# Further units are taken until the answer is among them with this probability, each at least this share as likely as the first.
# A number or a name is told once; what may need telling in several sentences is.
_ENOUGH_TO_TELL = 0.9
_ENOUGH_OF_A_THING = 0.75
_WORTH_ADDING = 0.12
# Characters that an answer of several units has at most.
_LONGEST = 480
# Characters from the likeliest unit within which what it lacks is looked for.
_NEAR = 600
# How much less likely, in log-odds, two units of one list or table may be that tell of the two things compared, one of each.
_WORTH_COMPARING = 3.0


class Choice(NamedTuple):
    """The units that answer, best first; probability: that the first of them is the one, if any is."""

    units: list[Candidate]
    probability: float


def choose(candidates: Sequence[Candidate], kind: Kind = Kind.OTHER, question: str = "") -> Choice:
    """One to three units, none repeating another; none of no candidates. kind: that is asked for.

    Where none of the likeliest has the thing asked for, one near the first that has it is added. Of a comparison there are two.
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
    if compared := _compared(ordered, question):
        return Choice(compared, shares[0])
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
    if len(chosen) < MOST_UNITS and not any(candidate.holds for candidate in chosen):
        chosen += _completing(ordered, kind, _LONGEST - length)
    return Choice(chosen, shares[0])


def _completing(ordered: Sequence[Candidate], kind: Kind, longest: int) -> list[Candidate]:
    """The best unit near the first of them that has the thing asked for, if there is one of at most ``longest`` characters."""
    first = ordered[0]
    if kind not in STRICT and kind is not Kind.REASON:
        return []
    beside = (
        other
        for other in ordered[1:]
        if other.holds
        and other.passage == first.passage
        and abs(other.span.start - first.span.start) <= _NEAR
        and len(other.text) <= longest
        and not _repeats(other, first)
    )
    return [*islice(beside, 1)]


def _compared(ordered: Sequence[Candidate], question: str) -> list[Candidate]:
    """Two units of a kind that tell of the things a question compares, one of each; none where there are no such two."""
    sides = sides_of(question)
    if sides is None:
        return []
    one, other = ([c for c in ordered if not side.isdisjoint(_terms(c))] for side in sides)
    first = ordered[0]
    if (first in one) != (first in other):
        rest = other if first in one else one
        return [first, *islice((c for c in rest if c.kind == first.kind and not _repeats(c, first)), 1)]
    pairs = (
        [a, b]
        for a in one
        for b in other
        if a.told
        and a.told == b.told
        and a not in other
        and b not in one
        and min(a.score, b.score) >= first.score - _WORTH_COMPARING
    )
    return next(pairs, [])


def _terms(candidate: Candidate) -> set[str]:
    return set(analyze(f"{candidate.told}\n{candidate.text}"))


def _repeats(candidate: Candidate, other: Candidate) -> bool:
    overlap = candidate.span.start < other.span.end and other.span.start < candidate.span.end
    if candidate.passage == other.passage and overlap:
        return True
    return candidate.text in other.text or other.text in candidate.text or same_statement(candidate.text, other.text)
