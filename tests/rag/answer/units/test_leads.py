"""What only asks or announces does not answer: what follows it does."""

import pytest

from rag.answer.units.leads import hand_on_scores


def best(*lines: str, gap: str = "\n") -> str:
    """The best of some lines, of which the first has the highest score and each has less than the one before."""
    sentences = [(line, 1.0 - number / 10) for number, line in enumerate(lines)]
    scores = hand_on_scores(sentences, [gap] * (len(lines) - 1) + [""])
    return lines[scores.index(max(scores))]


@pytest.mark.parametrize(
    "question", ["How do I reset the lamp?", "**How do I reset the lamp?**", "Q: Wie setze ich sie zurück?"]
)
def test_the_answer_of_an_faq_is_what_stands_under_the_question(question: str) -> None:
    assert (
        best(question, "Hold the moon button for twelve seconds.", "Let go.")
        == "Hold the moon button for twelve seconds."
    )


def test_a_question_hands_nothing_to_the_next_question() -> None:
    scores = hand_on_scores([("Is it waterproof?", 1.0), ("Is it blue?", 0.3), ("It is blue.", 0.2)], ["\n", "\n", ""])
    assert scores == [0.6, pytest.approx(0.18), 0.3]


def test_a_list_answers_and_not_the_line_above_it() -> None:
    assert (
        best("Action items", "- Lindqvist orders the paint.", "- Petrova asks the council.")
        == "- Lindqvist orders the paint."
    )
    assert best("The action items are:", "1. Order the paint.", "2. Ask the council.") == "1. Order the paint."


@pytest.mark.parametrize("heading", ["Der Kaiserbachweg", "Opening hours of the library"])
def test_a_heading_with_a_blank_line_below_it_answers_nothing(heading: str) -> None:
    scores = hand_on_scores([(heading, 1.0), ("The path is 9 km long.", 0.7)], ["\n\n", ""])
    assert scores == [0.6, 0.7]


def test_a_line_in_capitals_answers_nothing() -> None:
    assert hand_on_scores([("DEPOSIT", 1.0), ("Two months of rent.", 0.7)], ["\n", ""]) == [0.6, 0.7]


def test_the_head_of_a_table_answers_nothing() -> None:
    head = "| Kind | Up to 300 pages |\n|---|---|"
    assert hand_on_scores([(head, 1.0), ("| Hardcover | 24 euros |", 0.7)], ["\n", ""]) == [0.6, 0.7]


@pytest.mark.parametrize(
    "texts",
    [
        ["Zelensky refused to sign.", "The talks went on."],
        ["- an item without an end", "- another"],
        ["A line of verse without an end", "and the next of them"],
        ["A male is called a drake.[3][4]", "The next paragraph."],
        ["The last line of all"],
        [],
    ],
)
def test_other_sentences_keep_their_scores(texts: list[str]) -> None:
    sentences = [(text, 0.9 - number / 10) for number, text in enumerate(texts)]
    assert hand_on_scores(sentences, ["\n\n" if "[" in text else "\n" for text in texts]) == [
        score for _, score in sentences
    ]
