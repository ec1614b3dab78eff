"""Ascending ids of passages: which are among others, and where."""

import numpy as np
from numpy.typing import NDArray

from index.types import Floats, Ids

NO_IDS: Ids = np.empty(0, dtype=np.int64)
NO_SCORES: Floats = np.empty(0, dtype=np.float32)


def places(ids: Ids, wanted: Ids) -> Ids:
    """How many of ``ids``, ascending, are less than each of those wanted, which is where it stands if it is there: int64 (n,).

    Ids are given out one after another: where none has gone a place is a difference, and nothing need be searched for.
    (600 of 100,000: 0.07 ms instead of 0.25 in a question that has other things in the processor's caches.)
    """
    if len(ids) and int(ids[-1]) - int(ids[0]) == len(ids) - 1:
        differences: Ids = np.minimum(np.maximum(wanted - ids[0], 0), len(ids))  # np.clip takes four times as long
        return differences
    return np.searchsorted(ids, wanted)


def among(ids: Ids, others: Ids) -> NDArray[np.bool_]:
    """bool (n,): which of the ids are among the others, int64 ascending."""
    if not len(others):
        return np.zeros(len(ids), dtype=np.bool_)
    is_among: NDArray[np.bool_] = others[np.minimum(places(others, ids), len(others) - 1)] == ids
    return is_among


def without(ids: Ids, others: Ids) -> Ids:
    """The ids that are not among the others, both without repetition. (50 ms of a million; numpy's ``setdiff1d`` takes seconds.)"""
    return ids[~np.isin(ids, others, assume_unique=True, kind="sort")] if len(others) else ids
