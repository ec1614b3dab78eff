"""What weights are worth on a set that they were not fitted on."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from eval.training.samples import Sample, scores_of
from rag.retrieval.ranking import Ranker

_DEPTH = 10


class LeftOut(NamedTuple):
    """What weights fitted on the other sets reach on one. n: questions.  ranking: the measure of ``left_out``."""

    name: str
    n: int
    fitted_on: tuple[str, ...]
    ranking: float


def left_out(name: str, ranker: Ranker, samples: Sequence[Sample], fitted_on: Iterable[Sample]) -> LeftOut:
    """A ranker's figures on the set that it was not fitted on."""
    own = [sample for sample in samples if sample.collection == name]
    measure = float(np.mean([_ranking_measure(sample, ranker) for sample in own]))
    return LeftOut(name, len(own), tuple(sorted({sample.collection for sample in fitted_on})), measure)


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
