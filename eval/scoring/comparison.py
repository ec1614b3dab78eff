"""Two runs against each other, question by question."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from eval.scoring.runs import Result, Run
from eval.scoring.score import CONFIDENCE_MEASURES, confidence_columns
from eval.scoring.statistics import Values, estimate, estimate_mean, p_of_difference, p_of_mean
from rag.shared.errors import BadInput


class Comparison(NamedTuple):
    """How much higher a measure is in this run than in the other, over n questions in both.

    low, high: 95 % interval.  p: of the paired randomisation test, two-sided.
    effect: the mean difference in deviations of the differences (Cohen's d for pairs); higher, lower: questions for which the
    measure is so.  None where not defined: these three are of measures that each question has a value of.
    """

    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    effect: float | None = None
    higher: int | None = None
    lower: int | None = None


def of_both(run: Run, other: Run) -> list[tuple[Result, Result]]:
    """The results of the questions (same id, same words) that both runs have, in the order of the first."""
    before = {(result.id, result.question): result for result in other.results}
    asked = [((result.id, result.question), result) for result in run.results]
    return [(result, before[question]) for question, result in asked if question in before]


def compare(run: Run, other: Run) -> Mapping[str, Comparison]:
    """Every measure of both runs, over the questions of both.  Raises BadInput when there are none."""
    pairs = of_both(run, other)
    if not pairs:
        raise BadInput(f"the two runs have no question in common: one is of {run.gold}, the other of {other.gold}")
    return {
        name: _of_confidence(name, pairs) if name in CONFIDENCE_MEASURES else _of_mean(name, pairs)
        for name in run.measures
        if name in other.measures
    }


def _of_mean(name: str, pairs: Sequence[tuple[Result, Result]]) -> Comparison:
    differences = np.array(
        [
            result.measures[name] - earlier.measures[name]
            for result, earlier in pairs
            if name in result.measures and name in earlier.measures
        ]
    )
    if not len(differences):
        return Comparison(None, None, None, None, 0)
    higher, lower = int((differences > 0).sum()), int((differences < 0).sum())
    deviation = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    effect = float(differences.mean()) / deviation if deviation > 0 else None
    return Comparison(*estimate_mean(differences), p_of_mean(differences), len(differences), effect, higher, lower)


def _of_confidence(name: str, pairs: Sequence[tuple[Result, Result]]) -> Comparison:
    statistic = CONFIDENCE_MEASURES[name].statistic
    now = confidence_columns(name, [result for result, _ in pairs])
    before = confidence_columns(name, [earlier for _, earlier in pairs])

    def difference(confidence: Values, label: Values, earlier_confidence: Values, earlier_label: Values) -> float:
        return statistic(confidence, label) - statistic(earlier_confidence, earlier_label)

    return Comparison(*estimate(difference, *now, *before), p_of_difference(statistic, now, before), len(pairs))
