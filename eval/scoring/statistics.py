"""Intervals and tests over questions, for any figure that is a function of one row per question."""

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]
Statistic = Callable[..., float]  # columns, each one value per question -> the figure

LEVEL = 0.95
_SEED = 0
_RESAMPLES = 2000
_PERMUTATIONS = 9999
# Statistics that are not a mean are computed one resample at a time.
_SLOW_RESAMPLES = 1000
_SLOW_PERMUTATIONS = 999
_BATCH = 200  # resamples held in memory at a time
_DEFINED = 0.9  # of the resamples, the least share that must define a figure for it to have an interval


class Estimate(NamedTuple):
    """A figure with its 95 % interval; None where it is not defined (an interval needs two questions)."""

    mean: float | None
    low: float | None
    high: float | None


def estimate_mean(values: Values) -> Estimate:
    """Mean with its bootstrap interval.

    The percentile interval: it stays within the range of a measure and is defined for values that are all alike, where it is that
    one value. BCa is not, and its jackknife needs n^2 memory.
    """
    if len(values) < 2:
        return Estimate(_defined(values.mean()) if len(values) else None, None, None)
    result = stats.bootstrap(
        (values,), np.mean, n_resamples=_RESAMPLES, batch=_BATCH, confidence_level=LEVEL, method="percentile", rng=_SEED
    )
    interval = result.confidence_interval
    return Estimate(_defined(values.mean()), _defined(interval.low), _defined(interval.high))


def estimate(statistic: Statistic, *columns: Values) -> Estimate:
    """A figure with its bootstrap interval, whole questions resampled.

    Resamples that do not define the figure, as those of a single class do not define AUROC, are left out of the percentiles: the
    interval is then of samples that do. There is none where they are more than a tenth. Resampling within each class would define
    every one, but hold fixed how many there are of each, which is as much by chance as the rest.
    """
    figure = statistic(*columns)
    if len(columns[0]) < 2:
        return Estimate(_defined(figure), None, None)
    with warnings.catch_warnings():
        # Of scipy's own interval, which a single resample that is not defined voids; ours is made below.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        result = stats.bootstrap(
            columns,
            statistic,
            n_resamples=_SLOW_RESAMPLES,
            vectorized=False,
            paired=True,
            confidence_level=LEVEL,
            method="percentile",
            rng=_SEED,
        )
    resampled = result.bootstrap_distribution[np.isfinite(result.bootstrap_distribution)]
    if len(resampled) < _DEFINED * _SLOW_RESAMPLES:
        return Estimate(_defined(figure), None, None)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(_defined(figure), float(low), float(high))


def p_of_mean(differences: Values) -> float | None:
    """p-value, two-sided, of the paired randomisation test that differences have mean 0: then each may have either sign.

    Questions without a difference change no sum and are left out before signs are drawn; with few others every assignment counts.
    """
    differences = differences[differences != 0]
    if len(differences) < 2:
        return 1.0
    result = stats.permutation_test(
        (differences,),
        np.sum,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_PERMUTATIONS,
        batch=_BATCH,
        rng=_SEED,
    )
    return _defined(result.pvalue)


def p_of_difference(statistic: Statistic, first: tuple[Values, ...], second: tuple[Values, ...]) -> float | None:
    """p-value, two-sided, of the paired randomisation test of a figure's difference: a question's two rows may be exchanged."""
    n = len(first[0])
    both = [np.concatenate(pair) for pair in zip(first, second, strict=True)]

    def difference(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
        return statistic(*(column[first] for column in both)) - statistic(*(column[second] for column in both))

    if n < 2 or math.isnan(difference(np.arange(n), np.arange(n, 2 * n))):
        return None
    # Rows are exchanged by their numbers, so that the columns of a question move together.
    result = stats.permutation_test(
        (np.arange(n), np.arange(n, 2 * n)),
        difference,
        permutation_type="samples",
        vectorized=False,
        n_resamples=_SLOW_PERMUTATIONS,
        rng=_SEED,
    )
    return _defined(result.pvalue)


def _defined(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
