"""What a question asks for beside its topic: what is counted, its periods, the things it compares."""

import pytest

from rag.answer.units.aspects import (
    compared_terms,
    counted_terms,
    counts,
    has_qualifier,
    is_labelled,
    lacks_negation,
    leads_elsewhere,
    missing_periods,
    tells_another_year,
    tells_deadline,
    tells_signatory,
)
from rag.language.asked import Kind


def counts_it(question: str, text: str) -> bool:
    return counts(text, question, counted_terms(question))


def test_a_number_in_front_of_what_is_counted_counts_it() -> None:
    question = "How many ballots were cast in Alden?"
    assert counts_it(question, "327 BALLOTS CAST\tCONG 25")
    assert counts_it("How many registered voters are in Alden?", "1,100 REGISTERED VOTERS")
    assert counts_it(question, "Alden is ahead in ballots (327) and voters")
    assert not counts_it(question, "PRECINCT 12 ALDEN, PAGE 20213, see the ballots")
    assert not counts_it("When were the ballots cast?", "327 BALLOTS CAST")


def test_periods_of_the_question_that_a_text_does_not_name_are_missing() -> None:
    assert missing_periods("How many lamps were sold in June 2018?", "Lamps sold in November 2015") == 2
    assert missing_periods("How many lamps were sold in June 2018?", "Sold by the end of JUNE 2018: 12") == 0
    assert missing_periods("What were sales in the third quarter of 2023?", "Half year 2023") == 1
    assert missing_periods("How many lamps are there?", "") == 0


def test_what_is_so_tells_nothing_of_what_is_denied() -> None:
    assert lacks_negation("Which tax did the town not raise?", "The town raised the tax on dogs.")
    assert not lacks_negation("Which tax did the town not raise?", "The tax on dogs was never raised.")
    assert not lacks_negation("Which tax did the town raise?", "The town raised the tax on dogs.")
    assert lacks_negation("Why didn't the pump start?", "The pump started.")
    assert not lacks_negation("Why rent from the town and not from a bank?", "The town asks for less.")
    assert not lacks_negation("What does lampctl prune do that lampctl clean doesn't?", "It removes what is old.")
    assert not lacks_negation("Why is it no good for long lists?", "It takes time that grows with the square.")


def test_the_last_day_of_something_is_told_by_its_words() -> None:
    assert tells_deadline("When is the deadline for comments?", "Comments must be received by May 3.")
    assert tells_deadline("By when must I pay?", "Pay no later than 3 May.")
    assert not tells_deadline("When is the deadline for comments?", "The notice is dated May 3.")
    assert not tells_deadline("When is the deadline for comments?", "It is as it was before the notice.")
    assert not tells_deadline("When was the comment written?", "It was written by May.")


def test_a_line_that_signs_tells_who_signed() -> None:
    question = "Who signed the lease for the harbour?"
    assert tells_signatory(question, "By: /s/ Ann Lee")
    assert tells_signatory(question, "HARBOUR OF LARVIK\nName: Ann Lee")
    assert tells_signatory("Wer hat den Vertrag unterzeichnet?", "Signed by Ann Lee")
    assert not tells_signatory(question, "The lease was changed by the harbour.")
    assert not tells_signatory("Who runs the harbour?", "By: /s/ Ann Lee")
    assert not tells_signatory("How many ships signed off?", "By: /s/ Ann Lee")


def test_words_that_tell_like_statements_apart_are_told() -> None:
    assert has_qualifier("How do I renew all lamps?", "To renew all lamps: lampctl renew --all")
    assert has_qualifier("Which command renews every lamp?", "To renew all lamps: lampctl renew --all")
    assert not has_qualifier("When is Every Lamp Day?", "It is for all lamps.")
    assert not has_qualifier("What is the last name of the maker?", "The last lamp was red.")
    assert not has_qualifier("How do I renew all lamps?", "To renew a lamp: lampctl renew red")


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        ("How do lampctl clean and lampctl prune differ?", "clean", "prune"),
        ("What is the difference between oak and pine?", "oak", "pine"),
        ("How does oak compare with pine?", "oak", "pine"),
        ("How does rain affect oak versus pine?", "oak", "pine"),
        ("Which wood is harder, oak or pine?", "oak", "pine"),
        ("Was oak or pine dearer in 2022?", "oak", "pine"),
        ("Did sales grow from 2021 to 2022?", "2021", "2022"),
    ],
)
def test_a_comparison_has_two_sides(question: str, first: str, second: str) -> None:
    sides = compared_terms(question)
    assert sides is not None
    assert first in sides[0] and second in sides[1] and sides[0].isdisjoint(sides[1])


def test_a_question_that_compares_nothing_has_no_sides() -> None:
    assert compared_terms("How hard is oak?") is None


@pytest.mark.parametrize(
    ("question", "told", "text", "another"),
    [
        ("How many lamps were sold in 2019?", "Lamps. In 2017 12 were sold.", "In 2017 12 were sold.", True),
        ("How many lamps were sold in FY 2019?", "FY2018: 12 lamps", "FY2018: 12 lamps", True),
        (
            "How many lamps were sold in 2019?",
            "Lamps in 2019. Since 2017 12 were sold.",
            "Since 2017 12 were sold.",
            False,
        ),
        ("How many lamps were sold in 2019?", "12 were sold.", "12 were sold.", False),
        ("How many lamps were sold on 1 May 2019?", "2019-05-01: 9 of 2017", "2019-05-01: 9 of 2017", False),
        ("How many lamps were sold?", "In 2017 12 were sold.", "In 2017 12 were sold.", False),
    ],
)
def test_an_answer_may_be_of_another_year(question: str, told: str, text: str, another: bool) -> None:
    assert tells_another_year(question, told, text) is another


def test_a_line_is_called_by_the_kind_of_thing_asked_for() -> None:
    assert is_labelled(Kind.PLACE, "Date: 6 June\nLocation/Address: Old Mill, Quay Street")
    assert is_labelled(Kind.DURATION, "Duration: 15 weeks")
    assert not is_labelled(Kind.PLACE, "The location of the mill is told below.")
    assert not is_labelled(Kind.DATE, "Location: Old Mill")


@pytest.mark.parametrize(
    "text",
    [
        "Click here to opt out <https://mail.example.org/x?y=1>.",
        "https://example.org/lamps/2031/fair",
        "- Learn more about the fair.",
        "If you no longer wish to receive news of the fair, write to us.",
    ],
)
def test_a_link_and_a_call_to_click_say_nothing_but_to_a_question_for_them(text: str) -> None:
    assert leads_elsewhere("When does the fair take place?", text)
    assert not leads_elsewhere("Where do I unsubscribe from news of the fair?", text)
    assert not leads_elsewhere("How do I learn of the fair?", text)


@pytest.mark.parametrize(
    "text",
    [
        "The fair is told of at https://example.org/fair every May.",
        "- [Lampctl](https://example.org)",
        "We learn more.",
    ],
)
def test_what_says_something_beside_its_link_does_not_lead_elsewhere(text: str) -> None:
    assert not leads_elsewhere("When does the fair take place?", text)
