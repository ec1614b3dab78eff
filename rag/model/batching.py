"""Work that is done together: items of several callers in one call, and groups of which the next is begun before one is done."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

from rag.shared.types import Check

T = TypeVar("T")
R = TypeVar("R")

# What a group's result waits for, which other threads compute, and what makes the result of it.
Begun = tuple[Sequence[Future[Any]], Callable[[], R]]
# How often whoever waits asks whether its work is still wanted.
_CHECK_EVERY_S = 0.25


class Coalescer(Generic[T, R]):
    """Nobody waits for company, and nobody queues alone behind others.

    Calls ``work`` with one item, or with all that came while all places were taken. It has a thread for each place.

    work: the results of some items, in order.  places: calls that may run at once.  most: items in one call.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]], *, places: int, most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[tuple[T, Future[R]]] = deque()
        self._threads = ThreadPoolExecutor(max_workers=places, thread_name_prefix="coalesced")

    def submit(self, item: T) -> Future[R]:
        """The result for an item, to come; it raises what ``work`` raised in the call that the item was in."""
        result: Future[R] = Future()
        self._waiting.append((item, result))
        self._threads.submit(self._work_together)
        return result

    def _work_together(self) -> None:
        """One call with what waits: perhaps nothing any more, for there is one of this for each item."""
        together: list[tuple[T, Future[R]]] = []
        while len(together) < self._most:
            try:
                together.append(self._waiting.popleft())
            except IndexError:
                break
        if not together:
            return
        try:
            for (_, result), outcome in zip(together, self._work([item for item, _ in together]), strict=True):
                result.set_result(outcome)
        except BaseException as error:
            for _, result in together:
                if not result.done():
                    result.set_exception(error)


def in_turn(groups: Iterable[Begun[R]], check: Check) -> Iterator[R]:
    """The results of groups, in order. Each is begun when it is taken, and the next one is taken while one is computed.

    check: called several times a second meanwhile. What it raises ends the work: what has not begun is dropped.
    """
    pending: deque[Begun[R]] = deque()

    def finished() -> R:
        parts, result = pending[0]
        for part in parts:
            check()
            while not wait([part], timeout=_CHECK_EVERY_S).done:
                check()
            part.result()
        pending.popleft()
        return result()

    try:
        for group in groups:
            pending.append(group)
            if len(pending) > 1:
                yield finished()
        while pending:
            yield finished()
    finally:
        for parts, _ in pending:
            for part in parts:
                part.cancel()
