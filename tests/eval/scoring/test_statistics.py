"""Intervals and tests on data whose answers are known."""

import itertools

import numpy as np
import pytest

from eval.scoring.confidence import auroc
from eval.scoring.statistics import Estimate, Values, estimate, estimate_mean, p_of_difference, p_of_mean


def mean(values: Values) -> float:
    return float(values.mean())


def test_the_interval_of_a_mean_is_that_of_the_normal_law_for_many_questions() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.2, 2000)
    interval = estimate_mean(values)
    half = 1.96 * values.std() / 2000**0.5
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=half * 0.1)
    assert interval.high == pytest.approx(values.mean() + half, abs=half * 0.1)
    assert interval == estimate_mean(values)


def test_both_ways_of_resampling_agree() -> None:
    values = np.random.default_rng(2).random(200)
    of_mean, other = estimate_mean(values), estimate(mean, values)
    assert of_mean == pytest.approx(other, abs=0.01)


def test_degenerate_samples_have_an_answer() -> None:
    assert estimate_mean(np.ones(20)) == Estimate(1.0, 1.0, 1.0)
    assert estimate_mean(np.array([0.5])) == Estimate(0.5, None, None)
    assert estimate_mean(np.array([])) == Estimate(None, None, None)
    assert estimate(lambda values: float("nan"), np.ones(5)) == Estimate(None, None, None)


def test_resamples_that_do_not_define_a_figure_are_left_out_while_they_are_few() -> None:
    confidence = np.linspace(0.1, 0.9, 15)
    answerable = np.array([0.0, 1.0, 0.0, 0.0, *[1.0] * 11])  # 3.5 % of the resamples hold no unanswerable question
    interval = estimate(auroc, confidence, answerable)
    assert interval.mean is not None and interval.low is not None and interval.high is not None
    assert 0.5 < interval.low < interval.mean <= interval.high == 1.0
    one_of_each = estimate(auroc, np.array([0.1, 0.9]), np.array([0.0, 1.0]))  # half of them hold one class
    assert one_of_each == Estimate(1.0, None, None)


def test_rows_are_resampled_whole() -> None:
    values = np.random.default_rng(3).random(50)
    assert estimate(lambda first, other: mean(first - other), values, values) == Estimate(0.0, 0.0, 0.0)


def test_p_counts_every_assignment_of_signs_when_there_are_few() -> None:
    differences = np.array([0.5, 0.25, 0.0, -0.1, 0.3, 0.0, 0.2])
    observed = abs(differences.sum())
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product([1, -1], repeat=len(differences))]
    assert p_of_mean(differences) == pytest.approx(np.mean([value >= observed - 1e-12 for value in sums]))
    assert p_of_mean(np.ones(4)) == pytest.approx(2 / 16)


@pytest.mark.slow
def test_p_is_small_for_a_real_difference_and_one_for_none() -> None:
    rng = np.random.default_rng(4)
    assert (p_of_mean(rng.normal(0.1, 0.3, 500)) or 1) < 0.001
    assert (p_of_mean(rng.normal(0.0, 0.3, 500)) or 0) > 0.01
    assert p_of_mean(np.zeros(500)) == 1.0


def test_exchanging_rows_agrees_with_changing_signs_for_a_mean() -> None:
    rng = np.random.default_rng(5)
    first, other = rng.random(60), rng.random(60) - 0.05
    assert p_of_difference(mean, (first,), (other,)) == pytest.approx(p_of_mean(first - other), abs=0.05)
    assert p_of_difference(mean, (first,), (first,)) == 1.0
    assert p_of_difference(lambda values: float("nan"), (first,), (other,)) is None
