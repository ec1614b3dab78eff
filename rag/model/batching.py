"""Work of several callers done together when they meet: nobody waits for company, and nobody queues alone behind others."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Coalescer(Generic[T, R]):
    """Calls ``work`` with one item, or with all that came while all places were taken. It has a thread for each place.

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
