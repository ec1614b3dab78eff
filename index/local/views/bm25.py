"""BM25 over the parts of the lexical view, exact however the passages are spread over them.

Each part scores with its own mean length, so that equal passages would rank differently before and after a checkpoint. Hence the
parts only propose; what counts is the score computed here from the stored terms and the collection's exact counts. A part is asked
for more until nothing that it has not proposed could enter the best k.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.local.views.ids import NO_IDS, NO_SCORES, among
from index.local.views.lexical import K1, B, LexicalIndex
from index.local.views.vectors import best
from index.types import Floats, Ids, Terms

# Rounding of float32 scores; far above what was seen (1e-6).
_SLACK = 1.0001


class TermRows(NamedTuple):
    """Stored terms of passages: ids int64 (n,); lengths int64 (n,); terms uint32 (sum of lengths,), in order."""

    ids: Ids
    lengths: Ids
    terms: Terms

    @classmethod
    def of(cls, rows: Sequence[tuple[int, bytes]]) -> "TermRows":
        """From rows of passage and packed terms."""
        return cls(
            np.array([passage for passage, _ in rows], dtype=np.int64),
            np.array([len(packed) // 4 for _, packed in rows], dtype=np.int64),
            np.frombuffer(b"".join(packed for _, packed in rows), dtype="<u4").astype(np.uint32, copy=False),
        )


class Weights(NamedTuple):
    """What BM25 needs of a collection: idf per term hash, and the mean number of terms of a passage, its context included."""

    idf: dict[int, float]
    mean_length: float


def inverse_frequency(n_passages: int, df: int) -> float:
    """``ln(1 + (N - df + 0.5) / (df + 0.5))``, the idf of Lucene's BM25: never negative."""
    return float(np.log1p((n_passages - df + 0.5) / (df + 0.5)))


def bm25(rows: TermRows, weights: Weights) -> NDArray[np.float64]:
    """Okapi BM25 (Robertson and Zaragoza 2009; k1 1.2, b 0.75) of a passage's terms, its context included: float64 (n,)."""
    hashes = np.array(sorted(weights.idf), dtype=np.uint32)  # (n_terms,)
    places, slots = occurrences(rows.terms, hashes)  # (n_occurrences,), both
    owners = np.searchsorted(np.cumsum(rows.lengths), places, side="right")  # (n_occurrences,): which passage
    cells = owners * len(hashes) + slots
    tf = np.bincount(cells, minlength=len(rows.ids) * len(hashes)).reshape(len(rows.ids), len(hashes))  # (n, n_terms)
    norm = K1 * (1 - B + B * rows.lengths / weights.mean_length)  # (n,)
    scores = np.zeros(len(rows.ids))  # (n,)
    # Term by term, so that a score does not depend on which other passages were scored with it.
    for column, term in enumerate(hashes.tolist()):
        scores += weights.idf[term] * (K1 + 1) * tf[:, column] / (tf[:, column] + norm)
    return scores


def best_of(blocks: Iterable[TermRows], weights: Weights, k: int) -> tuple[Floats, Ids]:
    """The best k passages of some blocks, best first, ties by lower id; a passage without any of the terms is no match.

    Returns float32 and int64, both (at most k,).
    """
    scores, ids = NO_SCORES, NO_IDS
    for rows in blocks:
        own = bm25(rows, weights)
        scores = np.concatenate([scores, own[own > 0].astype(np.float32)])
        scores, ids = best(scores, np.concatenate([ids, rows.ids[own > 0]]), k)
    return scores, ids


def occurrences(terms: Terms, wanted: Terms) -> tuple[Ids, Ids]:
    """Where some terms stand among others: places in ``terms``, ascending, and which of the wanted each is, both int64 (n_found,).

    terms: uint32 hashes (n,); wanted: distinct uint32 hashes, ascending.
    """
    # Few of the terms are wanted: a table over 16 bits of the hash drops the rest faster than a search.
    passed = np.zeros(1 << 16, dtype=np.bool_)
    passed[wanted & 0xFFFF] = True
    places = np.flatnonzero(passed[terms & 0xFFFF])  # (n_passed,)
    if not len(places):
        return places, places
    slots = np.minimum(np.searchsorted(wanted, terms[places]), len(wanted) - 1)  # (n_passed,)
    same = wanted[slots] == terms[places]  # (n_passed,)
    return places[same], slots[same]


def best_matches(
    parts: Sequence[LexicalIndex],
    weights: Weights,
    k: int,
    collection: str | None,
    documents: Sequence[int] | None,
    fetch: Callable[[Ids], TermRows],
) -> tuple[Floats, Ids]:
    """The best k passages, best first, ties by lower id; a passage without any of the terms is no match.

    collection, documents: only passages of these, or None for all.  fetch: stored terms of those ids that exist in this state; a
    proposal that it does not return is no passage any more.  Returns float32 and int64, both (at most k,).
    """
    scores, ids = np.empty(0), NO_IDS
    limits = {part: k + k // 2 for part in parts}
    while limits:
        proposed: dict[LexicalIndex, tuple[Floats, Ids]] = {
            part: part.search(weights.idf, limit, collection, documents) for part, limit in limits.items()
        }
        fresh = np.sort(np.concatenate([hits for _, hits in proposed.values()]))
        fresh = fresh[~among(fresh, np.sort(ids))]
        if len(fresh):
            rows = fetch(fresh)
            scores, ids = np.concatenate([scores, bm25(rows, weights)]), np.concatenate([ids, rows.ids])
        threshold = np.partition(scores, -k)[-k] if len(scores) >= k else -1.0
        limits = {
            part: 4 * limits[part]
            for part, (bounds, hits) in proposed.items()
            if len(hits) == limits[part] and bounds[-1] * _headroom(part, weights) >= threshold
        }
    return best(scores.astype(np.float32), ids, k)


def _headroom(part: LexicalIndex, weights: Weights) -> float:
    """How many times its score in this part a passage can reach.

    A score falls with length / mean length; a part rounds lengths down, which only raises its scores; what is left is its own mean.
    """
    return max(1.0, weights.mean_length * part.n_passages / max(part.n_terms, 1)) * _SLACK
