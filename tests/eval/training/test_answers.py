"""The confidence of answers, fitted on questions whose answers were right or not."""

import numpy as np

from eval.training.answers import AnsweredSet, fit, judge_left_out, probabilities
from rag.answer.evidence import FEATURES


def drawn(name: str, seed: int, n: int = 200) -> AnsweredSet:
    """Questions that are right where their cosine is high and no name is missing."""
    generator = np.random.default_rng(seed)
    features = generator.random((n, len(FEATURES)))
    odds = 6 * features[:, FEATURES.index("cosine")] - 4 * features[:, FEATURES.index("names_missing")] - 1
    return AnsweredSet(name, features, (generator.random(n) < 1 / (1 + np.exp(-odds))).astype(np.float64), 1.0)


def test_what_speaks_for_an_answer_raises_its_confidence_and_what_speaks_against_it_lowers_it() -> None:
    weights = fit([drawn("a", 1), drawn("b", 2)])
    assert weights["cosine"] > 3 and weights["names_missing"] < -2
    assert weights["lacking"] <= 0 <= weights["late"]


def test_confidence_is_calibrated_on_a_set_that_was_left_out() -> None:
    judged = judge_left_out([drawn("a", 1), drawn("b", 2), drawn("c", 3)])
    assert [each.name for each in judged] == ["a", "b", "c"]
    assert all(each.auroc > 0.75 and each.calibration_error < 0.15 for each in judged)


def test_probabilities_lie_between_none_and_all() -> None:
    some = drawn("a", 1)
    sure = probabilities(fit([some]), some.features)
    assert ((sure > 0) & (sure < 1)).all()
