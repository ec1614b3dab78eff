"""Calls of several threads that are done together."""

from collections.abc import Sequence
from threading import Barrier, Event, Lock

import pytest

from rag.model.batching import Coalescer


def test_a_lone_call_is_made_at_once_and_alone() -> None:
    calls: list[list[int]] = []

    def work(items: Sequence[int]) -> list[int]:
        calls.append(list(items))
        return [item * 2 for item in items]

    double = Coalescer(work, places=1, most=4)
    assert [double.submit(3).result(300), double.submit(4).result(300)] == [6, 8]
    assert calls == [[3], [4]]


def test_calls_that_wait_are_done_together_and_each_gets_its_own_result() -> None:
    first_runs, go_on = Event(), Event()
    calls: list[int] = []

    def work(items: Sequence[int]) -> list[int]:
        calls.append(len(items))
        if len(calls) == 1:
            first_runs.set()
            assert go_on.wait(300)
        return [item * 2 for item in items]

    double = Coalescer(work, places=1, most=4)
    first = double.submit(0)
    assert first_runs.wait(300)
    rest = [double.submit(number) for number in range(1, 8)]
    go_on.set()
    assert [first.result(300), *(one.result(300) for one in rest)] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert calls == [1, 4, 3]


def test_no_more_calls_run_at_once_than_there_are_places() -> None:
    counting, running, most = Lock(), 0, 0
    both = Barrier(2)

    def work(items: Sequence[int]) -> Sequence[int]:
        nonlocal running, most
        with counting:
            running += 1
            most = max(most, running)
        if 0 in items or 1 in items:
            both.wait(300)  # the two places are really used at once
        with counting:
            running -= 1
        return items

    same = Coalescer(work, places=2, most=1)
    results = [same.submit(number) for number in range(40)]
    assert [result.result(300) for result in results] == list(range(40))
    assert most == 2


def test_what_a_call_raises_reaches_all_that_were_in_it_and_nobody_else() -> None:
    def work(items: Sequence[int]) -> Sequence[int]:
        if 13 in items:
            raise ValueError("thirteen")
        return items

    same = Coalescer(work, places=1, most=4)
    with pytest.raises(ValueError, match="thirteen"):
        same.submit(13).result(300)
    assert same.submit(14).result(300) == 14
