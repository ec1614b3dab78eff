"""Several questions in one: taken apart, and their answers joined."""

import pytest

from index.types import Span
from rag.answer.compound import joined, split_questions
from rag.shared.types import (
    Answer,
    AnswerPart,
    AnswerText,
    Citation,
    DocumentRef,
    IndexState,
    Query,
    RankedPassage,
    Timings,
)

TEXT = "Trump spoke on Friday. Vance flew to Munich. Nobody signed it."
SENTENCES = (Span(0, 22), Span(23, 44), Span(45, 62))


def passage(number: int, score: float, highlighted: bool = True) -> RankedPassage:
    span = SENTENCES[number]
    text = TEXT[span.start : span.end]
    return RankedPassage(
        rank=1,
        score=score,
        text=text,
        document=DocumentRef("d", "D", None, {}),
        section=(),
        page=None,
        citation=Citation("d", "D", text, span, ""),
        highlights=(span,) if highlighted else (),
        also_in=(),
        explain=None,
    )


def answer(question: str, confidence: float, *passages: RankedPassage) -> Answer:
    cited = [number for number, one in enumerate(passages) if one.highlights]
    parts = tuple(AnswerPart(passages[number].text, passages[number].citation, number) for number in cited)
    said = AnswerText(tuple(part.text for part in parts), tuple(cited), parts) if cited else None
    reason = None if cited else "low_confidence"
    state = IndexState(1, "f")
    return Answer(question, bool(cited), confidence, True, reason, said, passages, state, Timings(1.0, 2.0, 3.0))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("When did Trump speak? Who flew to Munich?", ["When did Trump speak?", "Who flew to Munich?"]),
        ("when did trump speak and who flew to munich", ["when did trump speak", "who flew to munich"]),
        ("Who flew to Munich? how many treaties are there?", ["Who flew to Munich?", "how many treaties are there?"]),
        ("When did Trump speak? And where is the treaty?", ["When did Trump speak?", "where is the treaty?"]),
    ],
)
def test_questions_that_stand_on_their_own_are_taken_apart(text: str, parts: list[str]) -> None:
    assert split_questions(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "When did Trump speak?",
        "When did Trump speak and what did he say about Munich?",  # "he" is in the other part
        "When and where did Trump speak?",
        "Who flew to Munich? Who went there with Vance?",
        "Munich? Who flew to Munich?",
        "Goldenson proposed a merger between UPT and what network in October?",
        "What did the ECDC and WHO regional offices ask for?",
        "Trump spoke on Friday. Vance flew to Munich.",
        "",
    ],
)
def test_other_texts_are_asked_whole(text: str) -> None:
    assert split_questions(text) == [text]


def test_the_answers_are_put_together_with_the_passages_of_both() -> None:
    first = answer("a?", 0.9, passage(0, 0.5), passage(2, 0.2, highlighted=False))
    second = answer("b?", 0.7, passage(1, 0.6), passage(2, 0.3, highlighted=False))
    both = joined(Query("a? b?", k=3), [first, second])
    assert both.answer is not None
    assert both.answer.sentences == ("Trump spoke on Friday.", "Vance flew to Munich.") and both.answer.citations == (
        1,
        0,
    )
    assert [(part.text, part.passage) for part in both.answer.parts] == [
        ("Trump spoke on Friday.", 1),
        ("Vance flew to Munich.", 0),
    ]
    assert both.answer.text == "Trump spoke on Friday. … Vance flew to Munich."
    assert [(one.rank, one.score, one.text) for one in both.passages] == [
        (1, 0.6, "Vance flew to Munich."),
        (2, 0.5, "Trump spoke on Friday."),
        (3, 0.3, "Nobody signed it."),
    ]
    assert (both.question, both.answered, both.confidence, both.timings_ms.total) == ("a? b?", True, 0.7, 6.0)


def test_what_is_not_listed_is_not_said() -> None:
    both = joined(Query("a? b?", k=1), [answer("a?", 0.9, passage(0, 0.5)), answer("b?", 0.7, passage(1, 0.6))])
    assert both.answer is not None
    assert (both.answer.text, both.answer.citations) == ("Trump spoke on Friday.", (0,))
    assert len(both.passages) == 1


def test_one_answer_of_two_is_an_answer_and_none_is_an_abstention() -> None:
    nothing = answer("b?", 0.2, passage(1, 0.6, highlighted=False))
    half = joined(Query("a? b?", k=5), [answer("a?", 0.9, passage(0, 0.5)), nothing])
    assert half.answered and half.confidence == 0.9 and half.answer is not None
    assert (half.answer.text, half.answer.citations) == ("Trump spoke on Friday.", (1,))
    none = joined(Query("b? b?", k=5), [nothing, nothing])
    assert (none.answered, none.answer, none.confidence, none.abstain_reason) == (False, None, 0.2, "low_confidence")
