"""What is a question, and what asks nothing."""

import pytest

from rag.retrieval import asks, states


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
def test_key_words_and_noun_phrases_look_for_an_answer_as_questions_do(text: str) -> None:
    assert not states(text)
