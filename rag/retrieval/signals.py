"""The signals that ranking, answer sentences and confidence use, computed from the arrays that the store keeps.

All are raw values, none is scaled over the candidates: what a passage scores does not depend on which others were found with it.
Formulas: BM25 (Robertson and Zaragoza 2009) with the idf of Lucene; late interaction (Khattab and Zaharia 2020, ColBERT) over the
word vectors of the passage's own forward pass, of which the store keeps the signs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.candidates import Candidates, WordSigns
from index.local.views.bm25 import occurrences
from index.local.views.lexical import K1, B
from index.local.views.vectors import inner_products
from index.types import Floats, Ids, Signs, TermStatistics

# A function or question word counts for this share of its idf: what a passage must hold is what the question is about.
FUNCTION_WORD_SHARE = 0.2
# In the mean over the question's words, which are vectors that know their neighbours, function words count for more.
FUNCTION_WORD_SHARE_LATE = 0.5
# A term is taken as seen also in this many passages of other texts, at this rate, so that a store of one article knows rare from
# common. With a thousand passages it hardly matters any more.
PRIOR_PASSAGES = 300
PRIOR_RATE = 0.002
# Two terms that follow each other in the question are found as a phrase at up to this distance.
PHRASE_DISTANCE = 3
# Multiplications of a matrix product up to which OpenBLAS stays in the calling thread (4 * 2**16 by default).
_SINGLE_THREAD_PRODUCT = 1 << 18
# Rows of unpacked bits at a time.
_PIECE = 128
# Softness of the maximum over sentences in ``evidence``, in units of cosine.
EVIDENCE_SOFTNESS = 0.15

FUNCTION_WORDS = (
    "a an the of in on at to for from by with as and or but if than then that this these those it its he his him she her they "
    "them their we our us you your i my me is are was were be been being am do does did done has have had having will would shall "
    "should can could may might must not no so such there here what which who whom whose when where why how many much long often "
    "old far s t about into over under after before during between through out up down also only some any each other more most very"
)


class QuestionTerms(NamedTuple):
    """The distinct terms of a question in the order of their first use; all arrays are (n_terms,).

    hashes: uint32.  idf: float32.  weights: float32, the idf, less for function words.  unknown: bool, in no passage.
    """

    terms: tuple[str, ...]
    hashes: NDArray[np.uint32]
    idf: Floats
    weights: Floats
    unknown: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Signals:
    """Float32, higher is better, per candidate (n,), and per sentence of all candidates in order (n_sentences,).

    dense: cosine of question and passage.  sentence: cosine of the passage's best sentence.
    bm25: of body and context as one text, as a share of what it tends to for a passage that repeats all terms without end.
    coverage: weighted share of the question's terms in passage and context.
    phrase: weighted share of the question's neighbouring pairs of terms that follow each other in the body too.
    evidence: soft maximum over the passage's sentences of cosine and half the coverage, at least the largest of them.
    sentence_cosine; sentence_coverage: share in the sentence or the context.  owner: int64, the candidate a sentence belongs to.
    """

    dense: Floats
    sentence: Floats
    bm25: Floats
    coverage: Floats
    phrase: Floats
    evidence: Floats
    sentence_cosine: Floats
    sentence_coverage: Floats
    owner: Ids


def question_terms(
    terms: Sequence[str],
    hashes: Mapping[str, int],
    statistics: TermStatistics,
    function_words: frozenset[str] = frozenset(),
) -> QuestionTerms:
    """Distinct terms with their idf, ``ln(1 + (N - df + 0.5) / (df + 0.5))`` as in Lucene, and their weights.

    terms: the analyzed question, in order; function_words: analyzed too.
    """
    ordered = tuple(dict.fromkeys(terms))
    df = np.array([statistics.df.get(term, 0) for term in ordered], dtype=np.float32)
    known = df + PRIOR_PASSAGES * PRIOR_RATE
    idf = np.log1p(np.maximum(statistics.n_passages + PRIOR_PASSAGES - known + 0.5, 0.0) / (known + 0.5))
    shares = np.array([FUNCTION_WORD_SHARE if term in function_words else 1.0 for term in ordered], dtype=np.float32)
    return QuestionTerms(
        ordered,
        np.array([hashes[term] for term in ordered], dtype=np.uint32),
        idf.astype(np.float32),
        (idf * shares).astype(np.float32),
        df == 0,
    )


def compute_signals(
    vector: Floats, question: QuestionTerms, statistics: TermStatistics, candidates: Candidates
) -> Signals:
    """All signals of all candidates for a question's unit vector float32 (dim,) and its terms."""
    n = len(candidates.ids)
    counts = candidates.sentence_counts
    owner = np.repeat(np.arange(n), counts)
    first = np.cumsum(counts) - counts  # of each candidate's sentences
    context_rows = candidates.firsts
    is_sentence = np.ones(n + len(owner), dtype=bool)
    is_sentence[context_rows] = False

    occurring = _occurrences(question, candidates)
    n_terms = len(question.hashes)
    tf = np.bincount(occurring.segment * n_terms + occurring.term, minlength=len(is_sentence) * n_terms)
    segment_tf = tf.reshape(len(is_sentence), n_terms).astype(np.float32)
    in_context, in_sentence = segment_tf[context_rows], segment_tf[is_sentence]
    in_body = _reduce(np.add, in_sentence, first, counts)
    lengths = _reduce(np.add, candidates.term_counts[is_sentence].astype(np.float32), first, counts)

    total = float(question.weights.sum()) or 1.0
    weights = question.weights / total
    cosine = inner_products(candidates.vectors, vector)
    sentence_cosine = cosine[is_sentence]
    own_coverage = _weighted(in_sentence > 0, weights)
    dense = cosine[context_rows]
    whole_tf = in_body + in_context
    return Signals(
        dense=dense,
        sentence=_max_by(sentence_cosine, first, counts, dense),
        bm25=bm25(whole_tf, lengths, statistics.mean_length, weights) / np.float32(K1 + 1),
        coverage=_weighted(whole_tf > 0, weights),
        phrase=_phrases(occurring, question, context_rows, n) / np.float32(total),
        evidence=_soft_max_by(sentence_cosine + 0.5 * own_coverage, first, counts, dense),
        sentence_cosine=sentence_cosine,
        sentence_coverage=_weighted((in_sentence > 0) | (in_context[owner] > 0), weights),
        owner=owner,
    )


def late_interaction(word_vectors: Floats, shares: Floats, words: WordSigns) -> Floats:
    """Per sentence of some passages: mean over the question's words of the best cosine with one of the sentence's words.

    word_vectors: float32 (n_question_words, dim), unit length; shares: float32 (n_question_words,), how much each counts.
    A word of a passage is known by the signs of its vector only, and its cosine is that with the vector of these signs.
    Returns float32 (n_sentences in all,); 0 for a sentence without words and for a question without words.
    """
    n_sentences = len(words.word_counts)
    scores = np.zeros(n_sentences, dtype=np.float32)
    total = float(shares.sum())
    if not len(words.signs) or not len(word_vectors) or total <= 0:
        return scores
    dim = word_vectors.shape[1]
    # sign = 2 * bit - 1, so that the product with signs is twice that with bits less the sum of the question word.
    products = np.float32(2) * _bit_products(words.signs, word_vectors) - word_vectors.sum(axis=1)
    filled = words.word_counts > 0
    starts = (np.cumsum(words.word_counts) - words.word_counts)[filled]
    best = (np.maximum.reduceat(products, starts, axis=0) / np.sqrt(dim)).astype(np.float32)
    scores[filled] = _weighted(best, (shares / total).astype(np.float32))
    return scores


def late_without_words(cosine: Floats, coverage: Floats) -> Floats:
    """What late interaction is likely to be, per sentence, where the model gives no vectors of words: float32 (n_sentences,).

    cosine, coverage: of the sentences, as of ``Signals``. Fitted by least squares to the late interaction of squad2's candidates
    with the default model: it leaves a deviation of .036, of .086 that there is.
    """
    return (np.float32(0.41) * cosine + np.float32(0.21) * coverage + np.float32(0.12)).astype(np.float32)


def bm25(tf: Floats, lengths: Floats, mean_length: float, idf: Floats) -> Floats:
    """Okapi BM25. tf: float32 (n, n_terms); lengths: (n,) in terms; idf: (n_terms,), any weights; returns float32 (n,)."""
    norm = K1 * (1 - B + B * lengths / max(mean_length, 1.0))
    saturated: Floats = tf * np.float32(K1 + 1) / (tf + norm[:, None].astype(np.float32))
    return _weighted(saturated, idf)


def _bit_products(packed: Signs, vectors: Floats) -> Floats:
    """Products of rows of bits, 0 or 1, with vectors (n_vectors, dim): float32 (n, n_vectors). packed: uint8 (n, dim / 8).

    In pieces that stay in the cache, and below the size at which OpenBLAS wakes its threads.
    """
    n_vectors, dim = vectors.shape
    rows = min(_PIECE, max(1, _SINGLE_THREAD_PRODUCT // vectors.size))
    bits = np.empty((rows, dim), dtype=np.float32)
    products = np.empty((len(packed), n_vectors), dtype=np.float32)
    for first in range(0, len(packed), rows):
        piece = packed[first : first + rows]
        own = bits[: len(piece)]
        own[...] = np.unpackbits(piece, axis=1, count=dim)
        np.matmul(own, vectors.T, out=products[first : first + rows])
    return products


class _Occurrences(NamedTuple):
    """Where question terms stand, in order of their places; all int64 (n_found,). term: index into the question's terms.

    segment: of the candidates' terms (context or sentence).  place: position among all terms of all candidates.
    """

    term: Ids
    segment: Ids
    place: Ids


def _occurrences(question: QuestionTerms, candidates: Candidates) -> _Occurrences:
    order = np.argsort(question.hashes)
    place, slot = occurrences(candidates.terms, question.hashes[order])
    segment = np.searchsorted(np.cumsum(candidates.term_counts), place, side="right")
    return _Occurrences(order[slot], segment, place)


def _phrases(occurring: _Occurrences, question: QuestionTerms, context_rows: Ids, n: int) -> Floats:
    """Per candidate, the mean weight of each pair of neighbouring question terms that its body holds in this order, summed."""
    n_terms = len(question.hashes)
    if n_terms < 2 or len(occurring.place) < 2:
        return np.zeros(n, dtype=np.float32)
    owner = np.searchsorted(context_rows, occurring.segment, side="right") - 1
    in_body = occurring.segment != context_rows[owner]
    term, place, owner = occurring.term[in_body], occurring.place[in_body], owner[in_body]
    left, right = term[:-1], term[1:]
    pair = (right == left + 1) & (owner[1:] == owner[:-1]) & (place[1:] - place[:-1] <= PHRASE_DISTANCE)
    held = np.zeros((n, n_terms - 1), dtype=np.bool_)
    held[owner[:-1][pair], left[pair]] = True
    return _weighted(held, (question.weights[:-1] + question.weights[1:]) / np.float32(2))


def _weighted(values: "NDArray[np.bool_] | Floats", weights: Floats) -> Floats:
    """Weighted sum over the last axis: float32 (n,). (Not a BLAS product: its threads would cost more than these few terms.)"""
    total: Floats = np.einsum("ij,j->i", values.astype(np.float32, copy=False), weights.astype(np.float32, copy=False))
    return total


def _reduce(operation: np.ufunc, values: Floats, first: Ids, counts: Ids) -> Floats:
    """One row per owner from its rows, 0 where it has none. first: index of an owner's first row; counts: how many it has."""
    result = np.zeros((len(counts), *values.shape[1:]), dtype=np.float32)
    filled = counts > 0
    if filled.any():
        result[filled] = operation.reduceat(values, first[filled], axis=0)
    return result


def _max_by(values: Floats, first: Ids, counts: Ids, default: Floats) -> Floats:
    """Per owner the largest value; one without values keeps its default."""
    return np.where(counts > 0, _reduce(np.maximum, values, first, counts), default).astype(np.float32)


def _soft_max_by(values: Floats, first: Ids, counts: Ids, default: Floats) -> Floats:
    """Per owner ``t * ln(sum(exp(value / t)))``, t being EVIDENCE_SOFTNESS; one without values keeps its default."""
    largest = _max_by(values, first, counts, default)
    spread = np.exp((values - np.repeat(largest, counts)) / np.float32(EVIDENCE_SOFTNESS))
    total = np.maximum(_reduce(np.add, spread, first, counts), 1.0)
    return (largest + EVIDENCE_SOFTNESS * np.log(total)).astype(np.float32)
