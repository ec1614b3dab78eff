"""One question to one store: from its words to the answer with its citations."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock

from index.backend import Reader, Store
from index.types import Floats, JsonScalar, Scope
from rag.answer.cache import AnswerCache
from rag.answer.compose import compose, with_quoted_first
from rag.answer.confidence import (
    REFIT_NOTE,
    answers,
    basis_of,
    confidence_of,
    kept_refit,
    reason_to_abstain,
)
from rag.answer.units.candidates import ANSWER_PASSAGES, Candidate, candidates_of
from rag.answer.units.choice import choose
from rag.language.asked import kind_asked
from rag.model.cross_encoders import AnyReranker
from rag.model.embedding import QuestionVectors, TextEmbedder, word_spans
from rag.retrieval.question import analyze_question
from rag.retrieval.ranking import load_ranker
from rag.retrieval.retrieve import retrieve
from rag.retrieval.spelling import respell
from rag.shared.types import Answer, IndexState, Query, Timings
from rag.shared.validation import checked_question

# Python runs one thread at a time, and searches that overlap only take its lock from each other: with eight clients and two
# searches at once threads changed 356 times a question and 72 were answered a second, one at a time 43 times and 95. The model,
# which needs no Python, runs meanwhile for those that wait.
_turn = Lock()


def answer_question(
    query: Query,
    question: str,
    store: Store,
    embedder: TextEmbedder,
    reranker: AnyReranker | None,
    known_answers: AnswerCache,
    started: float,
) -> Answer:
    """The answer to one question, of which ``question`` is the text to search with.

    embedder: the store's.  known_answers: from which an answer is taken, or to which it is added.
    started: when the question came, by ``time.perf_counter``.
    """
    scope = Scope(query.collection, query.where)
    with _turn, store.read() as reader:
        refit = kept_refit(
            reader.note(REFIT_NOTE), basis_of(store.settings, reranker.fingerprint if reranker is not None else None)
        )
        where = repr(sorted(query.where.items(), key=lambda item: item[0]))
        # The store too: generations of one that comes in its place meanwhile have the same numbers.
        key = (
            store,
            query.question,
            question,
            query.k,
            query.collection,
            where,
            query.explain,
            query.max_risk,
            query.correct,
            repr(refit),
        )
        known = known_answers.get(reader.generation, key)
        if known is not None:
            spent = _milliseconds(time.perf_counter() - started)
            return replace(known, timings_ms=Timings(0.0, spent, spent))
        asked = respelled(question, reader, scope, embedder) if query.correct else question
        words = word_spans(asked)
        coming = embedder.embed_question(asked, words)
        waiting, is_embedded = _Waiting(coming, started), coming.done()
        ranked_by = None if reranker is None else _Unhurried(reranker)
        analyzed = analyze_question(reader, asked, words, scope.collection)
        k = max(query.k, ANSWER_PASSAGES)
        retrieved = retrieve(reader, waiting.vectors, analyzed, scope, k, ranked_by, is_embedded=is_embedded)
        documents = reader.documents_of([retrieved.passages[i].id for group in retrieved.groups for i in group])
        generation = reader.generation
        empty = not retrieved.groups and reader.counts(query.collection)[1] == 0
        candidates = candidates_of(retrieved)
        chosen = choose(candidates, kind_asked(asked), asked)
        sure = confidence_of(retrieved, documents, chosen, reader.text)
    if refit is not None:
        sure = refit.apply(sure)
    retrieved, chosen = with_quoted_first(retrieved, chosen)
    units = _within(query.k, chosen, candidates, asked) if answers(sure, query.max_risk) else []
    composed = compose(retrieved, documents, units, k=query.k, explain=query.explain)
    finished = time.perf_counter()
    reason = None if composed.answer else reason_to_abstain(sure, query.max_risk)
    if not composed.passages:
        reason = "no_documents" if empty else "no_match"
    answer = Answer(
        question=query.question,
        corrected_question=asked if asked != question else None,
        asked_as=asked if asked != checked_question(query.question) else None,
        answered=composed.answer is not None,
        confidence=sure,
        calibrated=refit is not None
        or reranker is None
        and load_ranker().calibrated_for == calibration_of(store.settings),
        abstain_reason=reason,
        answer=composed.answer,
        passages=composed.passages,
        index=IndexState(generation, store.fingerprint),
        timings_ms=Timings(
            _milliseconds(waiting.ended - started),
            _milliseconds(finished - waiting.ended),
            _milliseconds(finished - started),
        ),
    )
    known_answers.put(key, answer)
    return answer


class _Waiting:
    """The vectors of a question, waited for with the turn given to others. ended: when they were there, as ``started``."""

    def __init__(self, coming: Future[QuestionVectors], started: float) -> None:
        self._coming = coming
        self.ended = started

    def vectors(self) -> QuestionVectors:
        """The vectors."""
        with _turn_given_up():
            vectors = self._coming.result()
        self.ended = time.perf_counter()
        return vectors


@dataclass(frozen=True, slots=True)
class _Unhurried:
    """A reranker that is waited for with the turn given to others."""

    reranker: AnyReranker

    @property
    def fingerprint(self) -> str:
        return self.reranker.fingerprint

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        with _turn_given_up():
            return self.reranker.scores(question, passages)


@contextmanager
def _turn_given_up() -> Iterator[None]:
    _turn.release()
    try:
        yield
    finally:
        _turn.acquire()


def respelled(question: str, reader: Reader, scope: Scope, embedder: TextEmbedder) -> str:
    """A question with words that no passage has written as the passages do."""
    return respell(
        question,
        word_spans(question),
        lambda terms: reader.statistics(scope.collection, terms).df,
        embedder.is_word,
        reader.languages(scope.collection),
    )


def _within(k: int, chosen: Sequence[Candidate], candidates: Sequence[Candidate], asked: str) -> list[Candidate]:
    """The chosen units that stand in the first k passages, or the best of those that do: then no passage was put before others."""
    return [unit for unit in chosen if unit.passage < k] or choose(
        [candidate for candidate in candidates if candidate.passage < k], kind_asked(asked), asked
    )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


def calibration_of(settings: Mapping[str, JsonScalar]) -> dict[str, str | int]:
    """What a calibration of confidence depends on, of a store with these settings: its model and the size of its passages."""
    return {
        "model_fingerprint": str(settings["model_fingerprint"]),
        "passage_characters": int(str(settings["passage_characters"])),
        "overlap_sentences": int(str(settings["overlap_sentences"])),
    }
