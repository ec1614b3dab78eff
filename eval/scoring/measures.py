"""Retrieval measures, one value per question.

Computed by ir-measures: it gives each measure one name and hands it to the tool of reference (pytrec_eval, that is trec_eval, for
all but RR with a cutoff), so that figures agree with published ones. ranx was the alternative; it compiles definitions of its own
with numba, which costs seconds at the first use. Conventions: nDCG with linear gain and log2 discount (trec_eval, BEIR); AP over
everything retrieved, relevant documents not retrieved counting zero; a question without a hit scores 0 and is never missing.

Documents are those of the passages that a system lists, however many it is asked for. This one scores a question's 100 nearest
passages and its 100 best by BM25 (``rag.retrieval.retrieve.POOL``) and lists no others: where a few documents fill these,
whatever else is relevant is not retrieved, by whoever asks, and counts so in ``R@10``, ``R@100`` and ``AP``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import ir_measures

SPAN_MEASURES = ("Success@1", "Success@3", "Success@5", "Success@10", "RR@10")
DOCUMENT_MEASURES = ("nDCG@10", "R@10", "R@100", "RR@10", "AP")
DEEPEST_PASSAGE = 10  # passages that the span measures look at
DEEPEST_DOCUMENT = 100  # documents that R@100 looks at

Values = dict[str, dict[str, float]]  # question -> measure -> value

_NOT_RETRIEVED = "not retrieved"


def span_measures(hits: Mapping[str, Sequence[int]]) -> Values:
    """Success and RR per question from the ranks (1-based) of the passages that are hits.

    Both only ask which ranks are hits, so a question's hits are its judgements; without any, a passage that was not retrieved is.
    """
    ranking = {str(rank): float(-rank) for rank in range(1, DEEPEST_PASSAGE + 1)}
    judged = {question: {str(rank): 1 for rank in ranks} or {_NOT_RETRIEVED: 1} for question, ranks in hits.items()}
    return _calculate(SPAN_MEASURES, judged, dict.fromkeys(hits, ranking))


def document_measures(rankings: Mapping[str, Sequence[str]], relevance: Mapping[str, Mapping[str, int]]) -> Values:
    """Measures over documents per question. rankings: documents, best first, each once.  relevance: document -> grade."""
    run = {
        question: {document: float(-rank) for rank, document in enumerate(documents)}
        for question, documents in rankings.items()
    }
    return _calculate(DOCUMENT_MEASURES, {question: dict(relevance[question]) for question in rankings}, run)


def _calculate(names: Sequence[str], qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> Values:
    values: Values = {question: {} for question in qrels}
    if not qrels:
        return values
    for metric in ir_measures.iter_calc([_measure(name) for name in names], qrels, run):
        values[metric.query_id][str(metric.measure)] = metric.value
    return {question: {name: scores.get(name, 0.0) for name in names} for question, scores in values.items()}


def _measure(name: str) -> Any:
    """A measure of ir_measures by name, as "RR@10". (Its own parser is for Pythons before 3.14.)"""
    kind, _, cutoff = name.partition("@")
    measure = getattr(ir_measures, kind)
    return measure @ int(cutoff) if cutoff else measure
