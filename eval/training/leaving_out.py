"""What weights are worth on a set that they were not fitted on.

Sets that share a document with the one left out are left out with it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from eval.scoring.measures import DEEPEST_PASSAGE, document_measures, span_measures
from eval.training.fitting import fit
from eval.training.samples import Collection, Sample, scores_of
from rag.retrieval.ranking import Ranker


class LeftOut(NamedTuple):
    """What weights fitted on the other sets reach on one. n: questions.  ranking: the mean of ``_ranking_measure``."""

    name: str
    n: int
    fitted_on: tuple[str, ...]
    ranking: float


def left_out_in_turn(collections: Sequence[Collection], samples: Sequence[Sample], ranker: Ranker) -> Iterator[LeftOut]:
    """The figures of each set, with weights fitted on the others; none where all sets are related.  samples: of all sets."""
    related = {a.name: frozenset(b.name for b in collections if a.documents & b.documents) for a in collections}
    for name in related if len(set(related.values())) > 1 else ():
        rest = [sample for sample in samples if sample.collection not in related[name]]
        fitted = fit(rest, ranker)
        measures = [_ranking_measure(sample, fitted) for sample in samples if sample.collection == name]
        fitted_on = tuple(sorted({sample.collection for sample in rest}))
        yield LeftOut(name, len(measures), fitted_on, float(np.mean(measures)))


def _ranking_measure(sample: Sample, ranker: Ranker) -> float:
    """RR@10 over passages, or nDCG@10 (linear gain) over documents by best passage where whole documents are judged.

    Only candidates of the second stage are seen here, so that nDCG@10 is a little low where they are of fewer than ten documents.
    """
    order, name = np.argsort(-scores_of(sample, ranker), kind="stable"), sample.question.id
    if sample.question.places:
        ranks = np.flatnonzero(sample.hits[order[:DEEPEST_PASSAGE]]) + 1
        return span_measures({name: ranks.tolist()})[name]["RR@10"]
    documents = list(dict.fromkeys(sample.sources[i] or "" for i in order))
    return document_measures({name: documents}, {name: sample.question.relevance})[name]["nDCG@10"]
