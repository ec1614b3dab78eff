"""What weights are worth on a set that they were not fitted on."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.scoring.confidence import auroc, calibration_error
from eval.training.samples import Sample, listed_hits, listed_sentences, scores_of
from rag.retrieval.ranking import Ranker

_DEPTH = 10


class LeftOut(NamedTuple):
    """What weights fitted on the other sets reach on one. n: questions; sentences: gold answer in the first one, two and three."""

    name: str
    n: int
    fitted_on: tuple[str, ...]
    ranking: float
    sentences: tuple[float, float, float] | None
    auroc: float
    calibration_error: float


def left_out(name: str, ranker: Ranker, samples: Sequence[Sample], fitted_on: Iterable[Sample]) -> LeftOut:
    """A ranker's figures on the set that it was not fitted on."""
    own = [s for s in samples if s.own and s.asked == name and s.question.answerable]
    others = [s for s in samples if s.collection == name and not s.own]
    asked = own + others
    sure = np.array([_confidence(s, ranker) for s in asked])
    is_own = np.array([s.own for s in asked], dtype=np.float64)
    answers = np.array([listed_hits(s, ranker).any() for s in asked], dtype=np.float64)
    # As many others as own, by repeating none: every so manieth of the longer.
    n = max(min(len(own), len(others)), 1)
    even = np.unique(np.concatenate([_spread(len(own), n), len(own) + _spread(len(others), n)]))
    spans = [s for s in own if s.question.places]
    return LeftOut(
        name,
        len(own),
        tuple(sorted({s.asked for s in fitted_on})),
        float(np.mean([_ranking_measure(s, ranker) for s in own])),
        _sentence_measures(spans, ranker) if spans else None,
        auroc(sure, is_own) if ranker.confidence else math.nan,
        calibration_error(sure[even], answers[even]) if ranker.confidence else math.nan,
    )


def _confidence(sample: Sample, ranker: Ranker) -> float:
    """Confidence, nan when it could not be fitted."""
    if not ranker.confidence:
        return math.nan
    return ranker.confidence_of(sample.signals, sample.late.astype(np.float32), scores_of(sample, ranker))


def _spread(length: int, n: int) -> NDArray[np.int64]:
    """n positions spread evenly over a sequence."""
    return np.linspace(0, length - 1, min(n, length)).astype(np.int64) if length else np.empty(0, dtype=np.int64)


def _ranking_measure(sample: Sample, ranker: Ranker) -> float:
    """RR@10 over passages, or nDCG@10 (linear gain) over documents by best passage where whole documents are judged.

    Only candidates of the second stage are seen here, so that nDCG@10 is a little low where they are of fewer than ten documents.
    """
    order = np.argsort(-scores_of(sample, ranker), kind="stable")
    if sample.question.places:
        ranks = np.flatnonzero(sample.hits[order[:_DEPTH]])
        return float(1 / (ranks[0] + 1)) if len(ranks) else 0.0
    grades = sample.question.relevance
    documents = list(dict.fromkeys(sample.sources[i] for i in order))[:_DEPTH]
    gain = sum(max(grades.get(document or "", 0), 0) / np.log2(rank + 2) for rank, document in enumerate(documents))
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:_DEPTH]
    return float(gain / sum(grade / np.log2(rank + 2) for rank, grade in enumerate(ideal))) if ideal else 0.0


def _sentence_measures(own: Sequence[Sample], ranker: Ranker) -> tuple[float, float, float]:
    """Share of questions with a sentence that holds a gold answer, in its place, among the first one, two and three."""
    in_first = np.zeros((len(own), 3))
    for row, sample in enumerate(own):
        scores = scores_of(sample, ranker)
        listed = np.flatnonzero(listed_sentences(sample, scores))
        each = ranker.sentence_scores(sample.signals, sample.late.astype(np.float32), scores)[listed]
        ranked = listed[np.argsort(-each, kind="stable")]
        _, firsts = np.unique(sample.sentence_ids[ranked], return_index=True)
        hits = sample.sentence_hits[ranked[np.sort(firsts)]]
        in_first[row] = [hits[:n].any() for n in (1, 2, 3)]
    first, second, third = in_first.mean(axis=0)
    return float(first), float(second), float(third)
