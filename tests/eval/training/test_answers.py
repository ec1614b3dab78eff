"""The confidence of answers, fitted on questions whose answers were right or not."""

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from eval.sets.gold import Question
from eval.training.answers import AnsweredSet, answered_set, fit, judge_left_out, probabilities, with_other_name
from rag.answer.confidence import FEATURES
from rag.inspection.inspector import AnswerEvidence


def drawn(name: str, seed: int, n: int = 200, documents: frozenset[str] | None = None) -> AnsweredSet:
    """Questions that are right where their evidence is high and no name is missing."""
    generator = np.random.default_rng(seed)
    features = generator.random((n, len(FEATURES)))
    odds = 6 * features[:, FEATURES.index("score")] - 4 * features[:, FEATURES.index("names_missing")] - 1
    right = (generator.random(n) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    return AnsweredSet(name, features, right, np.ones(n), np.empty((0, len(FEATURES))), documents or frozenset([name]))


def test_what_speaks_for_an_answer_raises_its_confidence_and_what_speaks_against_it_lowers_it() -> None:
    weights = fit([drawn("a", 1), drawn("b", 2)])
    assert weights["score"] > 3 and weights["names_missing"] < -2
    assert weights["periods_missing"] <= 0 <= weights["late"]


def test_confidence_is_calibrated_on_a_set_that_was_left_out() -> None:
    judged = judge_left_out([drawn("a", 1), drawn("b", 2), drawn("c", 3)])
    assert [each.name for each in judged] == ["a", "b", "c"]
    assert all(each.auroc > 0.75 and each.calibration_error < 0.15 for each in judged)


def test_a_set_is_judged_without_those_that_share_a_document_with_it() -> None:
    shared = frozenset(["Paris"])
    assert judge_left_out([drawn("a", 1, documents=shared), drawn("b", 2, documents=shared)]) == []


def test_questions_with_another_name_lower_what_lacks_names_and_not_the_level() -> None:
    plain = drawn("a", 1)
    strange = np.full((100, len(FEATURES)), 0.5)
    strange[:, FEATURES.index("names_missing")] = 2.0
    taught = fit([plain._replace(unanswered=strange)])
    assert taught["names_missing"] < 0
    assert probabilities(taught, plain.features).mean() == pytest.approx(plain.right.mean(), abs=0.02)


def test_the_level_is_that_of_a_set_of_which_three_in_ten_questions_have_no_answer() -> None:
    plain = drawn("a", 1, n=400)
    unanswerable = drawn("b", 2, n=400).features
    half = plain._replace(
        features=np.concatenate([plain.features, unanswerable]),
        right=np.concatenate([plain.right, np.zeros(400)]),
        answerable=np.repeat([1.0, 0.0], 400),
    )
    sure = probabilities(fit([half]), half.features)
    assert 0.7 * sure[:400].mean() + 0.3 * sure[400:].mean() == pytest.approx(0.7 * plain.right.mean(), abs=0.02)


def test_probabilities_lie_between_none_and_all() -> None:
    some = drawn("a", 1)
    sure = probabilities(fit([some]), some.features)
    assert ((sure > 0) & (sure < 1)).all()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who lives in Oslo?", {"Who lives in Lima?"}),
        ("What did the firm sell in 2015?", {f"What did the firm sell in {year}?" for year in range(2008, 2027)}),
        ("How much does the A4 cost?", {"How much does the B2 cost?"}),
        ("who lives there?", {None}),
    ],
)
def test_a_name_is_exchanged_for_one_of_its_sort(question: str, expected: set[str | None]) -> None:
    changed = with_other_name(question, ["Lima", "B2", "Oslo"], Random(1))
    assert changed in expected and changed != question


class Echo:
    """Answers with the question itself, and nothing to what has no name."""

    def evidence_for(self, question: str, hides: Callable[[str], bool] | None = None) -> AnswerEvidence | None:
        return AnswerEvidence(question, dict.fromkeys(FEATURES, float(len(question)))) if "?" in question else None


def test_a_set_is_asked_as_it_is_with_other_names_without_its_answers_and_beside_foreign_questions() -> None:
    questions = [
        Question("1", "Who lives in Oslo?", True, ("oslo",)),
        Question("2", "Who lives in Rome?", True, ("Nero",)),
        Question("3", "Who lives in Bonn?", False, ("Bonn",)),
        Question("4", "nothing is listed", True, ("x",)),
    ]
    answered = answered_set("tiny", questions, ["Who met Ann in Lima?", "Is it?"], frozenset(), Echo())
    assert answered.right.tolist() == [1.0, 0.0, 0.0]
    assert answered.features.shape == (3, len(FEATURES)) and answered.unanswered.shape == (7, len(FEATURES))
