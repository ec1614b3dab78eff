"""Baselines rank as they are defined."""

import numpy as np
import pytest

from rag.inspection.baselines import fuse_ranks


def test_reciprocal_rank_fusion_by_hand() -> None:
    scores, ids = fuse_ranks([np.array([7, 3, 5]), np.array([3, 9])])
    assert ids.tolist() == [3, 7, 9, 5]
    assert scores.tolist() == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])


def test_equal_sums_go_by_lower_id_and_nothing_fuses_to_nothing() -> None:
    assert fuse_ranks([np.array([8]), np.array([2])])[1].tolist() == [2, 8]
    scores, ids = fuse_ranks([np.array([], dtype=np.int64)] * 2)
    assert len(scores) == len(ids) == 0 and ids.dtype == np.int64
