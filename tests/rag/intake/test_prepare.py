"""What passages are searched with beside their own text."""

import pytest

from rag.intake.prepare import Cut, date_in_words, passage_inputs, prepare_incoming
from rag.shared.types import Incoming


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("2021-04-15", "15 April 2021"),
        ("2021-04-05T10:00:00", "5 April 2021"),
        ("2021-04", "April 2021"),
        ("2021", "2021"),
        ("2021-13-01", "2021"),
        ("20211", ""),
        ("yesterday", ""),
        (2021, ""),
    ],
)
def test_dates_are_searched_as_questions_say_them(date: str | int, words: str) -> None:
    assert date_in_words({"date": date}) == words


@pytest.mark.parametrize(
    ("title", "context"),
    [("Annual report", "Annual report. 15 April 2021"), ("Report for 2020", "Report for 2020"), ("", "15 April 2021")],
)
def test_a_date_is_context_where_the_title_names_no_year(title: str, context: str) -> None:
    incoming = Incoming("key", title, "Dredging cost 12 thousand euros.", metadata={"date": "2021-04-15"})
    [given] = passage_inputs(prepare_incoming(incoming, Cut(600, 1)))
    assert given.context == context and "2021" not in given.text
