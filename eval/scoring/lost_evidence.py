"""At which stage a question's evidence was lost, and to what."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple, Protocol

from eval.scoring.score import is_inside
from eval.sets.gold import Question
from index.types import Passage
from rag.inspection.trace import Trace, TracedPassage
from rag.shared.types import Answer, Query

# Where evidence can be lost, in the order of the way from document to answer; "found" is no loss.
STAGES: Mapping[str, str] = {
    "unanswerable": "the question has no evidence in these documents",
    "not in the documents": "no document that was indexed holds the evidence",
    "not in one passage": "the evidence is cut: no passage holds it whole",
    "not a candidate": "no passage with the evidence is among those that are scored",
    "not in the second stage": "no passage with the evidence was scored word by word, and others are listed first",
    "outranked": "other passages are listed first",
    "found": "a listed passage holds the evidence",
}
_BESIDE = 5  # passages shown that rank first


class Inspected(Protocol):
    """Passages that can be followed (``rag.inspection.inspector``)."""

    def passages_of(self, document: str) -> list[Passage]:
        """The passages of the documents of this source or id, in order; none when there is no such document."""

    def trace(self, question: str, wanted: Sequence[int], n_first: int) -> Trace:
        """How far passages get."""


class Explanation(NamedTuple):
    """Where the evidence of a question was lost. stage: of ``STAGES``.

    rank: of the first listed passage that holds it.  evidence: passages that hold it whole, or pieces of it when none does, best
    first; above: passages that rank before the best of them, or first.
    answer_holds: whether a gold answer is inside the answer that was given, None without gold answers.
    """

    question: Question
    stage: str
    rank: int | None
    evidence: tuple[TracedPassage, ...]
    above: tuple[TracedPassage, ...]
    n_candidates: int
    answer: Answer
    answer_holds: bool | None


def explain(ask: Callable[[Query], Answer], source: Inspected, question: Question, k: int) -> Explanation:
    """Follow a question's evidence from the documents to the k passages listed."""
    answer = ask(Query(question=question.text, k=k))
    whole, pieces, documents = _evidence(source, question)
    trace = source.trace(answer.corrected_question or question.text, whole or pieces, max(_BESIDE, k))
    best = trace.wanted[0] if whole else None
    rank = best.rank if best else None
    if not question.answerable:
        stage = "unanswerable"
    elif not documents:
        stage = "not in the documents"
    elif best is None:
        stage = "not in one passage"
    elif not best.candidate:
        stage = "not a candidate"
    elif rank is not None and rank <= k:
        stage = "found"
    else:
        stage = "outranked" if best.second_stage else "not in the second stage"
    ahead = [passage for passage in trace.first if rank is None or (passage.rank or 0) < rank]
    text = answer.answer.text if answer.answer else None
    return Explanation(
        question,
        stage,
        rank,
        trace.wanted,
        tuple(ahead[:_BESIDE]),
        trace.n_candidates,
        answer,
        is_inside(question.answers, text) if question.answers else None,
    )


def _evidence(source: Inspected, question: Question) -> tuple[list[int], list[int], int]:
    """Ids of the passages that hold evidence whole, of those that hold a part of it, and how many of its documents there are."""
    whole: list[int] = []
    pieces: list[int] = []
    n_documents = 0
    for document in dict.fromkeys([*(place.document for place in question.places), *question.relevant]):
        passages = source.passages_of(document)
        n_documents += bool(passages)
        places = [place for place in question.places if place.document == document]
        for passage in passages:
            start, end = passage.span
            if any(start <= place.start and place.end <= end for place in places) or not question.places:
                whole.append(passage.id)
            elif any(place.start < end and start < place.end for place in places):
                pieces.append(passage.id)
    return whole, pieces, n_documents


def explanation_json(explanation: Explanation) -> dict[str, object]:
    """The explanation ready for json.dumps; a signal that was not computed is null."""

    def shown(passage: TracedPassage) -> dict[str, object]:
        values = {name: None if math.isnan(value) else value for name, value in passage.signals.items()}
        return {**asdict(passage), "span": list(passage.span), "signals": values}

    return {
        "id": explanation.question.id,
        "question": explanation.question.text,
        "answerable": explanation.question.answerable,
        "stage": explanation.stage,
        "why": STAGES[explanation.stage],
        "rank": explanation.rank,
        "candidates": explanation.n_candidates,
        "answers": list(explanation.question.answers),
        "answered": explanation.answer.answered,
        "answer": explanation.answer.answer.text if explanation.answer.answer else None,
        "answer_holds": explanation.answer_holds,
        "confidence": explanation.answer.confidence,
        "abstain_reason": explanation.answer.abstain_reason,
        "evidence": [shown(passage) for passage in explanation.evidence],
        "above": [shown(passage) for passage in explanation.above],
    }
