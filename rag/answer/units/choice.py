"""Which units are the answer: the likeliest, and further ones while each is worth its length, as it may be the one."""

import math
from collections.abc import Sequence
from itertools import islice

from index.local.views.lexical import analyze
from rag.answer.units.aspects import compared_terms
from rag.answer.units.candidates import Candidate
from rag.answer.units.definitions import defines
from rag.answer.units.stretches import announces
from rag.language.asked import Kind
from rag.language.kinds_in_text import STRICT
from rag.retrieval.duplicates import same_statement
from rag.shared.types import ITEM, ROW

MOST_UNITS = 4
# What a further unit must add for each hundred characters: probability that it is the one. Beside a number another number misleads,
# and rows beside a row are other rows.
_WORTH = 0.033
_WORTH_BESIDE_A_NUMBER = 0.08
_NUMBERS = frozenset((Kind.NUMBER, Kind.DURATION, Kind.TIME, Kind.CODE, Kind.EMAIL))
# The scores promise too much as log-odds: this part of them is nearer to how often a unit is the one (eval/reports/LOG.md).
_DOUBT = 1.5
# Characters that every unit costs beside its own: each is one more thing to read.
_COST_OF_A_UNIT = 60
# How many of the likeliest are looked at: among more there is hardly ever the one.
_LIKELIEST = 12
# Characters that an answer of several units has at most.
_LONGEST = 520
# Characters from the likeliest unit within which what it lacks is looked for.
_NEAR = 600
# How much less likely, in log-odds, two units of one list or table may be that tell of the two things compared, one of each.
_WORTH_COMPARING = 3.0


def choose(candidates: Sequence[Candidate], kind: Kind = Kind.OTHER, question: str = "") -> list[Candidate]:
    """The units that answer, best first: one to four, none repeating another; none of no candidates. kind: that is asked for.

    The likeliest is the first. Others are added by what they add for their length. Where none of them has the thing asked for, one
    near the first that has it is added. Of a comparison there are two.
    Of a part that the question refers to, the unit that it begins with is the first, and no others than its own follow.
    """
    considered = [candidate for candidate in candidates if candidate.named] or list(candidates)
    if not considered:
        return []
    ordered = sorted(considered, key=lambda candidate: (not candidate.opens, -candidate.score))
    highest = max(candidate.score for candidate in considered)
    odds = [math.exp((candidate.score - highest) / _DOUBT) for candidate in ordered]
    if compared := _compared(ordered, question):
        return compared
    first = ordered[0]
    is_number = first.kind == ROW or kind in _NUMBERS and first.holds
    is_defined = defines(question, first.text)
    worth = _WORTH_BESIDE_A_NUMBER if is_number else _WORTH
    further = [
        (100 * share / sum(odds) / (len(candidate.text) + _COST_OF_A_UNIT), candidate)
        for candidate, share in zip(ordered[1:_LIKELIEST], odds[1:_LIKELIEST], strict=True)
        if not announces(candidate.text)  # what it announces is not in it
        and (
            not first.holds
            or (candidate.holds or kind is not Kind.REASON)  # what gives no reason adds none
            and (not is_defined or defines(question, candidate.text))
            and not (kind in STRICT and _stands_beside(candidate, first))
        )
    ]
    chosen = [first]
    length = len(first.text)
    for gain, candidate in sorted(further, key=lambda each: -each[0]):
        if len(chosen) == MOST_UNITS or gain < worth:
            break
        if length + len(candidate.text) <= _LONGEST and not any(_repeats(candidate, other) for other in chosen):
            chosen.append(candidate)
            length += len(candidate.text)
    if len(chosen) < MOST_UNITS and not any(candidate.holds for candidate in chosen):
        chosen += _completing(ordered, kind, _LONGEST - length)
    return chosen


def _stands_beside(candidate: Candidate, first: Candidate) -> bool:
    """Whether a unit is a row beside a row, or another item of the same list: what it tells is of something else."""
    return candidate.kind == first.kind and (
        first.kind == ROW or first.kind == ITEM and candidate.told == first.told != ""
    )


def _completing(ordered: Sequence[Candidate], kind: Kind, longest: int) -> list[Candidate]:
    """The best unit near the first of them that has the thing asked for, if there is one of at most ``longest`` characters."""
    first = ordered[0]
    if kind not in STRICT and kind not in (Kind.REASON, Kind.STEPS):
        return []
    beside = (
        other
        for other in ordered[1:]
        if other.holds
        and other.document == first.document
        and abs(other.span.start - first.span.start) <= _NEAR
        and len(other.text) <= longest
        and not _repeats(other, first)
        and not (kind in STRICT and _stands_beside(other, first))
    )
    return [*islice(beside, 1)]


def _compared(ordered: Sequence[Candidate], question: str) -> list[Candidate]:
    """Two units of a kind that tell of the things a question compares, one of each; none where there are no such two."""
    sides = compared_terms(question)
    if sides is None:
        return []
    first_side, second_side = ([c for c in ordered if not side.isdisjoint(_terms(c))] for side in sides)
    first = ordered[0]
    if (first in first_side) != (first in second_side):
        rest = second_side if first in first_side else first_side
        return [first, *islice((c for c in rest if c.kind == first.kind and not _repeats(c, first)), 1)]
    pairs = (
        [a, b]
        for a in first_side
        for b in second_side
        if a.told
        and a.told == b.told
        and a not in second_side
        and b not in first_side
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
