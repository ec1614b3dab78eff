"""Questions asked and scored: which passages are hits, which measures a set allows, and their figures."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from eval.scoring.confidence import area_under_risk, auroc, calibration_error, risk_at
from eval.scoring.measures import (
    DEEPEST_DOCUMENT,
    DEEPEST_PASSAGE,
    DOCUMENT_MEASURES,
    SPAN_MEASURES,
    document_measures,
    span_measures,
)
from eval.scoring.runs import Listed, Result, Run, StoreState
from eval.scoring.statistics import Estimate, Statistic, Values, estimate, estimate_mean
from eval.sets.gold import Place, Question
from rag.shared.errors import BadInput
from rag.shared.types import Answer, Query, RankedPassage

# Passages asked for at first when documents are judged, and how many times as many then, while a few documents fill them all.
_DEPTH_FOR_DOCUMENTS = 200
_DEEPER = 4
# Two questions at once take about 0.7 of the time of one after the other on two cores (xquad: 25 and 35 ms a question).
_ASKED_AT_ONCE = 2
# Whether a gold answer is inside the first sentences of the answer; "Answer" is of all of them.
_FIRST_SENTENCES: Mapping[str, int] = {"Answer@1": 1, "Answer@2": 2}
# Where a set has spans, RR@10 is over passages; the one over documents is then named so.
DOCUMENT_RR = "document RR@10"


class ConfidenceMeasure(NamedTuple):
    """A figure of confidence over a whole run. label: which questions are positive."""

    statistic: Statistic
    label: Callable[[Result], bool]


_is_right: Callable[[Result], bool] = attrgetter("right")
# Figures of confidence, for sets with unanswerable questions. All but the second ask whether the answer is right, given or not.
CONFIDENCE_MEASURES: Mapping[str, ConfidenceMeasure] = {
    "AUROC": ConfidenceMeasure(auroc, _is_right),
    "AUROC answerable": ConfidenceMeasure(auroc, lambda result: result.answerable),
    "AURC": ConfidenceMeasure(area_under_risk, _is_right),
    "Risk@50%": ConfidenceMeasure(partial(risk_at, 0.5), _is_right),
    "Risk@80%": ConfidenceMeasure(partial(risk_at, 0.8), _is_right),
    "ECE": ConfidenceMeasure(calibration_error, _is_right),
}
# What a report looks at first: the first of these that a set has sums it up.
HEADLINES = ("RR@10", "nDCG@10", "Answer")
LOWER_IS_BETTER = frozenset({"Answered unanswerable", "AURC", "Risk@50%", "Risk@80%", "ECE"})


def measure_names(questions: Sequence[Question]) -> tuple[str, ...]:
    """The measures that these questions allow, in the order of a report."""
    answerable = [question for question in questions if question.answerable]
    names: list[str] = []
    if any(question.places for question in answerable):
        names += SPAN_MEASURES
    if any(question.relevant for question in answerable):
        names += [DOCUMENT_RR if name in names else name for name in DOCUMENT_MEASURES]
    if any(question.answers for question in answerable):
        names += [*_FIRST_SENTENCES, "Answer"]
    if answerable:
        names.append("Answered")
    if len(answerable) < len(questions):
        names.append("Answered unanswerable")
        names += CONFIDENCE_MEASURES
    return tuple(names)


class Outcome(NamedTuple):
    """One answer against its evidence. hits: ranks of the passages that are hits.  documents: by best passage, each once.

    sentences: of the answer, best first.
    """

    question: Question
    result: Result
    hits: tuple[int, ...]
    documents: tuple[str, ...]
    sentences: tuple[str, ...]


def run(
    ask: Callable[[Query], Answer],
    questions: Sequence[Question],
    *,
    gold: str,
    k: int,
    store: StoreState,
    progress: Callable[[int], None] | None = None,
) -> Run:
    """Ask every question and score what comes back, in the order of the questions. progress: called with how many are done.

    ask: must be safe to call from two threads.  Raises BadInput naming the question when one cannot be asked.
    """
    # Enough for every measure of most questions; the ranking does not depend on it.
    is_deep = any(question.relevant for question in questions)
    depth = max(k, _DEPTH_FOR_DOCUMENTS if is_deep else DEEPEST_PASSAGE)

    def judged(question: Question) -> Outcome:
        try:
            answer = _asked(ask, question, depth)
            held_back = None
            if answer.answer is None and question.answerable and question.answers:
                held_back = ask(Query(question=question.text, k=depth, max_risk=1.0))
            return judge(question, answer, k, held_back)
        except BadInput as error:
            raise BadInput(f"question {question.id!r} of {gold}: {error}") from error

    started = time.perf_counter()
    outcomes = []
    pool = ThreadPoolExecutor(_ASKED_AT_ONCE)
    try:
        for outcome in pool.map(judged, questions):
            outcomes.append(outcome)
            if progress:
                progress(len(outcomes))
    finally:
        pool.shutdown(cancel_futures=True)
    seconds = time.perf_counter() - started
    results, names = _scored(outcomes), measure_names(questions)
    return Run(gold, k, results, {name: _estimate(name, results) for name in names}, store, seconds)


def _asked(ask: Callable[[Query], Answer], question: Question, depth: int) -> Answer:
    """The answer with ``depth`` passages, or more while a document that is judged relevant may still be among the first hundred.

    It ends where fewer passages are listed than were asked for: a ranking has an end (``eval.scoring.measures``).
    """
    answer = ask(Query(question=question.text, k=depth))
    while question.relevant and len(answer.passages) == depth:
        documents = _documents(answer)
        if len(documents) >= DEEPEST_DOCUMENT or question.relevant <= set(documents):
            break
        depth *= _DEEPER
        answer = ask(Query(question=question.text, k=depth))
    return answer


def judge(question: Question, answer: Answer, k: int, held_back: Answer | None) -> Outcome:
    """Which passages are hits and which documents were found; only what a run keeps of an answer.

    held_back: what would have been answered at any risk, where nothing was. An answer is right that has a gold answer in it; where
    the set gives no answers, when one of the k listed passages is a hit.
    """
    ranked = enumerate(answer.passages, 1) if question.answerable else ()
    hits = tuple(rank for rank, passage in ranked if any(question.is_held(*place) for place in _places(passage)))
    listed = tuple(Listed(*_places(passage)[0], score=passage.score) for passage in answer.passages[:k])
    text = answer.answer.text if answer.answer else None
    result = Result(
        question.id,
        question.text,
        question.answerable,
        {},
        answer.confidence,
        answer.answered,
        text,
        hits[0] if hits else None,
        listed,
        _has_gold(question, text or (held_back and held_back.answer and held_back.answer.text) or "", hits, k),
    )
    return Outcome(question, result, hits, _documents(answer), answer.answer.sentences if answer.answer else ())


def _has_gold(question: Question, text: str, hits: Sequence[int], k: int) -> bool:
    if not question.answerable:
        return False
    return is_inside(question.answers, text) if question.answers else bool(hits) and hits[0] <= k


def _documents(answer: Answer) -> tuple[str, ...]:
    return tuple(dict.fromkeys(place.document for passage in answer.passages for place in _places(passage)))


def _places(passage: RankedPassage) -> list[Place]:
    """Where a passage stands: first where it is listed from, then the near-duplicates that are shown with it."""
    listed = Place(passage.document.source or passage.document.id, *passage.citation.span)
    return [listed, *(Place(other.source or other.id, *other.span) for other in passage.also_in)]


def _scored(outcomes: Sequence[Outcome]) -> tuple[Result, ...]:
    """The results with their measures filled in."""
    answerable = [outcome for outcome in outcomes if outcome.question.answerable]
    spans = span_measures({o.question.id: o.hits for o in answerable if o.question.places})
    judged = [outcome for outcome in answerable if outcome.question.relevant]
    documents = document_measures(
        {outcome.question.id: outcome.documents for outcome in judged},
        {outcome.question.id: outcome.question.relevance for outcome in judged},
    )
    if spans:
        documents = {
            question: {DOCUMENT_RR if name in SPAN_MEASURES else name: value for name, value in values.items()}
            for question, values in documents.items()
        }
    return tuple(_with_measures(outcome, spans, documents) for outcome in outcomes)


def _with_measures(outcome: Outcome, *by_question: Mapping[str, Mapping[str, float]]) -> Result:
    question, result = outcome.question, outcome.result
    measures = {name: value for values in by_question for name, value in values.get(question.id, {}).items()}
    if question.answerable and question.answers:
        for name, n in _FIRST_SENTENCES.items():
            measures[name] = float(is_inside(question.answers, " ".join(outcome.sentences[:n])))
        measures["Answer"] = float(is_inside(question.answers, result.answer))
    measures["Answered" if question.answerable else "Answered unanswerable"] = float(result.answered)
    return replace(result, measures=measures)


def is_inside(answers: Iterable[str], text: str | None) -> bool:
    """Whether one of the gold answers occurs in the answer, blanks and case aside."""
    answer_text = _plain(text or "")
    return any(_plain(answer) in answer_text for answer in answers)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def confidence_columns(name: str, results: Sequence[Result]) -> tuple[Values, Values]:
    """Confidence and label (1 or 0) per question, as a measure of confidence takes them."""
    label = CONFIDENCE_MEASURES[name].label
    return (np.array([result.confidence for result in results]), np.array([float(label(result)) for result in results]))


def _estimate(name: str, results: Sequence[Result]) -> Estimate:
    if name in CONFIDENCE_MEASURES:
        return estimate(CONFIDENCE_MEASURES[name].statistic, *confidence_columns(name, results))
    return estimate_mean(np.array([result.measures[name] for result in results if name in result.measures]))
