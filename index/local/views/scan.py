"""Answers without the views: all rows are read for each question, while a view that was damaged is built again.

The scores are computed as those of the views are, from the same numbers, so that ids, order and scores are theirs to the last bit;
where a large store reads the likeliest vectors only, this finds what that may miss. It takes time in proportion to the passages.
"""

from collections.abc import Callable, Iterator

import numpy as np

from index.local.database.connection import Connection
from index.local.database.rows import id_array
from index.local.views.bm25 import TermRows, Weights, best_of
from index.local.views.ids import NO_IDS, NO_SCORES
from index.local.views.vectors import best, inner_products
from index.types import Floats, Ids

_READ_TOGETHER = 5000


def nearest(connection: Connection, ids: Ids, vector: Floats, k: int) -> tuple[Floats, Ids]:
    """Best k of the passages by inner product with float32 (dim,): float32 and int64, both (at most k,)."""
    query = "SELECT passage, vector FROM carray(?) c CROSS JOIN embeddings e ON e.passage = c.value"
    scores, nearest_ids = NO_SCORES, NO_IDS
    for block in _blocks(ids):
        rows: list[tuple[int, bytes]] = list(connection.execute(query, (id_array(block),)))
        vectors = np.frombuffer(b"".join(packed for _, packed in rows), dtype="<f2").reshape(-1, len(vector))
        numbers = np.array([passage for passage, _ in rows], dtype=np.int64)
        scores = np.concatenate([scores, inner_products(vectors, vector)])
        scores, nearest_ids = best(scores, np.concatenate([nearest_ids, numbers]), k)
    return scores, nearest_ids


def matching(ids: Ids, weights: Weights, k: int, fetch: Callable[[Ids], TermRows]) -> tuple[Floats, Ids]:
    """Best k of the passages by BM25, without those that have none of the terms: float32 and int64, both (at most k,)."""
    return best_of(map(fetch, _blocks(ids)), weights, k)


def _blocks(ids: Ids) -> Iterator[Ids]:
    return (ids[start : start + _READ_TOGETHER] for start in range(0, len(ids), _READ_TOGETHER))
