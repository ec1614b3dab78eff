"""Refits of confidence: what the numbers mean, and what they are worth with few questions."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from eval.scoring.calibration import MIN_OF_EACH, calibrate, calibration_json, digest_of, fit
from eval.scoring.runs import Result
from rag.answer.confidence import Refit
from rag.shared.errors import BadInput

pytestmark = pytest.mark.medium

BASIS = {"weights": "w"}


def results(odds: NDArray[np.float64], positive: NDArray[np.bool_]) -> list[Result]:
    confidence = 1 / (1 + np.exp(-odds))
    return [
        Result(str(i), "q", True, {}, float(confidence[i]), True, None, None, (), bool(positive[i]))
        for i in range(len(odds))
    ]


def drawn(n: int, slope: float, shift: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Log-odds as given, and outcomes drawn from what a refit by slope and shift would say."""
    generator = np.random.default_rng(seed)
    odds = generator.normal(0.5, 2.0, n)
    return odds, generator.random(n) < 1 / (1 + np.exp(-(slope * odds + shift)))


def test_with_many_questions_the_refit_is_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    odds, positive = drawn(5000, 0.4, -1.0)
    slope, centre, shift = fit(odds, positive.astype(float))
    reference = LogisticRegression(C=np.inf).fit(odds[:, None], positive)
    assert slope == pytest.approx(reference.coef_[0, 0], abs=0.01)
    assert -slope * centre + centre + shift == pytest.approx(reference.intercept_[0], abs=0.02)


def test_one_question_hardly_moves_confidence() -> None:
    slope, centre, shift = fit(np.array([0.3]), np.array([1.0]))
    assert slope == pytest.approx(1) and centre == pytest.approx(0.3) and 0 < shift < 1.2


def test_perfectly_separated_questions_do_not_make_it_certain() -> None:
    odds = np.concatenate([np.full(10, -0.5), np.full(10, 0.5)])
    slope, centre, shift = fit(odds, (odds > 0).astype(float))
    assert 1 < slope < 6 and 1 / (1 + np.exp(-(slope * (0.5 - centre) + centre + shift))) < 0.95


def test_a_confidence_that_is_off_is_mended_and_shown_so_on_questions_left_out() -> None:
    report = calibrate(results(*drawn(400, 0.5, -2.0)), None, BASIS, "gold")
    ece, loss = report.changes["ECE"], report.changes["log loss"]
    assert ece.before.mean is not None and ece.after.mean is not None and ece.difference.high is not None
    assert ece.before.mean > 0.2 and ece.after.mean < 0.08 and ece.difference.high < 0
    assert loss.difference.high is not None and loss.difference.high < 0
    assert report.refit.positives + report.refit.negatives == 400 and report.refit.basis == BASIS


@pytest.mark.slow
def test_few_questions_of_a_confidence_that_is_right_cost_little() -> None:
    losses = [
        calibrate(results(*drawn(40, 1.0, 0.0, seed)), None, BASIS, "gold").changes["log loss"].difference.mean
        for seed in range(20)
    ]
    assert np.mean([loss for loss in losses if loss is not None]) < 0.03


def test_a_second_refit_is_made_of_the_shipped_confidence_too() -> None:
    odds, positive = drawn(300, 0.5, -2.0)
    first = calibrate(results(odds, positive), None, BASIS, "gold").refit
    answered = np.array([first.apply(float(value)) for value in 1 / (1 + np.exp(-odds))])
    again = calibrate(results(np.log(answered / (1 - answered)), positive), first, BASIS, "gold").refit
    assert (again.slope, again.centre, again.shift) == pytest.approx((first.slope, first.centre, first.shift))


@pytest.mark.parametrize("n_positive", [0, MIN_OF_EACH - 1, 50 - MIN_OF_EACH + 1, 50])
def test_too_few_questions_of_one_kind_are_refused_with_their_numbers(n_positive: int) -> None:
    positive = np.arange(50) < n_positive
    with pytest.raises(
        BadInput, match=f"on {n_positive} questions .* and {50 - n_positive} that.*at least {MIN_OF_EACH}"
    ):
        calibrate(results(np.zeros(50), positive), None, BASIS, "gold")


def test_the_report_is_plain_json() -> None:
    saved = calibration_json(calibrate(results(*drawn(60, 1.0, 0.0)), None, BASIS, "gold"))
    assert isinstance(saved["measures"], dict)
    assert set(saved["measures"]) == {"ECE", "log loss", "Brier"}
    assert set(saved["measures"]["ECE"]) == {"before", "after", "difference"}


def test_a_gold_set_is_known_again_by_its_questions(tmp_path: Path) -> None:
    (tmp_path / "queries.jsonl").write_text("a")
    (tmp_path / "gold.jsonl").write_text("a")
    assert digest_of(tmp_path) == digest_of(tmp_path / "gold.jsonl")
    (tmp_path / "gold.jsonl").write_text("b")
    assert digest_of(tmp_path) != digest_of(tmp_path / "gold.jsonl")


def test_refits_survive_being_written_down() -> None:
    refit = calibrate(results(*drawn(60, 1.0, 0.0)), None, BASIS, "gold").refit
    assert Refit.from_note(refit.to_note()) == refit
