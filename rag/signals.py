"""The signals that ranking uses, computed exactly for every candidate from the arrays that the store keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.types import Candidates, Floats, Ids, TermStatistics

# Robertson's usual values; passages are all about one length, so that b matters little.
K1 = 1.2
B = 0.75


@dataclass(frozen=True, slots=True)
class QuestionTerms:
    """The distinct terms of a question. hashes: uint32 (n_terms,), ascending; idf: float32 (n_terms,) in the same order."""

    terms: tuple[str, ...]
    hashes: NDArray[np.uint32]
    idf: Floats


@dataclass(frozen=True, slots=True)
class Signals:
    """Per candidate (n,) and per sentence (n_sentences,), higher is better.

    dense: cosine of question and passage.  sentence: cosine of the passage's best sentence.  bm25: of the passage's body.
    sentence_cosine, sentence_coverage: per sentence of all candidates; coverage: idf-weighted share of the question's terms in it.
    coverage: the same share for the passage, its context included.
    owner: int64 (n_sentences,), the candidate that a sentence belongs to.
    """

    dense: Floats
    sentence: Floats
    bm25: Floats
    coverage: Floats
    sentence_cosine: Floats
    sentence_coverage: Floats
    owner: Ids


def question_terms(terms: Sequence[str], hashes: Mapping[str, int], statistics: TermStatistics) -> QuestionTerms:
    """Distinct terms with their idf, ``ln(1 + (N - df + 0.5) / (df + 0.5))`` as in Lucene's BM25."""
    ordered = sorted(dict.fromkeys(terms), key=lambda term: hashes[term])
    df = np.array([statistics.df.get(term, 0) for term in ordered], dtype=np.float32)
    idf = np.log1p((statistics.n_passages - df + 0.5) / (df + 0.5)).astype(np.float32)
    return QuestionTerms(
        tuple(ordered), np.array([hashes[term] for term in ordered], dtype=np.uint32), np.maximum(idf, 0.0)
    )


def compute_signals(
    vector: Floats, question: QuestionTerms, statistics: TermStatistics, candidates: Candidates
) -> Signals:
    """All signals of all candidates for a question's unit vector (dim,) and terms."""
    counts = candidates.sentence_counts
    owner = np.repeat(np.arange(len(counts)), counts)
    dense = np.einsum("ij,j->i", candidates.vectors, vector)
    sentence_cosine = np.einsum("ij,j->i", candidates.sentence_vectors, vector)
    segment_tf = _term_counts(question, candidates)  # (n + n_sentences, n_terms)
    context_rows = np.arange(len(counts)) + np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
    in_context = np.zeros(len(segment_tf), dtype=bool)
    in_context[context_rows] = True
    sentence_tf = segment_tf[~in_context]
    lengths = np.bincount(owner, weights=candidates.term_counts[~in_context], minlength=len(counts))
    tf = _sum_by(sentence_tf, owner, len(counts))
    total = float(question.idf.sum()) or 1.0
    return Signals(
        dense=dense,
        sentence=_max_by(sentence_cosine, owner, dense),
        bm25=bm25(tf, lengths.astype(np.float32), statistics.mean_length, question.idf),
        coverage=((tf + segment_tf[in_context]) > 0) @ question.idf / total,
        sentence_cosine=sentence_cosine,
        sentence_coverage=(sentence_tf > 0) @ question.idf / total,
        owner=owner,
    )


def bm25(tf: Floats, lengths: Floats, mean_length: float, idf: Floats) -> Floats:
    """Okapi BM25 (Robertson and Zaragoza 2009) with Lucene's idf. tf: (n, n_terms); lengths: (n,) in terms; returns (n,)."""
    norm = K1 * (1 - B + B * lengths / max(mean_length, 1.0))
    weighted: Floats = tf * (K1 + 1) / (tf + norm[:, None])
    return weighted @ idf


def attainable_bm25(question: QuestionTerms) -> float:
    """What BM25 tends to for a passage that repeats every term of the question without end."""
    return float((K1 + 1) * question.idf.sum())


def _term_counts(question: QuestionTerms, candidates: Candidates) -> Floats:
    """How often each question term occurs in each segment: float32 (n_segments, n_terms)."""
    counts = np.zeros((len(candidates.term_counts), len(question.hashes)), dtype=np.float32)
    if not len(question.hashes) or not len(candidates.terms):
        return counts
    slot = np.minimum(np.searchsorted(question.hashes, candidates.terms), len(question.hashes) - 1)
    found = np.flatnonzero(question.hashes[slot] == candidates.terms)
    segment = np.searchsorted(np.cumsum(candidates.term_counts), found, side="right")
    np.add.at(counts, (segment, slot[found]), 1.0)
    return counts


def _sum_by(values: Floats, owner: Ids, n: int) -> Floats:
    total = np.zeros((n, values.shape[1]), dtype=np.float32)
    np.add.at(total, owner, values)
    return total


def _max_by(values: Floats, owner: Ids, default: Floats) -> Floats:
    """Per owner the largest value; a passage without sentences keeps its default."""
    best = np.full(len(default), -np.inf, dtype=np.float32)
    np.maximum.at(best, owner, values)
    return np.where(np.isneginf(best), default, best)
