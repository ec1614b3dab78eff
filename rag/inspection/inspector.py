"""What evaluation looks at beside answers: passages of documents, how far they get and by what, and rankings to compare with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from index.backend import Store
from index.types import Passage, Scope
from rag.answer.ask import respelled
from rag.answer.compose import compose
from rag.answer.confidence import evidence
from rag.answer.units.candidates import ANSWER_PASSAGES, candidates_of
from rag.answer.units.choice import choose
from rag.inspection.baselines import rank_baseline
from rag.inspection.trace import Trace, trace
from rag.language.asked import kind_asked
from rag.model.embedding import TextEmbedder, word_spans
from rag.retrieval.question import analyze_question
from rag.retrieval.ranking import Examined, Ranker, load_ranker
from rag.retrieval.retrieve import Retrieved, retrieve, score_candidates
from rag.shared.types import Answer, IndexState, Query, Timings
from rag.shared.validation import checked_question


class AnswerEvidence(NamedTuple):
    """The text of an answer, given or not, and the features of ``rag.answer.confidence`` that its confidence is told by."""

    text: str
    features: Mapping[str, float]


# Passages among which there are enough that do not hold the answer.
_LOOKED_THROUGH = 12


class Inspector:
    """Thread-safe, as the store and the model are that it looks at. All is of the default collection."""

    def __init__(self, store: Store, embedder: TextEmbedder) -> None:
        self._store = store
        self._embedder = embedder

    def passages_of(self, document: str) -> list[Passage]:
        """The passages of the documents of this source or id, in order; none when there is no such document."""
        with self._store.read() as reader:
            documents = [match for match in reader.find(document, "default") if document in (match.source, match.id)]
            return [passage for match in documents for passage in reader.passages_of(match.id)]

    def examine(self, question: str, ranker: Ranker) -> Examined:
        """All candidates of a question and what a ranker scores them by: what training needs."""
        text = checked_question(question)
        words = word_spans(text)
        vectors = self._embedder.embed_question(text, words)
        with self._store.read() as reader:
            scored = score_candidates(
                reader, vectors.result, analyze_question(reader, text, words, "default"), Scope(), ranker
            )
            passages = reader.passages(scored.candidates.ids)
            documents = reader.documents_of(scored.candidates.ids)
        return Examined(
            scored.signals,
            scored.chosen,
            scored.late,
            tuple(documents[passage.id].source for passage in passages),
            tuple(passage.span for passage in passages),
            tuple(passage.sentences for passage in passages),
        )

    def evidence_for(self, question: str, hides: Callable[[str], bool] | None = None) -> AnswerEvidence | None:
        """What a question would be answered with and what speaks for it, however likely that is; None where nothing is listed.

        hides: whether a passage of this text is passed over, as if it were in no document.
        """
        text = checked_question(question)
        with self._store.read() as reader:
            asked = respelled(text, reader, Scope(), self._embedder)
            words = word_spans(asked)
            vectors = self._embedder.embed_question(asked, words)
            analyzed = analyze_question(reader, asked, words, "default")
            n = ANSWER_PASSAGES if hides is None else _LOOKED_THROUGH
            retrieved = retrieve(reader, vectors.result, analyzed, Scope(), n)
            if hides is not None:
                retrieved = _without(retrieved, hides)
            documents = reader.documents_of([retrieved.passages[i].id for group in retrieved.groups for i in group])
            chosen = choose(candidates_of(retrieved), kind_asked(asked), asked)
            if not chosen:
                return None
            features = evidence(retrieved, documents, chosen, reader.text)
        composed = compose(retrieved, documents, chosen, k=ANSWER_PASSAGES, explain=False)
        return AnswerEvidence(composed.answer.text if composed.answer else "", features)

    def trace(self, question: str, wanted: Sequence[int], n_first: int) -> Trace:
        """How far the passages of these ids get, and the first ``n_first`` beside them."""
        words = word_spans(question)
        vectors = self._embedder.embed_question(question, words).result()
        with self._store.read() as reader:
            return trace(reader, vectors, question, words, Scope(), load_ranker(), wanted, n_first)

    def ask_baseline(self, name: str, query: Query) -> Answer:
        """The passages that a baseline of ``rag.inspection.baselines`` lists, without an answer."""
        vector = self._embedder.embed_question(query.question, word_spans(query.question)).result().vector
        with self._store.read() as reader:
            terms = analyze_question(reader, query.question, (), "default").terms
            listed = rank_baseline(name, reader, vector, terms, Scope(), query.k)
            index = IndexState(reader.generation, self._store.fingerprint)
        return Answer(
            query.question, False, 0.0, False, "low_confidence", None, tuple(listed), index, Timings(0.0, 0.0, 0.0)
        )


def _without(retrieved: Retrieved, hides: Callable[[str], bool]) -> Retrieved:
    """The first passages that are not hidden."""
    passages = retrieved.passages
    kept = [group for group in retrieved.groups if not any(hides(passages[i].text) for i in group)][:ANSWER_PASSAGES]
    return replace(retrieved, groups=kept, passages={i: passages[i] for group in kept for i in group})
