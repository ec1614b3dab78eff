"""Where evidence was lost, on a made-up way of passages through the stages."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from eval.scoring.lost_evidence import STAGES, explain, explanation_json
from eval.sets.gold import Place, Question
from index.types import Passage, Span
from rag.inspection.trace import Trace, TracedPassage
from rag.shared.types import Answer, AnswerText, IndexState, Query, Timings


def traced(identifier: int, span: Span, **reached: Any) -> TracedPassage:
    values: dict[str, Any] = {
        "dense": 3,
        "lexical": None,
        "candidate": True,
        "second_stage": True,
        "rank": identifier,
        "ranked_with": None,
        "score": 0.5,
        "signals": {"bm25": 0.1, "late": math.nan},
        **reached,
    }
    return TracedPassage(identifier, "d", "d.txt", span, "text", **values)


class Way:
    """One document of ten passages of ten characters; ``reached``: what becomes of each passage by id."""

    def __init__(self, **reached: Mapping[str, object]) -> None:
        self.reached = {int(name.removeprefix("p")): state for name, state in reached.items()}
        self.asked_for: list[int] = []

    def ask(self, query: Query) -> Answer:
        answer = AnswerText(("It is RED.",), (0,))
        return Answer(query.question, True, 0.7, True, None, answer, (), IndexState(1, "f"), Timings(0, 0, 0))

    def passages_of(self, document: str) -> list[Passage]:
        if document != "d.txt":
            return []
        spans = [Span(10 * number, 10 * number + 10) for number in range(10)]
        return [Passage(n, "d", n, span, "text", (), None, (span,)) for n, span in enumerate(spans)]

    def trace(self, question: str, wanted: Sequence[int], n_first: int) -> Trace:
        self.asked_for = list(wanted)
        spans = {passage.id: passage.span for passage in self.passages_of("d.txt")}
        passages = [traced(number, spans[number], **self.reached.get(number, {})) for number in wanted]
        passages.sort(key=lambda passage: passage.rank or 99)
        first = tuple(traced(50 + rank, Span(0, 1), rank=rank) for rank in range(1, n_first + 1))
        return Trace(tuple(passages), first, 20)


def asked(*places: Place, answerable: bool = True, **relevance: int) -> Question:
    return Question("q", "what colour?", answerable, ("red",) if places else (), places, relevance)


HELD = Place("d.txt", 32, 38)  # whole in passage 3


@pytest.mark.parametrize(
    ("question", "reached", "stage", "rank"),
    [
        (asked(HELD), {"p3": {"rank": 2}}, "found", 2),
        (asked(HELD), {"p3": {"rank": 11}}, "outranked", 11),
        (asked(HELD), {"p3": {"rank": 30, "second_stage": False}}, "not in the second stage", 30),
        (
            asked(HELD),
            {"p3": {"rank": None, "second_stage": False, "candidate": False, "score": None}},
            "not a candidate",
            None,
        ),
        (asked(Place("d.txt", 38, 45)), {}, "not in one passage", None),
        (asked(Place("gone.txt", 0, 5)), {}, "not in the documents", None),
        (asked(), {}, "not in the documents", None),
        (asked(answerable=False), {}, "unanswerable", None),
        (asked(HELD, Place("d.txt", 71, 75)), {"p3": {"rank": 40}, "p7": {"rank": 1}}, "found", 1),
    ],
)
def test_the_stage_is_the_first_that_no_passage_with_the_evidence_got_past(
    question: Question, reached: Mapping[str, Mapping[str, object]], stage: str, rank: int | None
) -> None:
    way = Way(**reached)
    explanation = explain(way.ask, way, question, k=10)
    assert (explanation.stage, explanation.rank) == (stage, rank) and stage in STAGES


def test_pieces_of_evidence_that_is_cut_are_shown() -> None:
    way = Way()
    explanation = explain(way.ask, way, asked(Place("d.txt", 38, 45)), k=10)
    assert way.asked_for == [3, 4] and [passage.id for passage in explanation.evidence] == [3, 4]


def test_what_ranks_before_the_evidence_is_shown_beside_it() -> None:
    way = Way(p3={"rank": 3})
    explanation = explain(way.ask, way, asked(HELD), k=10)
    assert [passage.rank for passage in explanation.above] == [1, 2]
    first = Way(p3={"rank": 1})
    assert explain(first.ask, first, asked(HELD), k=10).above == ()


def test_of_a_judged_document_every_passage_is_evidence() -> None:
    way = Way()
    explain(way.ask, way, Question("q", "claim", True, (), (), {"d.txt": 1, "other": 0}), k=10)
    assert way.asked_for == list(range(10))


def test_the_answer_is_checked_for_the_gold_one() -> None:
    way = Way()
    assert explain(way.ask, way, asked(HELD), k=10).answer_holds is True
    assert explain(way.ask, way, asked(answerable=False), k=10).answer_holds is None


def test_the_explanation_is_json_without_nan() -> None:
    way = Way()
    saved = explanation_json(explain(way.ask, way, asked(HELD), k=10))
    assert json.loads(json.dumps(saved, allow_nan=False))["evidence"][0]["signals"] == {"bm25": 0.1, "late": None}
