"""From a question to ranked passages: candidates from both views, exact scores for all of them, one fused order.

Fusion (docs/retrieval.md has the figures): the scores of all candidates, scaled over the candidates, half words and half meaning.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from index.lexical import analyze
from index.reader import Reader
from index.records import hash_term
from index.types import Candidates, Floats, Ids, Passage, Scope
from rag.duplicates import group_duplicates
from rag.signals import QuestionTerms, Signals, compute_signals, question_terms

POOL = 100


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Candidates with their signals, and the groups of near-duplicates in rank order as positions among the candidates.

    scores: float32 (n,), fused, higher is better; passages: position -> stored passage, for every position in the groups.
    """

    candidates: Candidates
    terms: QuestionTerms
    signals: Signals
    scores: Floats
    groups: list[list[int]]
    passages: Mapping[int, Passage]


def retrieve(reader: Reader, vector: Floats, question: str, scope: Scope, k: int) -> Retrieved:
    """The best k passages, near-duplicates as one, for a question and its unit vector float32 (dim,)."""
    words = analyze(question)
    statistics = reader.statistics(scope.collection, words)
    terms = question_terms(words, {word: hash_term(word) for word in words}, statistics)
    _, nearest = reader.nearest(vector, POOL, scope)
    _, matching = reader.matching(terms.terms, POOL, scope)
    candidates = reader.candidates(np.union1d(nearest, matching))
    signals = compute_signals(vector, terms, statistics, candidates)
    scores = fuse(signals)
    order: Ids = np.lexsort((candidates.ids, -scores))
    passages: dict[int, Passage] = {}

    def passage_at(position: int) -> Passage:
        if position not in passages:
            passages[position] = reader.passages([int(candidates.ids[position])])[0]
        return passages[position]

    groups = group_duplicates(candidates.vectors, order, k, lambda position: passage_at(position).text)
    for group in groups:
        for position in group:
            passage_at(position)
    return Retrieved(candidates, terms, signals, scores, groups, passages)


def fuse(signals: Signals) -> Floats:
    """One score per candidate, 0 to 1: half BM25, half the mean of passage and best-sentence similarity, each scaled to 0..1."""
    return 0.5 * _scaled(signals.bm25) + 0.25 * _scaled(signals.dense) + 0.25 * _scaled(signals.sentence)


def _scaled(values: Floats) -> Floats:
    if not len(values):
        return values
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
