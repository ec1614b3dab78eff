"""Work of several threads done together when they meet: nobody waits for company, and nobody queues alone behind others."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T, R]):
    item: T
    taken: bool = False
    result: R | None = None
    error: BaseException | None = None
    finished: bool = False


class Coalescer(Generic[T, R]):
    """Calls ``work`` with one item, or with all that came while all places were taken.

    work: the results of some items, in order.  places: calls that may run at once.  most: items in one call.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]], *, places: int, most: int) -> None:
        self._work = work
        self._places = places
        self._most = most
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._state = Condition()

    def __call__(self, item: T) -> R:
        """The result for an item; raises what ``work`` raised in the call that the item was in."""
        own: _Waiting[T, R] = _Waiting(item)
        with self._state:
            self._waiting.append(own)
            while not own.finished and (own.taken or not self._places):
                self._state.wait()
            if own.finished:
                return _outcome(own)
            # A place is free and nobody has taken this one's item: this thread works, for the oldest that wait and for itself.
            self._places -= 1
            self._waiting.remove(own)
            together = [own, *(self._waiting.popleft() for _ in range(min(len(self._waiting), self._most - 1)))]
            for one in together:
                one.taken = True
        try:
            for one, result in zip(together, self._work([one.item for one in together]), strict=True):
                one.result = result
        except BaseException as error:
            for one in together:
                one.error = error
        with self._state:
            self._places += 1
            for one in together:
                one.finished = True
            self._state.notify_all()
        return _outcome(own)


def _outcome(done: _Waiting[T, R]) -> R:
    if done.error is not None:
        raise done.error
    return done.result  # type: ignore[return-value]  # set whenever there is no error
