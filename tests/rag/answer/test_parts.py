"""The parts of an answer: each verbatim with its own citation, joined by an ellipsis unless they follow each other."""

from index.types import Span
from rag.answer.citations import cite_part
from rag.shared.types import AnswerPart, AnswerText, Citation

TEXT = "The board met on Monday. It ended at noon. Nobody came. The next one is in May."
WHOLE = Citation("d", "Minutes", TEXT, Span(100, 100 + len(TEXT)), "sha")


def test_a_part_is_cited_by_itself_at_its_place_in_the_document() -> None:
    part = cite_part(WHOLE, Span(125, 142))
    assert part == Citation("d", "Minutes", "It ended at noon.", Span(125, 142), "sha")


def test_an_ellipsis_stands_between_parts_that_do_not_follow_each_other() -> None:
    spans = [Span(100, 124), Span(125, 142), Span(156, 179)]
    cited = [cite_part(WHOLE, span) for span in spans]
    parts = tuple(AnswerPart(one.cited_text, one, 0, number == 1) for number, one in enumerate(cited))
    text = AnswerText(("It ended at noon.", "The board met on Monday.", "The next one is in May."), (0,), parts).text
    assert text == "The board met on Monday. It ended at noon. … The next one is in May."
