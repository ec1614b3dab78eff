"""Which dates of a question a text tells in another form."""

import pytest

from rag.language.days import other_forms, told_otherwise


@pytest.mark.parametrize(
    "text",
    [
        "2020-10-25 08:00 pump started",
        "25/10/2020",
        "10/25/2020",
        "25.10.2020",
        "25-Oct-2020",
        "le 25 octobre 2020",
        "2020/10/25",
    ],
)
def test_a_day_is_told_in_digits_and_in_other_languages(text: str) -> None:
    assert told_otherwise("What happened on October 25th, 2020?", text) == ["October 25th, 2020"]


def test_a_day_in_digits_is_told_in_words_and_with_the_day_first_before_full_stops() -> None:
    assert told_otherwise("What happened on 2020-10-01?", "On 1 October 2020 the pump started.") == ["2020-10-01"]
    assert told_otherwise("What happened on 1 October 2020?", "1.10.2020") == ["1 October 2020"]


@pytest.mark.parametrize(
    "text", ["10/01/2020", "01-10-2020", "2020-10-02", "2020-10", "1 October", "1 October 2020", "2020-13-01"]
)
def test_another_day_what_may_be_two_days_and_the_same_words_tell_nothing_new(text: str) -> None:
    assert told_otherwise("What happened on 1 October 2020?", text) == []


def test_a_month_is_told_by_its_days_and_two_years_are_no_month() -> None:
    asked = "How much was sold in November 2010?"
    assert told_otherwise(asked, "2010-11-30") == told_otherwise(asked, "30.11.2010") == ["November 2010"]
    assert told_otherwise(asked, "in the season 2010-11") == []
    assert told_otherwise("How much was sold in October 2020?", "2020-10") == ["October 2020"]


def test_the_forms_that_a_question_does_not_have_are_looked_for() -> None:
    assert other_forms("Who came on 1 October 2020?") == ["2020-10-01", "2020-10-1"]
    assert other_forms("Who came in 2020-10?") == ["October 2020"]
    assert other_forms("Who came on 1 October?") == other_forms("Who came?") == []
