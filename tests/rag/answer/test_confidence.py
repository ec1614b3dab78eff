"""Thresholds of risk, and refits of confidence that belong to what they were fitted for."""

import logging
import math
from collections.abc import Mapping

import pytest

from index.types import JsonScalar
from rag.answer.confidence import Refit, answers, basis_of, kept_refit, reason_to_abstain
from rag.service import Service
from rag.shared.types import Query
from tests.rag.conftest import SEED

SETTINGS: Mapping[str, JsonScalar] = {
    "model": "m",
    "model_fingerprint": "f",
    "passage_characters": 700,
    "overlap_sentences": 1,
}


def refit(slope: float = 0.5, centre: float = 1.0, shift: float = -2.0, **basis: JsonScalar) -> Refit:
    return Refit(slope, centre, shift, {**basis_of(SETTINGS), **basis}, "gold", 20, 30, "2026-01-01T00:00:00+00:00")


def test_a_refit_scales_log_odds_about_its_centre() -> None:
    # log-odds ln 9 = 2.197: 0.5 * (2.197 - 1) + 1 - 2 = -0.4014
    assert refit().apply(0.9) == pytest.approx(1 / (1 + math.exp(0.4014)), abs=1e-4)


@pytest.mark.parametrize("confidence", [1e-9, 0.01, 0.3, 0.5, 0.97, 1 - 1e-9])
def test_undoing_a_refit_gives_back_what_was_given(confidence: float) -> None:
    assert refit().undo(refit().apply(confidence)) == pytest.approx(confidence)


def test_a_refit_keeps_order_and_stays_a_probability_at_the_ends() -> None:
    values = [refit(slope=3.0).apply(confidence) for confidence in (0.0, 0.1, 0.5, 0.9, 1.0)]
    assert values == sorted(values) and 0.0 <= values[0] and values[-1] <= 1.0


def test_a_kept_refit_is_used_only_for_what_it_was_fitted_for(caplog: pytest.LogCaptureFixture) -> None:
    basis = basis_of(SETTINGS)
    assert kept_refit(None, basis) is None
    assert kept_refit(refit().to_note(), basis) == refit()
    other = basis_of({**SETTINGS, "passage_characters": 500, "model_fingerprint": "other"})
    with caplog.at_level(logging.WARNING):
        assert kept_refit(refit().to_note(), other) is None
        assert kept_refit(refit().to_note(), other) is None
    [record] = caplog.records
    assert "other model fingerprint and passage characters" in record.getMessage()
    assert "--calibrate" in record.getMessage()


@pytest.mark.parametrize("note", ['{"slope": 1}', "[]", "{", '{"unknown": 1}'])
def test_a_note_of_another_version_is_not_used(note: str) -> None:
    assert kept_refit(note, basis_of(SETTINGS)) is None


@pytest.mark.parametrize(
    ("confidence", "max_risk", "answered", "reason"),
    [
        (0.35, None, True, None),
        (0.34, None, False, "low_confidence"),
        (0.9, 0.1, True, None),
        (0.89, 0.1, False, "risk_too_high"),
        (0.2, 0.1, False, "low_confidence"),
        (0.2, 0.8, True, None),
        (0.0, 1.0, True, None),
        (0.999, 0.0, False, "risk_too_high"),
    ],
)
def test_what_is_answered_at_an_accepted_risk(
    confidence: float, max_risk: float | None, answered: bool, reason: str | None
) -> None:
    assert answers(confidence, max_risk) is answered
    if reason:
        assert reason_to_abstain(confidence, max_risk) == reason


@pytest.mark.medium
def test_confidence_is_the_same_however_many_passages_are_listed(service: Service) -> None:
    """The article names him only where a longer list has it."""
    service.intake.add_paths([SEED])
    question = "Why did Zelensky refuse to sign, according to Biden?"
    few, many = (service.ask(Query(question, k=k, max_risk=1.0)) for k in (5, 20))
    assert not any("Biden" in passage.text for passage in few.passages)
    assert any("Biden" in passage.text for passage in many.passages)
    assert few.confidence == many.confidence
