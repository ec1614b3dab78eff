"""What is a question, what a claim, and how each is ranked."""

from dataclasses import fields

import numpy as np
import pytest

from index.candidates import Candidates
from rag.retrieval.ranking import statement_scores
from rag.retrieval.retrieve import Scored, asks, ranking_of, states
from rag.retrieval.signals import Signals


@pytest.mark.parametrize(
    "text",
    ["Who met him?", "in which city did they meet", "is it over", "Tell me why he left", "Munich?", "DID HE SIGN"],
)
def test_a_question_is_told_by_its_mark_its_question_word_or_its_verb(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize(
    "text", ["Aspirin lowers the risk of stroke.", "minerals deal Munich", "Name a luxury car.", "", "0.5 %"]
)
def test_claims_and_key_words_ask_nothing(text: str) -> None:
    assert not asks(text)


@pytest.mark.parametrize("text", ["Aspirin lowers the risk of stroke.", "Sign it!", "0.5 % of them died. "])
def test_a_claim_has_its_full_stop(text: str) -> None:
    assert states(text)


@pytest.mark.parametrize(
    "text", ["minerals deal Munich", "the main cause of the war", "Who met him?", "tell me why he left.", ""]
)
def test_key_words_and_noun_phrases_are_no_claims(text: str) -> None:
    assert not states(text)


def scored(scores: list[float], bm25: list[float], cosines: list[float]) -> Scored:
    """Three candidates of one sentence each."""
    zero = np.zeros(3, dtype=np.float32)
    values = {field.name: zero for field in fields(Signals) if field.name not in ("bm25", "dense", "sentence", "owner")}
    about = np.array(cosines, dtype=np.float32)
    signals = Signals(bm25=np.array(bm25, dtype=np.float32), dense=about, sentence=about, owner=np.arange(3), **values)
    nothing = np.empty(0, dtype=np.int64)
    vectors, terms = np.empty((0, 4), dtype=np.float16), np.empty(0, dtype=np.uint32)
    candidates = Candidates(nothing, vectors, nothing, terms, nothing)
    return Scored(candidates, signals, nothing, zero, np.array(scores, dtype=np.float32), ())


def test_questions_are_ranked_by_the_weights_claims_by_what_they_are_about_and_others_by_both() -> None:
    candidates = scored([9.0, 5.0, 1.0], [0.0, 0.4, 0.5], [0.2, 0.3, 0.6])
    about = statement_scores(candidates.signals)
    assert np.array_equal(ranking_of("Who met him?", candidates), candidates.scores)
    assert np.array_equal(ranking_of("Aspirin lowers the risk of stroke.", candidates), about)
    assert about.argmax() == 2
    np.testing.assert_allclose(ranking_of("risk of stroke", candidates), (np.array([1, 0.5, 0]) + about) / 2, rtol=1e-6)
