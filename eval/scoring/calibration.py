"""Refits the confidence of a store on a gold set, and says by cross-validation what that is worth.

Platt scaling of the log-odds of the shipped confidence: two numbers, which few questions can settle. They are the most probable
ones under a normal prior around the shipped confidence (slope 1, shift 0): the fewer questions there are, the less it moves.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from eval.scoring.confidence import brier_score, calibration_error, log_loss
from eval.scoring.runs import Result
from eval.scoring.statistics import Estimate, Statistic, Values, estimate
from index.types import JsonScalar
from rag.answer.confidence import Refit, log_odds
from rag.shared.errors import BadInput

# With fewer questions of either kind, what comes out says more about the prior than about the documents.
MIN_OF_EACH = 10
_FOLDS = 5
_SEED = 0
# Deviations of the priors: of the logarithm of the slope, and of the shift in log-odds, which the share of questions that the
# documents answer moves most: between one in ten and nine in ten lie 4.4.
_SLOPE_DEVIATION = 0.5
_SHIFT_DEVIATION = 2.0
MEASURES: Mapping[str, Statistic] = {"ECE": calibration_error, "log loss": log_loss, "Brier": brier_score}


class Change(NamedTuple):
    """A figure of confidence (lower is better) before and after a refit, each with its interval, and their difference."""

    before: Estimate
    after: Estimate
    difference: Estimate


class CalibrationReport(NamedTuple):
    """A refit and what it is worth. folds: of the cross-validation, from which the figures after it come."""

    refit: Refit
    folds: int
    changes: Mapping[str, Change]


def calibrate(
    results: Sequence[Result], current: Refit | None, basis: Mapping[str, JsonScalar], gold: str
) -> CalibrationReport:
    """Fit a refit on a run's results, and the same on parts of them, each judged by the questions left out.

    current: the refit that the results were answered with.  basis: what their confidence was made with.  gold: ``digest_of``.
    A question is positive when its answer is right, given or held back, which is what confidence is the probability of.
    Raises BadInput when there are fewer than 10 questions that are positive, or that are not.
    """
    answered_with = np.array([result.confidence for result in results])
    shipped = answered_with if current is None else np.array([current.undo(value) for value in answered_with])
    positive = np.array([float(result.right) for result in results])
    n_positive, n_negative = int(positive.sum()), int((1 - positive).sum())
    if min(n_positive, n_negative) < MIN_OF_EACH:
        raise BadInput(
            f"confidence cannot be fitted on {n_positive} questions that are answered right and {n_negative} that are "
            f"not: at least {MIN_OF_EACH} of each are needed (add questions that the documents do not answer)"
        )
    odds = np.array([log_odds(value) for value in shipped])
    after = np.empty(len(odds))
    folds = _folds(positive)
    for fold in range(_FOLDS):
        rest, left_out = folds != fold, folds == fold
        slope, centre, shift = fit(odds[rest], positive[rest])
        after[left_out] = expit(slope * (odds[left_out] - centre) + centre + shift)
    slope, centre, shift = fit(odds, positive)
    refit = Refit(
        slope, centre, shift, basis, gold, n_positive, n_negative, datetime.now(UTC).isoformat(timespec="seconds")
    )
    changes = {name: _change(statistic, answered_with, after, positive) for name, statistic in MEASURES.items()}
    return CalibrationReport(refit, _FOLDS, changes)


def fit(odds: Values, positive: Values) -> tuple[float, float, float]:
    """Slope, centre and shift of ``rag.answer.confidence.Refit`` for log-odds (n,) and whether each is positive (1 or 0)."""
    centre = float(odds.mean())
    away = odds - centre

    def loss(parameters: Values) -> tuple[float, Values]:
        log_slope, shift = parameters
        scores = np.exp(log_slope) * away + centre + shift
        misses = expit(scores) - positive
        value = float(np.logaddexp(0.0, scores).sum() - positive @ scores)
        value += 0.5 * (log_slope / _SLOPE_DEVIATION) ** 2 + 0.5 * (shift / _SHIFT_DEVIATION) ** 2
        slope = [
            misses @ away * np.exp(log_slope) + log_slope / _SLOPE_DEVIATION**2,
            misses.sum() + shift / _SHIFT_DEVIATION**2,
        ]
        return value, np.array(slope)

    log_slope, shift = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B").x
    return float(np.exp(log_slope)), centre, float(shift)


def calibration_json(report: CalibrationReport) -> dict[str, object]:
    """The report ready for json.dumps."""
    refit = report.refit
    return {
        "positives": refit.positives,
        "negatives": refit.negatives,
        "slope": refit.slope,
        "centre": refit.centre,
        "shift": refit.shift,
        "folds": report.folds,
        "measures": {
            name: {part: value._asdict() for part, value in change._asdict().items()}
            for name, change in report.changes.items()
        },
    }


def digest_of(gold: Path) -> str:
    """SHA-256 of a gold set's questions, by which a run on them is known to be of questions that confidence was fitted on."""
    with (gold / "queries.jsonl" if gold.is_dir() else gold).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folds(positive: Values) -> Values:
    """A fold from 0 for every question, as many positive ones in each."""
    generator = np.random.default_rng(_SEED)
    folds = np.empty(len(positive))
    for label in (0.0, 1.0):
        members = generator.permutation(np.flatnonzero(positive == label))
        folds[members] = np.arange(len(members)) % _FOLDS
    return folds


def _change(statistic: Statistic, before: Values, after: Values, positive: Values) -> Change:
    def difference(earlier: Values, later: Values, label: Values) -> float:
        return statistic(later, label) - statistic(earlier, label)

    return Change(
        estimate(statistic, before, positive),
        estimate(statistic, after, positive),
        estimate(difference, before, after, positive),
    )
