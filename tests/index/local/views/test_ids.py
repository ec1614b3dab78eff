"""Where ids stand among ascending ones, with and without gaps, against numpy's search."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from index.local.views.ids import among, places, without

some = st.lists(st.integers(-3, 60), unique=True).map(lambda ids: np.array(sorted(ids), dtype=np.int64))
runs = st.tuples(st.integers(-3, 50), st.integers(0, 30)).map(lambda run: np.arange(run[0], run[0] + run[1]))
asked = st.lists(st.integers(-10, 90)).map(lambda ids: np.array(ids, dtype=np.int64))


@given(st.one_of(some, runs), asked)
def test_a_place_is_how_many_are_less(ids: np.ndarray, wanted: np.ndarray) -> None:
    counts = places(ids, wanted)
    assert counts.tolist() == [sum(number < other for number in ids.tolist()) for other in wanted.tolist()]
    assert counts.dtype == np.int64


@given(st.one_of(some, runs), asked)
def test_those_among_others_are_those_that_are_there(others: np.ndarray, ids: np.ndarray) -> None:
    assert among(ids, others).tolist() == [number in set(others.tolist()) for number in ids.tolist()]


@given(some, st.one_of(some, runs))
def test_what_is_left_is_all_but_the_others(ids: np.ndarray, others: np.ndarray) -> None:
    assert without(ids, others).tolist() == [number for number in ids.tolist() if number not in set(others.tolist())]
