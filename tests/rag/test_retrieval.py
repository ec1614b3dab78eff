"""What is a question, and what asks nothing."""

import pytest

from rag.retrieval import asks


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
