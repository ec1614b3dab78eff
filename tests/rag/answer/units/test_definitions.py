"""Whether a text says what a thing is, or only tells something of it."""

import pytest

from rag.answer.units.definitions import defines
from rag.language.asked import Kind, kind_asked
from rag.language.names import written_out


@pytest.mark.parametrize(
    ("question", "text", "other"),
    [
        ("What is meant by Spare Parts?", '(b) "Spare Parts" means what is put in.', "Spare Parts are sent by post."),
        (
            "What is the definition of Purpose in the contract?",
            'the repair of clocks (the "Purpose")',
            "for the Purpose",
        ),
        (
            "What are hooks in knit?",
            "Hooks are small programs that knit calls.",
            "Hooks can be added with `knit hook`.",
        ),
        ("What is a berth?", "- **Berth**: where one ship lies", "Berths are let by the year."),
        ("What does DWL stand for?", "The design water level (DWL) is kept.", "The DWL is too high."),
        ("What is the DWL?", "The DWL is the height that walls are built for.", "The DWL is too high."),
        ("What are berries?", "A berry is a fruit of one flower.", "Our berries are a gift."),
        ("Was ist eine Wärmepumpe?", "Eine Wärmepumpe ist eine Maschine.", "Die Wärmepumpe ist laut."),
    ],
)
def test_a_text_that_says_what_a_thing_is_defines_it(question: str, text: str, other: str) -> None:
    assert defines(question, text)
    assert not defines(question, other)


@pytest.mark.parametrize(
    "question", ["How many berths are there?", "What did the harbour committee decide about the berths in May?"]
)
def test_a_question_for_no_meaning_has_nothing_defined(question: str) -> None:
    assert not defines(question, "A berth is a place where one ship lies.")


def test_what_letters_stand_for_is_asked_as_a_meaning() -> None:
    assert kind_asked("What does DWL stand for?") is Kind.DEFINITION


def test_letters_are_written_out_in_small_words_too() -> None:
    assert written_out("DWL", "the design water level")
    assert not written_out("DWL", "the DWL was told")
    assert not written_out("Dwl", "the design water level")
