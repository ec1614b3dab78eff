"""What fitting learns from: questions against collections, with the signals of their candidates and which of them are hits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from eval.sets.gold import Question, read_folder, titles_of
from rag.retrieval.ranking import Examined, Ranker, best_per_passage
from rag.retrieval.signals import Signals

Values = NDArray[np.float64]
Hits = NDArray[np.bool_]

FIRST = ("bm25", "dense", "sentence", "coverage", "phrase", "evidence")
SECOND = (*FIRST, "late")
_PER_SENTENCE = frozenset({"sentence_cosine", "sentence_coverage", "owner"})


class Examiner(Protocol):
    """An indexed collection that shows how it scores."""

    def examine(self, question: str, ranker: Ranker) -> Examined:
        """All candidates of a question; late interaction for the ranker's second stage."""


class Collection(NamedTuple):
    """A gold set and its corpus, indexed. documents: keys by which sets are seen to share a document."""

    name: str
    questions: tuple[Question, ...]
    documents: frozenset[str]
    examiner: Examiner
    calibrated_for: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One question against one collection, cut down to the candidates of the second stage.

    signals, late, hits: of these and their sentences.  sources: of each, the document.
    all_first: (n, len(FIRST)), all_hits: (n,), of all candidates.
    """

    collection: str
    question: Question
    signals: Signals
    late: Values
    hits: Hits
    sources: tuple[str | None, ...]
    all_first: Values
    all_hits: Hits


def collection_of(
    folder: Path, open_collection: Callable[[Path], tuple[Examiner, Mapping[str, str | int]]]
) -> Collection:
    """A gold folder, and its corpus as ``open_collection`` opens it."""
    examiner, calibrated_for = open_collection(folder)
    return Collection(folder.name, read_folder(folder).questions, titles_of(folder), examiner, calibrated_for)


def sample_of(collection: Collection, question: Question, ranker: Ranker) -> Sample:
    """A question as its collection scores it with this ranker."""
    examined = collection.examiner.examine(question.text, ranker)
    n = len(examined.spans)
    hits = np.array([question.is_held(examined.sources[i], *examined.spans[i]) for i in range(n)], dtype=bool)
    in_chosen = np.isin(examined.signals.owner, examined.chosen)
    chosen = _restricted(examined.signals, examined.chosen, in_chosen)
    return Sample(
        collection.name,
        question,
        chosen,
        np.nan_to_num(examined.late[in_chosen]).astype(np.float64),
        hits[examined.chosen],
        tuple(examined.sources[i] for i in examined.chosen),
        np.stack([getattr(examined.signals, name) for name in FIRST], axis=1),
        hits,
    )


def _restricted(signals: Signals, chosen: NDArray[np.int64], in_chosen: Hits) -> Signals:
    """The signals of some candidates, ascending, and of their sentences."""
    values = {
        field.name: getattr(signals, field.name)[in_chosen if field.name in _PER_SENTENCE else chosen]
        for field in fields(Signals)
    }
    return Signals(**{**values, "owner": np.searchsorted(chosen, values["owner"])})


def _late_per_passage(sample: Sample) -> Values:
    return best_per_passage(sample.late.astype(np.float32), sample.signals.owner, len(sample.hits)).astype(np.float64)


def second_values(sample: Sample) -> Values:
    """Signals of the second stage: float64 (n, len(SECOND))."""
    cheap = np.stack([getattr(sample.signals, name) for name in FIRST], axis=1)
    return np.concatenate([cheap, _late_per_passage(sample)[:, None]], axis=1)


def scores_of(sample: Sample, ranker: Ranker) -> NDArray[np.float32]:
    """The ranker's scores of a sample's candidates: float32 (n,)."""
    everything = np.arange(len(sample.hits))
    late = _late_per_passage(sample).astype(np.float32)
    return ranker.scores(sample.signals, np.zeros(len(late), np.float32), everything, late)
