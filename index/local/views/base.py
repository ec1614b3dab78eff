"""The search files of one checkpoint, as they are searched: vectors, postings, and the rows from which passages are scored."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.local.views.arrays import PassageArrays
from index.local.views.ids import NO_IDS, among, without
from index.local.views.lexical import LexicalIndex
from index.local.views.vectors import Bitmap, ClusteredIndex, VectorIndex, best
from index.types import Floats, Ids


class BaseVectors:
    """The vectors of a checkpoint: those that were sorted into lists, if there are so many, and those that came since.

    ids: int64 (n,) ascending, of the passages that existed.
    """

    def __init__(
        self, recent: VectorIndex, lists: ClusteredIndex | None, buried: Ids, missing: "Ids | None" = None
    ) -> None:
        """buried: ids in the lists that were passages no more.  missing: all ids, where the vectors themselves are missing."""
        self.recent = recent
        self.lists = lists
        self.dim = recent.dim
        if missing is not None:
            self.ids = missing
        else:
            self.ids = (
                recent.ids if lists is None else np.sort(np.concatenate([without(lists.ids, buried), recent.ids]))
            )

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """bool (n,): which of these passages existed."""
        return among(ids, self.ids)

    def search(
        self, vector: Floats, k: int, allowed: Bitmap | None, gone: Ids, *, exact: bool = False
    ) -> tuple[Floats, Ids]:
        """Best k passages, as ``VectorIndex.search``; from the lists all that is in those read. gone: with those that are buried.

        exact: read all lists.
        """
        recent_scores, recent_ids = self.recent.search(vector, k, allowed, gone)
        if self.lists is None:
            return recent_scores, recent_ids
        scores, ids = self.lists.search(vector, k, allowed, gone, exact=exact)
        return best(np.concatenate([recent_scores, scores]), np.concatenate([recent_ids, ids]), k)

    def blocks(self) -> Iterator[tuple[Ids, NDArray[np.float16]]]:
        """All that is stored, part by part: ids int64 (n,), those that are buried too, and vectors float16 (n, dim)."""
        if self.lists is not None:
            yield from self.lists.blocks()
        if len(self.recent.ids):
            yield self.recent.ids, self.recent.codes()


class Base(NamedTuple):
    """The views of a checkpoint. name: its directory under ``views``, "" for none; sequence: the last change it holds.

    buried: ids that are in its files and were passages no more, int64 ascending; only large stores have any.
    missing: views ("vectors", "lexical") that are empty here since their files cannot be used: ``scan`` answers in their place.
    """

    name: str
    sequence: int
    vectors: BaseVectors
    lexical: LexicalIndex
    arrays: PassageArrays
    buried: Ids
    missing: tuple[str, ...] = ()


def empty_base(dim: int) -> Base:
    """The base of a store that has nothing, from which a replay of the whole log rebuilds everything."""
    nothing = VectorIndex.build(NO_IDS, b"", dim)
    return Base("", 0, BaseVectors(nothing, None, NO_IDS), LexicalIndex.in_memory(), PassageArrays([], dim), NO_IDS)
