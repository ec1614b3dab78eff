"""The vector view: inner products over float16 vectors, in one row (FAISS ``IDMap2,SQfp16``) or in lists (``IVF,SQfp16``).

Vectors are stored as float16, so nothing is lost here, and a score depends on the two vectors alone, not on where or beside what
they lie (measured: equal to the last bit). FAISS must never be changed while another thread searches, so an index here never is.

Reading all vectors is bound by memory: 3.5 ms for 100,000, ten times that for a million. In lists, each holding the vectors around
one centre, only the lists nearest to the question are read. Their scores are the same; all that can differ is that a passage in a
list that was not read is not found. Beside the lists lie product codes, an eighth of their size (4 bits for two components: Jégou
et al. 2011, scanned with registers as tables: André et al. 2015): they propose, and the vectors decide among the proposals.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.local.system.cores import usable_cores
from index.local.views.ids import NO_IDS, NO_SCORES, among
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
    def build(cls, ids: Ids, codes: bytes | bytearray, dim: int) -> "VectorIndex":
        """An index of ids int64 (n,) and their packed float16 vectors (n * dim)."""
        packed = np.frombuffer(codes, dtype=np.uint8).reshape(len(ids), 2 * dim)
        index = faiss.index_factory(dim, "IDMap2,SQfp16", faiss.METRIC_INNER_PRODUCT)
        if len(ids):
            # The codes as they are: by way of float32, twice their size, the index is the same to the last byte.
            index.add_sa_codes(packed, ids)
        return cls(index)

    @classmethod
    def load(cls, data: bytes) -> "VectorIndex":
        """An index from what ``dump`` gave. The caller has checked the bytes: FAISS reads a flipped bit without a word."""
        return cls(faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8)))

    def dump(self) -> memoryview:
        """The index as one block of bytes."""
        data: memoryview = faiss.serialize_index(self._index).data
        return data

    def codes(self) -> NDArray[np.float16]:
        """float16 (n, dim), in the order of ``ids``."""
        packed = faiss.vector_to_array(_untyped.downcast_index(self._index.index).codes)
        vectors: NDArray[np.float16] = packed.view("<f2").reshape(-1, self.dim)[self._order]
        return vectors

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """bool (n,): which of these ids are here."""
        return among(ids, self.ids)

    def search(self, vector: Floats, k: int, allowed: Bitmap | None, gone: Ids) -> tuple[Floats, Ids]:
        """Best k by inner product, best first, ties by lower id.

        vector: float32 (dim,).  allowed: bit per id from 0, least significant first, or None for all; gone: ids to leave out where
        ``allowed`` is None, ascending.  Returns float32 and int64, both (min(k, allowed and here),).
        """
        parameters = _untyped.SearchParameters(sel=_selector(allowed, gone))
        return _searched(self._index, vector, k, len(self.ids), parameters)


class ClusteredIndex:
    """An immutable set of passage ids with their vectors, in lists by nearest centre, mapped from a file."""

    _index: Any

    def __init__(self, path: Path) -> None:
        """Map the file, and read the codes beside it if there are any. The caller has checked their bytes."""
        self.path = path
        codes = path.with_name(CODES)
        self._codes: Any = faiss.read_index(str(codes)) if codes.exists() else None
        # The lists stay in the file; without the flag for reading alone it would be opened for writing.
        self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        self.dim: int = self._index.d
        lists = _untyped.downcast_InvertedLists(self._index.invlists)
        # Otherwise each search starts 32 threads that read the lists ahead: 2.3 instead of 0.9 ms once they are in memory.
        lists.prefetch_nthread = 0
        parts = [self._ids_of(number) for number in range(self._index.nlist)]
        self.ids: Ids = np.sort(np.concatenate(parts))

    @property
    def files(self) -> list[str]:
        """Names of the files that it was read from."""
        return [self.path.name] if self._codes is None else [self.path.name, CODES]

    @property
    def n_probed(self) -> int:
        """How many lists a search reads."""
        n_lists: int = self._index.nlist
        return min(n_lists, math.ceil(n_lists * _READ_PER_ROOT / math.sqrt(max(len(self.ids), 1))))

    def search(
        self, vector: Floats, k: int, allowed: Bitmap | None, gone: Ids, *, exact: bool = False
    ) -> tuple[Floats, Ids]:
        """As ``VectorIndex.search``, over the lists nearest to the vector; over all lists if ``exact``.

        Where fewer than a fifth of the vectors are allowed all lists are read for those: the nearest lists may hold none of them.
        Where all are, codes propose, if there are any.
        """
        everything = self._index.nlist
        if allowed is None and not exact and self._codes is not None:
            proposed = self._proposed(vector, _PROPOSED * k)
            proposed = proposed[~among(proposed, gone)]
            # Else most of what is near is gone, or k is much of what there is.
            if len(proposed) >= _FEWEST_PROPOSED * k:
                return self._best_of(len(proposed), self.n_probed, vector, k, _untyped.IDSelectorBatch(proposed))
        n_probed = self.n_probed
        if allowed is not None:
            n_allowed = int(np.bitwise_count(allowed).sum())
            n_probed = everything if n_allowed < FILTERED_EXACTLY * len(self.ids) else min(2 * n_probed, everything)
        return self._best_of(len(self.ids), everything if exact else n_probed, vector, k, _selector(allowed, gone))

    def _best_of(self, n: int, n_probed: int, vector: Floats, k: int, selector: Any) -> tuple[Floats, Ids]:
        """Best k among the n vectors that a selector lets through, in as many of the nearest lists."""
        parameters = _untyped.SearchParametersIVF(nprobe=n_probed, sel=selector)
        return _searched(self._index, vector, k, n, parameters)

    def _proposed(self, vector: Floats, k: int) -> Ids:
        """Ids of the k that are best by their codes in the nearest lists: int64 (at most k,)."""
        query = np.ascontiguousarray(vector, dtype=np.float32)[None, :]
        ids: Ids = self._codes.search(query, k, params=_untyped.SearchParametersIVF(nprobe=self.n_probed))[1][0]
        return ids[ids >= 0]

    def blocks(self) -> Iterator[tuple[Ids, NDArray[np.float16]]]:
        """All ids int64 (n,) and vectors float16 (n, dim), list by list; views into the file."""
        for number in range(self._index.nlist):
            if len(ids := self._ids_of(number)):
                packed = faiss.rev_swig_ptr(self._index.invlists.get_codes(number), len(ids) * 2 * self.dim)
                yield ids, packed.view("<f2").reshape(len(ids), self.dim)

    def _ids_of(self, number: int) -> Ids:
        """The ids in a list, in the order of its vectors: int64 (n,), a view into the file."""
        lists = self._index.invlists
        size: int = lists.list_size(number)
        return faiss.rev_swig_ptr(lists.get_ids(number), size) if size else NO_IDS


# The file of the codes, beside the lists.
CODES = "codes.faiss"
# With fewer vectors reading them takes no longer than proposing and deciding.
_CODED_FROM = 10_000
_CODE_BITS = 4
# Vectors that codes propose, and how many of them must be left, for each that is wanted. Seen with 100,000 and a million (noisy
# copies of real vectors), of the nearest 100: 400 proposals .994 and .988, 600 .994 and .991 in 0.8 and 1.8 ms; all vectors of the
# same lists .994 and .992 in 1.6 and 10 ms.
_PROPOSED = 6
_FEWEST_PROPOSED = 2
# From so many components on, a code stands for two of them; in few, errors do not even out.
_PAIRED_FROM = 256
# Filters that allow a smaller share are searched exactly.
FILTERED_EXACTLY = 0.2
# Vectors that a search reads, over the square root of how many there are: 28,000 of 100,000 and 90,000 of a million. Seen there
# (noisy copies of real vectors): recall of the nearest 100 .989 and .994 in 1.5 and 6.9 ms; with 45 .975 and .983 in 0.8 and
# 3.5 ms.
_READ_PER_ROOT = 90
# Sample from which the centres are found, vectors for each.
_SAMPLED_PER_LIST = 40
_ADDED_TOGETHER = 20_000


def write_clustered(path: Path, ids: Ids, vectors: NDArray[np.float16]) -> None:
    """Write a file for ``ClusteredIndex``. ids: int64 (n,); vectors: float16 (n, dim), which may be mapped. Takes all cores.

    Only in a process of its own: it takes minutes for a million, and what follows it must not fork.
    """
    n, dim = vectors.shape
    n_lists = 1 << round(math.log2(2 * max(n, 1) ** 0.5))  # the power of two nearest to twice the square root
    faiss.omp_set_num_threads(usable_cores())
    sample = np.sort(np.random.default_rng(n).choice(n, min(n, _SAMPLED_PER_LIST * n_lists), replace=False))

    def write_filled(index: Any, target: Path) -> None:
        index.train(vectors[sample].astype(np.float32))
        for start in range(0, n, _ADDED_TOGETHER):
            rows = slice(start, start + _ADDED_TOGETHER)
            index.add_with_ids(vectors[rows].astype(np.float32), ids[rows])
        faiss.write_index(index, str(target))

    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dim), dim, n_lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.cp.niter = 8
    index.cp.spherical = True
    index.cp.min_points_per_centroid = 1
    write_filled(index, path)
    if n >= _CODED_FROM:
        n_codes = dim // 2 if dim >= _PAIRED_FROM and dim % 2 == 0 else dim
        codes = faiss.IndexIVFPQFastScan(index.quantizer, dim, n_lists, n_codes, _CODE_BITS, faiss.METRIC_INNER_PRODUCT)
        write_filled(codes, path.with_name(CODES))


def write_purged(source: Path, path: Path, gone: Ids) -> None:
    """Write files for ``ClusteredIndex`` without some of the ids. Only in a process of its own: it reads all into memory."""
    batch = _untyped.IDSelectorBatch(gone)
    index = faiss.read_index(str(source))
    index.remove_ids(batch)
    faiss.write_index(index, str(path))
    if source.with_name(CODES).exists():
        codes = faiss.read_index(str(source.with_name(CODES)))
        codes.remove_ids(batch)
        _clear_unused(codes)
        faiss.write_index(codes, str(path.with_name(CODES)))


def _clear_unused(codes: Any) -> None:
    """Zero the places behind the last code of each list, where removed codes are left."""
    lists = _untyped.downcast_InvertedLists(codes.invlists)
    packer = lists.packer
    for number in range(lists.nlist):
        if used := lists.list_size(number) % packer.nvec:
            n_blocks = lists.list_size(number) // packer.nvec + 1
            blocks = faiss.rev_swig_ptr(lists.get_codes(number), n_blocks * packer.block_size)
            last = blocks.reshape(n_blocks, packer.block_size)[-1:]
            kept = [packer.unpack_1(last, place) for place in range(used)]
            last[:] = 0
            for place, code in enumerate(kept):
                packer.pack_1(code, place, last)


def _selector(allowed: Bitmap | None, gone: Ids) -> Any:
    """Which ids a search may return: the allowed, or all but those that are gone; None for all."""
    if allowed is not None:
        return _untyped.IDSelectorBitmap(allowed)
    return _untyped.IDSelectorNot(_untyped.IDSelectorBatch(gone)) if len(gone) else None


def _searched(index: Any, vector: Floats, k: int, n: int, parameters: Any) -> tuple[Floats, Ids]:
    """Best k of the at most n vectors of an index that its parameters let through, best first, ties by lower id."""
    query = np.ascontiguousarray(vector, dtype=np.float32)[None, :]  # (1, dim)
    wanted = min(k + 8, n)
    while wanted > 0:
        (scores,), (ids,) = index.search(query, wanted, params=parameters)  # (wanted,), each
        n_hits = int(np.count_nonzero(ids >= 0))
        # FAISS drops arbitrary ones of equal scores, so the tie at k must be seen to its end.
        if wanted == n or n_hits < wanted or scores[k - 1] > scores[-1]:
            return best(scores[:n_hits], ids[:n_hits], k)
        wanted = min(2 * wanted, n)
    return NO_SCORES, NO_IDS


def inner_products(vectors: NDArray[np.float16], vector: NDArray[np.floating]) -> Floats:
    """The inner product of each row with a vector: float32 (n,), to the last bit what a search of the same vectors gives.

    vectors: float16 (n, dim), finite, whose rows may be parts of longer ones; vector: (dim,), or (m, dim) for (m, n) of them.
    (numpy would give a row another last bit beside other rows, and then equal passages would not be told by their ids.)
    """
    n, dim = vectors.shape
    wanted = np.ascontiguousarray(vector, dtype=np.float32).reshape(-1, dim)  # (m, dim)
    products = np.empty((len(wanted), n), dtype=np.float32)
    if products.size:
        index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        index.add_sa_codes(np.ascontiguousarray(vectors).view(np.uint8))
        scores, rows = index.search(wanted, n)  # (m, n), each
        np.put_along_axis(products, rows, scores, axis=1)
    return products.reshape(*vector.shape[:-1], n)


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
