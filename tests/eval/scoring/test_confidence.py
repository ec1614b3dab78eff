"""Measures of confidence on cases computed by hand and against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from eval.scoring.confidence import (
    area_under_risk,
    auroc,
    brier_score,
    calibration_error,
    log_loss,
    risk_at,
    risk_curve,
)


def test_auroc_agrees_with_scikit_learn_ties_included() -> None:
    rng = np.random.default_rng(0)
    for decimals in (1, 6):
        positive = (rng.random(300) < 0.4).astype(float)
        confidence = np.round(rng.random(300) * 0.7 + positive * 0.3, decimals)
        assert auroc(confidence, positive) == pytest.approx(roc_auc_score(positive, confidence))


def test_auroc_of_one_class_is_not_defined() -> None:
    assert math.isnan(auroc(np.array([0.1, 0.9]), np.ones(2)))
    assert math.isnan(auroc(np.array([0.1, 0.9]), np.zeros(2)))


def test_risk_grows_as_less_certain_questions_are_answered() -> None:
    confidence, positive = np.array([0.2, 0.9, 0.5, 0.7]), np.array([0.0, 1.0, 0.0, 1.0])
    assert risk_curve(confidence, positive) == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert area_under_risk(confidence, positive) == pytest.approx((1 / 3 + 1 / 2) / 4)
    assert risk_at(0.5, confidence, positive) == 0
    assert risk_at(0.8, confidence, positive) == pytest.approx(1 / 2)


def test_equal_confidences_share_their_errors_in_any_order() -> None:
    positive = np.array([1.0, 0.0, 1.0, 0.0])
    for order in ([0, 1, 2, 3], [1, 3, 0, 2]):
        assert risk_curve(np.full(4, 0.5), positive[order]) == pytest.approx([0.5] * 4)


def test_calibration_error_of_two_bins_by_hand() -> None:
    # Three questions at 0.9 of which two are positive, one at 0.1 that is: 3/4 of |0.9 - 2/3| and 1/4 of |0.1 - 1|.
    confidence, positive = np.array([0.9, 0.9, 0.9, 0.1]), np.array([1.0, 1.0, 0.0, 1.0])
    assert calibration_error(confidence, positive) == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.9)
    assert calibration_error(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0


def test_log_loss_and_brier_score_agree_with_scikit_learn() -> None:
    from sklearn import metrics

    generator = np.random.default_rng(3)
    confidence, positive = generator.random(200), (generator.random(200) < 0.4).astype(float)
    assert log_loss(confidence, positive) == pytest.approx(metrics.log_loss(positive, confidence))
    assert brier_score(confidence, positive) == pytest.approx(metrics.brier_score_loss(positive, confidence))
    assert np.isfinite(log_loss(np.array([0.0, 1.0]), np.array([1.0, 0.0])))
