"""Order from signals given by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from index.types import Floats, Ids
from rag.answer.ask import calibration_of
from rag.retrieval.ranking import (
    Ranker,
    best_per_passage,
    load_ranker,
    read_ranker,
    statement_scores,
)
from rag.retrieval.signals import Signals

MODEL: dict[str, str | int] = {"model_fingerprint": "f" * 64, "passage_characters": 700, "overlap_sentences": 1}


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)


def positions(*values: int) -> Ids:
    return np.array(values, dtype=np.int64)


def signals_of(dense: Floats, **known: Floats) -> Signals:
    """Signals of passages with one sentence each; what is not given is zero."""
    zero = np.zeros(len(dense), dtype=np.float32)
    names = [
        "sentence",
        "bm25",
        "coverage",
        "phrase",
        "evidence",
        "sentence_cosine",
        "sentence_coverage",
    ]
    values = {name: known.get(name, zero) for name in names}
    return Signals(dense=dense, owner=np.arange(len(dense)), **values)


@pytest.fixture
def ranker() -> Ranker:
    return Ranker(
        first={"dense": 1.0, "bm25": 3.0},
        second={"dense": 1.0, "late": 1.0},
        second_stage=2,
        calibrated_for=MODEL,
    )


def test_first_scores_are_weighted_means(ranker: Ranker) -> None:
    scores = ranker.first_scores(signals_of(floats(1.0, 0.0), bm25=floats(0.0, 1.0)))
    assert scores == pytest.approx([0.25, 0.75])


def test_a_score_does_not_depend_on_what_else_was_found(ranker: Ranker) -> None:
    alone = ranker.first_scores(signals_of(floats(0.5)))
    among = ranker.first_scores(signals_of(floats(0.5, 0.9, -0.2)))
    assert among[0] == alone[0]


def test_the_second_stage_reorders_the_chosen_and_leaves_the_rest_below_in_their_order(ranker: Ranker) -> None:
    dense = floats(0.9, 0.1, 0.8, 0.7)
    signals = signals_of(dense)
    scores = ranker.scores(signals, dense, positions(0, 2), floats(0.0, 0.5))
    assert scores[[0, 2]] == pytest.approx([0.45, 0.65])
    assert list(np.argsort(-scores, kind="stable")) == [2, 0, 3, 1]
    assert scores[3] <= scores[0]
    assert scores[3] - scores[1] == pytest.approx(0.6)


def test_scores_of_the_rest_are_kept_where_they_are_low_enough(ranker: Ranker) -> None:
    dense = floats(0.9, 0.1)
    assert ranker.scores(signals_of(dense), dense, positions(0), floats(0.9))[1] == pytest.approx(0.1)


def test_without_candidates_there_are_no_scores(ranker: Ranker) -> None:
    signals = signals_of(floats())
    assert len(ranker.scores(signals, floats(), positions(), floats())) == 0


def test_best_per_passage_leaves_out_what_is_missing() -> None:
    best = best_per_passage(floats(0.2, -0.3, math.nan, -0.5), positions(0, 0, 1, 3), 4)
    assert best == pytest.approx([0.2, 0.0, 0.0, -0.5])


def test_calibration_holds_for_the_same_model_and_passage_settings_only(ranker: Ranker) -> None:
    assert ranker.calibrated_for == calibration_of({**MODEL, "model": "m"})
    for other in ({"model_fingerprint": "0" * 64}, {"passage_characters": 600}, {"overlap_sentences": 0}):
        assert ranker.calibrated_for != calibration_of({**MODEL, **other})


def test_the_shipped_weights_are_complete_and_never_negative() -> None:
    shipped = load_ranker()
    names = {
        field
        for field in Signals.__dataclass_fields__
        if field not in ("sentence_cosine", "sentence_coverage", "owner")
    }
    assert set(shipped.first) <= names
    assert set(shipped.second) == set(shipped.first) | {"late"}
    for weights in (shipped.first, shipped.second):
        assert all(weight >= 0 for weight in weights.values()) and sum(weights.values()) > 0


def test_a_file_that_lacks_a_part_is_no_ranker(tmp_path: Path) -> None:
    path = tmp_path / "ranking.json"
    path.write_text('{"first": {"dense": 1.0}}', encoding="utf-8")
    with pytest.raises(KeyError):
        read_ranker(path)


def test_a_statement_is_ranked_by_words_and_meaning_alike() -> None:
    zeros = np.zeros(3, dtype=np.float32)
    signals = Signals(
        dense=np.array([0.1, 0.5, 0.3], dtype=np.float32),
        sentence=np.array([0.2, 0.6, 0.4], dtype=np.float32),
        bm25=np.array([0.5, 0.1, 0.4], dtype=np.float32),
        coverage=zeros,
        phrase=zeros,
        evidence=zeros,
        sentence_cosine=zeros,
        sentence_coverage=zeros,
        owner=np.arange(3),
    )
    # bm25 scaled: 1, 0, 0.75; cosines 0.3, 1.1, 0.7 scaled: 0, 1, 0.5
    assert statement_scores(signals) == pytest.approx([0.5, 0.5, 0.625])
