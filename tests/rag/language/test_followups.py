"""Follow-ups take what they leave out from the question before them; other questions stay as they are."""

import pytest

from rag.language.followups import completed
from rag.shared.types import Turn

LAMPS = "How many lamps were sold in Alden in November 2015?"


@pytest.mark.parametrize(
    ("before", "question", "full"),
    [
        (LAMPS, "And in Alder?", "How many lamps were sold in Alder in November 2015?"),
        (LAMPS, "what about Upper Alder?", "How many lamps were sold in Upper Alder in November 2015?"),
        (LAMPS, "And in 2016?", "How many lamps were sold in Alden in 2016?"),
        (LAMPS, "and in May 2016", "How many lamps were sold in Alden in May 2016?"),
        ("How many lamps were sold?", "And in Alder?", "How many lamps were sold in Alder?"),
        ("When does Lamp Fair begin?", "How long does it last?", "How long does it last (Lamp Fair)?"),
        ("what does the red lamp cost", "Why is it so dear?", "Why is it so dear (red lamp cost)?"),
    ],
)
def test_a_follow_up_takes_over_the_frame_of_the_last_question(before: str, question: str, full: str) -> None:
    assert completed(question, [Turn("Who is Ann?", "Nobody."), Turn(before, "12.")]) == full


@pytest.mark.parametrize(
    "question",
    [
        "How many doors were sold in Alder?",
        "And who sold the doors?",
        "What does this contract say?",
        "Is it true that lamps are red?",
        "When does Door Fair begin, and how long does it last?",
        "",
    ],
)
def test_a_question_that_stands_alone_stays_as_it_is(question: str) -> None:
    assert completed(question, [Turn(LAMPS, "12.")]) == question


def test_without_a_question_before_nothing_is_taken_over() -> None:
    assert completed("And in Alder?", []) == "And in Alder?"
