"""Processes that answer questions beside each other: Python runs one thread at a time, and each of them has a Python of its own.

They share the store's files, which each maps into memory, and nothing else. The service's own process takes requests in, adds and
deletes, and refuses what is too much without waiting for a search.
"""

import logging
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

from api.telemetry.logs import Format, request_id
from api.workers.messages import Answered, Question, Task, Unexpected
from index.process import Worker, WorkerEnded
from rag.shared.config import Config, Place
from rag.shared.types import Query

_START_S = 300  # views that were damaged meanwhile may have to be made anew first
_END_S = 5
_PAUSE_S = 1.0  # before another try where one could not be started
_LOOK_S = 0.25
_TRIES = 3  # of one question, whose processes end
# Questions that a process takes at once when they wait: the model reads 4 in less than twice the time of one.
TOGETHER = 4
_MAX_REPLY = 1 << 30

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """No process can be had that answers; the message says what became of it."""


@dataclass(slots=True, eq=False)
class _Asked:
    """A question and its answer, to come. tries: processes that have ended over it, or over one asked together with it."""

    question: Question
    answer: "Future[Answered]" = field(default_factory=Future)
    tries: int = 0


class Answerers:
    """So many processes, each at work on a few questions at most. Thread-safe.

    A thread keeps each: it gives it what waits, and starts another one when it ends. A question whose process ends is asked again.
    patience_s: after which a process that does not answer is ended.
    """

    def __init__(self, store: Place, config: Config, n: int, *, log_format: Format, patience_s: float) -> None:
        self.n = n
        # Each process has its share of the threads.
        self._task = Task(store, replace(config, threads=max(1, config.threads // max(1, n))), log_format)
        self._patience_s = patience_s
        self._mutex = threading.Lock()
        self._changed = threading.Condition(self._mutex)
        self._waiting: deque[_Asked] = deque()
        # By each idle process what wakes its thread. The last one that was at work is the next: its processor's caches, and its
        # answers, are those of what was just asked.
        self._idle: list[threading.Condition] = []
        self._running: set[Worker] = set()
        self._failure: Exception | None = None
        self.started = False  # whether one has been ready to answer
        self._closed = False

    @property
    def running(self) -> int:
        """How many can answer."""
        with self._mutex:
            return len(self._running)

    def start(self) -> None:
        """Begin to start them: one, and the others when it can answer, so that it can soon."""
        self._keep_in_background(self.n, is_awaited=True)

    def wait(self) -> None:
        """Return when one can answer.

        Raises what ``Service.open`` and ``Service.warm`` raise when it could not be made ready, CannotStart when it ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.started or self._failure or self._closed)
            if isinstance(self._failure, WorkerEnded):
                raise CannotStart(f"the process that is to answer questions {self._failure} while it started")
            if self._failure:
                raise self._failure

    def start_when(self, ready: Callable[[], bool]) -> None:
        """Start them in the background, once ``ready`` says so."""

        def wait_and_start() -> None:
            while not self._closed and not ready():
                time.sleep(_LOOK_S)
            self._keep(self.n, is_awaited=False)

        threading.Thread(target=wait_and_start, daemon=True).start()

    def answer(self, query: Query, check: Callable[[], None]) -> Answered:
        """The answer to a question.  check: called now and then while it is waited for; what it raises goes through.

        Raises as ``Service.ask``, and Unexpected.
        """
        asked = _Asked(Question(query, request_id.get()))
        with self._mutex:
            if self._closed:
                raise _stopping()
            self._waiting.append(asked)
            self._wake_next()
        while not asked.answer.done():
            try:
                asked.answer.exception(_LOOK_S)
            except TimeoutError:
                try:
                    check()
                except BaseException:
                    with self._mutex, suppress(ValueError):  # a process may have it: nobody will look at its answer
                        self._waiting.remove(asked)
                    raise
        return asked.answer.result()

    def close(self) -> None:
        """End them. Whoever still waits for one gets Unexpected."""
        with self._mutex:
            self._closed = True
            workers, self._running = self._running, set()
            left, self._waiting = self._waiting, deque()
            self._changed.notify_all()
            for idle in self._idle:
                idle.notify()
        for asked in left:
            asked.answer.set_exception(_stopping())
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.end(_END_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _wake_next(self) -> None:
        """Wake the thread of an idle process, if there is one and something for it. Under the lock."""
        if self._waiting and self._idle:
            self._idle[-1].notify()

    def _keep_in_background(self, n: int, *, is_awaited: bool) -> None:
        threading.Thread(target=self._keep, args=(n,), kwargs={"is_awaited": is_awaited}, daemon=True).start()

    def _keep(self, n: int, *, is_awaited: bool) -> None:
        """Let one process answer until it ends, then another one in its place, and when the first can let others be kept: n in all.

        is_awaited: whether whoever waits is told that the first cannot be started; else it is tried again.
        """
        while not self._closed:
            try:
                worker = self._started_worker()
            except Exception as error:
                if is_awaited:
                    with self._mutex:
                        self._failure = error
                        self._changed.notify_all()
                    return
                logger.warning("a process that answers questions cannot be started: %s", error)
                time.sleep(_PAUSE_S)
                continue
            if n > 1:
                self._keep_in_background(n - 1, is_awaited=False)
            n, is_awaited = 1, False
            with self._mutex:
                self.started = True
                self._running.add(worker)
                self._changed.notify_all()
            try:
                while batch := self._next(worker):
                    self._answer(worker, batch)
            except WorkerEnded as ended:
                if not self._closed:
                    logger.warning("a process that answers questions %s; another one is started", ended)
            with self._mutex:
                self._running.discard(worker)
            worker.end(_END_S if self._closed else 0.0)

    def _next(self, worker: Worker) -> list[_Asked]:
        """What a process is to answer next, waited for; nothing when they are closed.  Raises WorkerEnded."""
        with self._mutex:
            own = threading.Condition(self._mutex)
            self._idle.append(own)
            try:
                while not self._closed and not (self._waiting and self._idle[-1] is own):
                    if worker.is_over:
                        raise worker.ended()
                    own.wait(_LOOK_S)
                return self._batch()
            finally:
                self._idle.remove(own)
                self._wake_next()

    def _batch(self) -> list[_Asked]:
        """Its share of what waits, for one of the idle: a question over which a process has ended by itself. Under the lock."""
        most = min(TOGETHER, -(-len(self._waiting) // max(1, len(self._idle))))
        batch: list[_Asked] = []
        while len(batch) < most and not (batch and batch[0].tries + self._waiting[0].tries):
            batch.append(self._waiting.popleft())
        return batch

    def _answer(self, worker: Worker, batch: list[_Asked]) -> None:
        """Let a process answer some questions.  Raises WorkerEnded; those that it leaves are asked again, before all others."""
        left = deque(batch)
        try:
            _send(worker, [asked.question for asked in batch], self._patience_s)
            while left:
                reply = _receive(worker, self._patience_s)
                asked = left.popleft()
                if isinstance(reply, Exception):
                    asked.answer.set_exception(reply)
                else:
                    asked.answer.set_result(reply)
        except WorkerEnded:
            with self._mutex:
                for asked in reversed(left):
                    asked.tries += 1
                    if self._closed:
                        asked.answer.set_exception(_stopping())
                    elif asked.tries < _TRIES:
                        self._waiting.appendleft(asked)
                    else:
                        asked.answer.set_exception(Unexpected(f"{_TRIES} processes ended over one question"))
                self._wake_next()
            raise

    def _started_worker(self) -> Worker:
        """One that can answer.  Raises WorkerEnded, or the exception for which it cannot."""
        worker = Worker("api.workers.worker", is_heard=True)
        try:
            _send(worker, self._task, _START_S)
            reply = _receive(worker, _START_S)
            if isinstance(reply, Exception):
                raise reply
        except BaseException:
            worker.end()
            raise
        # Where its model's precision is measured, which it may be at every start, all are to take what the first found.
        self._task = self._task._replace(config=replace(self._task.config, precision=str(reply)))
        return worker


def _stopping() -> Unexpected:
    return Unexpected("the service is stopping")


def _send(worker: Worker, message: Task | list[Question], seconds: float) -> None:
    worker.send([pickle.dumps(message)], seconds)


def _receive(worker: Worker, seconds: float) -> Any:
    """What a process replies next.  Raises WorkerEnded, also where that cannot be read."""
    reply = worker.receive(_MAX_REPLY, seconds)
    try:
        return pickle.loads(reply)
    except Exception as error:  # whatever reading a damaged reply raises
        raise worker.end_for(f"gave a reply that cannot be read ({type(error).__name__})") from error
