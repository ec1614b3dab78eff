"""The vector view: exact inner products over float16 vectors (FAISS ``IDMap2,SQfp16``).

Vectors are stored as float16, so nothing is lost here, and a score depends on the two vectors alone, not on where or beside what
they lie (measured: equal to the last bit). FAISS must never be changed while another thread searches, so an index here never is.
"""

from collections.abc import Sequence
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.types import Floats, Ids

# One query is bound by memory: two threads took longer than one (20,000 x 384: 0.4 ms with one).
faiss.omp_set_num_threads(1)
_untyped: Any = faiss  # typed for their C++ arguments, not for the arrays that Python gives

Bitmap = NDArray[np.uint8]


class VectorIndex:
    """An immutable set of passage ids with their vectors."""

    def __init__(self, index: Any) -> None:
        self._index: Any = index
        self.dim: int = index.d
        ids: Ids = faiss.vector_to_array(index.id_map).astype(np.int64)
        self.ids: Ids = np.sort(ids)
        self._order = np.argsort(ids, kind="stable")  # of the codes, to read them by ascending id

    @classmethod
    def build(cls, ids: Ids, codes: bytes, dim: int) -> "VectorIndex":
        """An index of ids int64 (n,) and their packed float16 vectors (n * dim)."""
        vectors = np.frombuffer(codes, dtype="<f2").reshape(len(ids), dim)
        index = faiss.index_factory(dim, "IDMap2,SQfp16", faiss.METRIC_INNER_PRODUCT)
        if len(ids):
            index.add_with_ids(vectors.astype(np.float32), ids)
        return cls(index)

    @classmethod
    def load(cls, data: bytes) -> "VectorIndex":
        """An index from what ``dump`` gave. The caller has checked the bytes: FAISS reads a flipped bit without a word."""
        return cls(faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8)))

    def dump(self) -> bytes:
        """The index as one block of bytes."""
        data: bytes = faiss.serialize_index(self._index).tobytes()
        return data

    def codes(self) -> NDArray[np.float16]:
        """float16 (n, dim), in the order of ``ids``."""
        packed = faiss.vector_to_array(_untyped.downcast_index(self._index.index).codes)
        vectors: NDArray[np.float16] = packed.view("<f2").reshape(-1, self.dim)[self._order]
        return vectors

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """bool (n,): which of these ids are here."""
        if not len(self.ids):
            return np.zeros(len(ids), dtype=np.bool_)
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        found: NDArray[np.bool_] = self.ids[place] == ids
        return found

    def search(self, vector: Floats, k: int, allowed: Bitmap | None, gone: Ids) -> tuple[Floats, Ids]:
        """Best k by inner product, best first, ties by lower id.

        vector: float32 (dim,).  allowed: bit per id from 0, least significant first, or None for all; gone: ids to leave out where
        ``allowed`` is None.  Returns float32 and int64, both (min(k, allowed and here),).
        """
        n = len(self.ids)
        query = np.ascontiguousarray(vector, dtype=np.float32)[None, :]
        # The selectors hold no reference to their ids, nor the parameters to their selector: these names keep them alive.
        selector = batch = None
        if allowed is not None:
            selector = _untyped.IDSelectorBitmap(allowed)
        elif len(gone):
            batch = _untyped.IDSelectorBatch(gone)
            selector = _untyped.IDSelectorNot(batch)
        parameters = _untyped.SearchParameters(sel=selector) if selector is not None else None
        wanted = min(k + 8, n)
        while wanted > 0:
            rows = self._index.search(query, wanted, params=parameters)
            scores, ids = rows[0][0], rows[1][0]
            found = int(np.count_nonzero(ids >= 0))
            # FAISS drops arbitrary ones of equal scores, so the tie at k must be seen to its end.
            if wanted == n or found < wanted or scores[k - 1] > scores[-1]:
                return best(scores[:found], ids[:found], k)
            wanted = min(2 * wanted, n)
        return np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)


def best(scores: Floats, ids: Ids, k: int) -> tuple[Floats, Ids]:
    """The k highest scores with their ids, best first, ties by lower id."""
    order = np.lexsort((ids, -scores))[:k]
    return scores[order], ids[order]


def bitmap(ranges: Sequence[tuple[int, int]]) -> Bitmap:
    """A bit per passage id for half-open id ranges [first, end); the empty bitmap allows nothing."""
    size = max((end for _, end in ranges), default=0)
    bits = np.zeros(size + 1, dtype=np.bool_)
    for first, end in ranges:
        bits[first:end] = True
    return np.packbits(bits, bitorder="little")
