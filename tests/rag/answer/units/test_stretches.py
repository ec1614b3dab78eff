"""Which units of a passage are read as one."""

from index.types import Span
from rag.answer.units.stretches import is_whole, span_of, stretches, texts_of
from rag.shared.types import BYLINE, CODE, ITEM, PROSE, Unit


def read(*parts: str | tuple[str, ...]) -> list[str]:
    """The stretches of a passage of these units, each a text, or a kind, a text and perhaps a context."""
    text = "\n".join(part if isinstance(part, str) else part[1] for part in parts)
    units, at = [], 0
    for part in parts:
        kind, own, context = (PROSE, part, "") if isinstance(part, str) else (*part, "")[:3]
        units.append(Unit(Span(at, at + len(own)), kind, context))
        at += len(own) + 1
    found = [span_of(units, stretch) for stretch in stretches(units, texts_of(units, text, 0))]
    return [text[slice(*span)] for span in found]


def test_a_line_that_ends_in_a_colon_takes_the_code_after_it() -> None:
    assert read("To renew all:", (CODE, "$ lamp renew"), "Done.") == ["To renew all:\n$ lamp renew", "Done."]


def test_a_lead_in_takes_its_list_and_each_item_stands_alone_too() -> None:
    assert read("It needs:", (ITEM, "- a key"), (ITEM, "- a lock"), "No more.") == [
        "It needs:\n- a key\n- a lock",
        "- a key",
        "- a lock",
        "No more.",
    ]


def test_a_lead_in_leaves_what_does_not_stand_below_it() -> None:
    lead = "3.2 Six months, unless:"
    clauses = ((ITEM, lead, "3. Notice"), (ITEM, "(a) it rains;", f"3. Notice\n{lead}"), (ITEM, "4. Rent"))
    assert read(*clauses) == [f"{lead}\n(a) it rains;", "4. Rent"]


def test_a_line_that_breaks_off_goes_on_in_the_next() -> None:
    assert read("The tenant may leave after at least", "sixty days. Then it ends.", "C. Rent") == [
        "The tenant may leave after at least\nsixty days. Then it ends.",
        "C. Rent",
    ]


def test_the_lines_that_name_who_wrote_it_are_read_as_one() -> None:
    assert read((BYLINE, "Ann Lee, Bo Ray"), (BYLINE, "University of Alden"), "We study lamps.") == [
        "Ann Lee, Bo Ray\nUniversity of Alden",
        "We study lamps.",
    ]


def test_a_sentence_ends_before_its_reference_marks() -> None:
    assert is_whole("It was cured.[1][3]") and not is_whole("It was cured by") and not is_whole("Cures:")


def test_what_a_term_means_stands_with_it_on_the_next_line() -> None:
    assert read("Slip", ": a paved slope for boats.", "Weir", ": a wall in a river.") == [
        "Slip\n: a paved slope for boats.",
        "Weir\n: a wall in a river.",
    ]


def test_the_greeting_of_a_letter_announces_nothing() -> None:
    assert read("Dear Ms. Lee:", "The boat is sold.") == ["Dear Ms. Lee:", "The boat is sold."]
    assert read("Sehr geehrte Frau Lee,", "das Boot ist verkauft.") == [
        "Sehr geehrte Frau Lee,",
        "das Boot ist verkauft.",
    ]


def test_a_list_that_is_too_long_does_not_end_with_what_announces_more() -> None:
    items = [f"{number}. {'lamp ' * 20}" for number in range(1, 5)]
    long = (ITEM, f"- {'wick ' * 20}")
    assert read("It needs:", *((ITEM, item) for item in items), (ITEM, "5. Wicks:"), long)[0].endswith(items[-1])
