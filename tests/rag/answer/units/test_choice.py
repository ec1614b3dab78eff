"""Which candidates are the answer: one where it is likely enough, more where it is not, none twice."""

from index.types import Span
from rag.answer.units.candidates import Candidate
from rag.answer.units.choice import choose
from rag.language.asked import Kind
from rag.shared.types import ITEM, PROSE, ROW


def candidate(
    text: str,
    score: float,
    at: int = 0,
    *,
    told: str = "",
    holds: bool = True,
    named: bool = False,
    opens: bool = False,
    passage: int = 0,
    document: str = "d",
) -> Candidate:
    span = Span(at, at + len(text))
    return Candidate(passage, span, text, told, "", "", score, 0.5, 0.5, holds, PROSE, named, opens, document)


def texts(*candidates: Candidate, kind: Kind = Kind.OTHER, question: str = "") -> list[str]:
    return [unit.text for unit in choose(candidates, kind, question)]


def test_one_unit_is_enough_where_it_is_far_ahead() -> None:
    assert texts(candidate("Five.", 10.0), candidate("Six.", 4.0, 20)) == ["Five."]


def test_a_second_is_added_where_it_may_be_that_one() -> None:
    assert texts(candidate("Five.", 10.0), candidate("Six.", 9.5, 20)) == ["Five.", "Six."]


def test_a_short_unit_is_added_where_a_long_one_as_likely_is_not() -> None:
    first, long, short = candidate("Five.", 10.0), candidate("Six " * 100, 6.0, 20), candidate("Ten.", 6.0, 900)
    assert texts(first, long, short) == ["Five.", "Ten."]


def test_a_row_or_a_number_is_followed_by_less_than_a_sentence() -> None:
    first, other = candidate("Five.", 10.0), candidate("Six.", 5.0, 20)
    assert texts(first, other) == ["Five.", "Six."]
    assert texts(first._replace(kind=ROW), other) == ["Five."]
    assert texts(first, other, kind=Kind.NUMBER) == ["Five."]


def test_beside_the_row_or_item_that_has_the_number_asked_for_there_is_no_other_of_the_same_table_or_list() -> None:
    for kind in (ROW, ITEM):
        first, other = (
            candidate(text, score, at, told="Term")._replace(kind=kind)
            for text, score, at in (("Lessor: 30 days", 10.0, 0), ("Tenant: 120 days", 9.5, 40))
        )
        assert texts(first, other, kind=Kind.DURATION) == ["Lessor: 30 days"]
        assert len(texts(first, other._replace(told="Other"), kind=Kind.DURATION)) == (1 if kind == ROW else 2)
        assert len(texts(first, other, kind=Kind.OTHER)) == 2


def test_nothing_is_said_twice() -> None:
    assert texts(candidate("It is five.", 10.0), candidate("five.", 9.9, 6), candidate("It is five.", 9.8, 90)) == [
        "It is five."
    ]


def test_a_long_second_unit_is_left_out() -> None:
    assert texts(candidate("Five.", 10.0), candidate("Six " * 200, 9.9, 20), candidate("Ten.", 9.8, 2000)) == [
        "Five.",
        "Ten.",
    ]


def test_of_a_part_that_is_named_only_its_units_answer_and_its_opening_is_the_first() -> None:
    chosen = texts(
        candidate("About it.", 12.0),
        candidate("more of 7.", 11.0, 40, named=True),
        candidate("7. Rent", 10.5, 20, named=True, opens=True),
    )
    assert chosen == ["7. Rent", "more of 7."]


def test_of_nothing_nothing_is_chosen() -> None:
    assert choose([]) == []


def test_a_unit_that_lacks_the_reason_stands_with_the_one_near_it_that_has_it() -> None:
    claim, reason = candidate("Oak is dear.", 20.0, holds=False), candidate("It is so as it grows slowly.", 12.0, 20)
    assert texts(claim, reason, kind=Kind.REASON) == ["Oak is dear.", "It is so as it grows slowly."]
    assert texts(claim, reason) == ["Oak is dear."]
    far = candidate("It is so as it grows slowly.", 12.0, 2000)
    assert texts(claim, far, kind=Kind.REASON) == ["Oak is dear."]


def test_a_row_that_lacks_the_place_asked_for_is_not_completed_by_another_row() -> None:
    born, other = (
        candidate(text, score, at, told="Name Died in", holds=holds)._replace(kind=ROW)
        for text, score, at, holds in (("Ann Lee", 20.0, 0, False), ("Bo Ray\tLarvik", 12.0, 20, True))
    )
    assert texts(born, other, kind=Kind.PLACE) == ["Ann Lee"]
    assert texts(born, other._replace(kind=PROSE), kind=Kind.PLACE) == ["Ann Lee", "Bo Ray\tLarvik"]


def test_steps_that_are_told_without_the_command_stand_with_it() -> None:
    way, flag = candidate("Sort the output.", 20.0, holds=False), candidate("Use `--sort path`.", 12.0, 60)
    assert texts(way, flag, kind=Kind.STEPS) == ["Sort the output.", "Use `--sort path`."]


def test_beside_a_reason_stands_no_unit_that_gives_none() -> None:
    reason, claim = candidate("It is dear as it grows slowly.", 10.0), candidate("Oak is dear.", 9.5, 40, holds=False)
    assert texts(reason, claim, kind=Kind.REASON) == ["It is dear as it grows slowly."]
    assert texts(reason, claim, kind=Kind.OTHER) == ["It is dear as it grows slowly.", "Oak is dear."]


def test_what_completes_an_answer_may_stand_in_a_neighbouring_passage_of_the_same_document() -> None:
    invitation = candidate("Join us at the fair.", 20.0, 700, holds=False)
    date = candidate("May 6, 10:00, online", 10.0, 500, passage=2)
    assert texts(invitation, date, kind=Kind.DATE) == ["Join us at the fair.", "May 6, 10:00, online"]
    elsewhere = candidate("May 6, 10:00, online", 10.0, 500, passage=2, document="e")
    assert texts(invitation, elsewhere, kind=Kind.DATE) == ["Join us at the fair."]


def test_a_comparison_is_answered_for_both_sides() -> None:
    oak, pine = (
        candidate("Oak\t3 marks", 20.0, told="Wood Price"),
        candidate("Pine\t1 mark", 12.0, 20, told="Wood Price"),
    )
    assert texts(oak, pine) == ["Oak\t3 marks"]
    assert texts(oak, pine, question="How does oak compare with pine?") == ["Oak\t3 marks", "Pine\t1 mark"]


def test_rows_of_one_table_go_before_a_sentence_that_names_both_sides() -> None:
    both = candidate("Both oak and pine are woods.", 14.0, 90)
    oak, pine = (
        candidate("Oak\t3 marks", 13.0, told="Wood Price"),
        candidate("Pine\t1 mark", 12.0, 20, told="Wood Price"),
    )
    assert texts(both, oak, pine, question="How does oak compare with pine?") == ["Oak\t3 marks", "Pine\t1 mark"]


def test_what_only_announces_more_is_no_second_part() -> None:
    assert texts(candidate("Five.", 10.0), candidate("There are more:", 9.5, 20)) == ["Five."]
