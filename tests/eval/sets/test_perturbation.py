"""Changed questions: what each kind does by example, the same every time, and what it must leave alone."""

import re
from collections.abc import Sequence

import pytest

from eval.sets.gold import Place, Question
from eval.sets.perturbation import KINDS, perturb

PLACES = (Place("d", 0, 4),)


def questions(*texts: str) -> list[Question]:
    return [Question(f"q{number}", text, True, ("gold",), PLACES) for number, text in enumerate(texts)]


def texts(kind: str, *asked: str, seed: int = 0) -> list[str]:
    return [question.text for question in perturb(questions(*asked), kind, seed)]


SEVERAL = (
    "Who wrote the Treaty of Warsaw in 1955?",
    "What colour were the two programs that Zelensky organized?",
    "How many kilometers is it to Kharkov?",
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_the_same_every_time_and_keeps_the_evidence(kind: str) -> None:
    first, again = perturb(questions(*SEVERAL), kind, 3), perturb(questions(*SEVERAL), kind, 3)
    assert first == again and first
    for question in first:
        assert question.places == PLACES and question.answers == ("gold",)
        assert question.text != SEVERAL[int(question.id[1:])]


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_changed_is_left_out(kind: str) -> None:
    assert perturb([], kind) == ()
    if kind not in ("chatty", "double"):
        assert texts(kind, "is it") == []


def distance(first: str, other: str) -> int:
    """Edits between two texts, a swap of neighbours counting one (optimal string alignment)."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(first, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == first[i - 2]:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def test_a_typing_error_is_one_edit_within_a_longer_word() -> None:
    asked = ["Which parliament refused the ratification?"] * 60
    changed = texts("typo", *asked)
    assert len(set(changed)) > 20
    for text in changed:
        assert distance(asked[0], text) == 1
        assert text.endswith("?") and " the " in text
        assert [word[0] for word in text.split()] == [word[0] for word in asked[0].split()]


def test_two_typing_errors_are_two_edits_at_most() -> None:
    asked = ["Which parliament refused the ratification?"] * 60
    distances = [distance(asked[0], text) for text in texts("two-typos", *asked)]
    assert max(distances) == 2 and distances.count(2) > 45


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [
        ("lower", "Who is NASA's chief?", "who is nasa's chief?"),
        ("unpunctuated", "Who is it? ", "Who is it"),
        ("spelling", "What colour is the organization's theater?", "What color is the organisation's theatre?"),
        ("spelling", "Which programs were canceled in Defense?", "Which programmes were cancelled in Defence?"),
        ("spelling", "Laboratory characteristics of criticism", None),
        ("spelling", "When were anaemia and tumors analysed?", "When were anemia and tumours analyzed?"),
        ("numbers", "What ended in 1945?", "What ended in nineteen forty-five?"),
        ("numbers", "What began in 2001 or 1906?", "What began in two thousand one or nineteen oh six?"),
        ("numbers", "Who had 12 of 250 in the 21st?", "Who had twelve of two hundred and fifty in the twenty-first?"),
        ("numbers", "Songs of the 1980s?", "Songs of the nineteen eighties?"),
        ("numbers", "Are 5,000 or 3.5 or COVID-19 or 10% numbers?", None),
        ("numbers", "Which two have three?", "Which 2 have 3?"),
    ],
)
def test_examples_of_what_is_changed(kind: str, asked: str, expected: str | None) -> None:
    assert texts(kind, asked) == ([] if expected is None else [expected])


def test_names_are_written_as_others_write_them() -> None:
    seen = {text for seed in range(30) for text in texts("names", "Why did Zelensky refuse?", seed=seed)}
    assert {"Why did Zelenskyy refuse?", "Why did Selensky refuse?"} <= seen
    assert all(re.fullmatch(r"Why did \w+ refuse\?", text) for text in seen)


def test_a_capitalized_word_that_others_write_small_is_no_name() -> None:
    assert texts("names", "What is a Policy here?", "Who made that policy up?") == []


def test_a_lead_in_leaves_the_question_whole() -> None:
    for text in texts("chatty", *["When was the treaty signed?"] * 30):
        assert "when was the treaty signed?" in text.lower()
    changed = set(texts("chatty", *["Who signed the treaty?"] * 60))
    assert "who is the guy that signed the treaty?" in changed


def test_two_questions_in_one_come_in_either_order() -> None:
    asked = [f"What is number {number}?" for number in range(40)]
    changed: Sequence[Question] = perturb(questions(*asked), "double")
    first = [question.text.startswith(asked[int(question.id[1:])]) for question in changed]
    assert 5 < sum(first) < 35
    for question in changed:
        assert asked[int(question.id[1:])].lower() in question.text.lower() and " And what is " in question.text
