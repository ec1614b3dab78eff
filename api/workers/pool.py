"""Processes that answer questions beside each other: Python runs one thread at a time, and each of them has a Python of its own.

They share the store's files, which each maps into memory, and nothing else. The service's own process takes requests in, adds and
deletes, and refuses what is too much without waiting for a search.
"""

import logging
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
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
_MAX_REPLY = 1 << 30

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """No process can be had that answers; the message says what became of it."""


class Answerers:
    """So many processes, each at work on one question at most. Thread-safe.

    A thread keeps each: it starts another one when it ends. A question whose process ends is asked again.
    patience_s: after which a process that does not answer is ended.
    """

    def __init__(self, store: Place, config: Config, n: int, *, log_format: Format, patience_s: float) -> None:
        self.n = n
        # Each process has its share of the threads.
        self._task = Task(store, replace(config, threads=max(1, config.threads // max(1, n))), log_format)
        self._patience_s = patience_s
        self._changed = threading.Condition()
        # The last one that was at work is the next: its processor's caches, and its answers, are those of what was just asked.
        self._idle: list[Worker] = []
        self._running: set[Worker] = set()
        self._failure: Exception | None = None
        self._started = False
        self._closed = False

    @property
    def started(self) -> bool:
        """Whether one has been ready to answer."""
        return self._started

    @property
    def running(self) -> int:
        """How many can answer."""
        with self._changed:
            return len(self._running)

    def start(self) -> None:
        """Begin to start them: one, and the others when it can answer, so that it can soon."""

        def start_all() -> None:
            try:
                first = self._started_worker()
            except Exception as error:
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
            else:
                self._keep_in_background(first)
                self._start(self.n - 1)

        threading.Thread(target=start_all, daemon=True).start()

    def wait(self) -> None:
        """Return when one can answer.

        Raises what ``Service.open`` and ``Service.warm`` raise when it could not be made ready, CannotStart when it ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._started or self._failure or self._closed)
            if isinstance(self._failure, WorkerEnded):
                raise CannotStart(f"the process that is to answer questions {self._failure} while it started")
            if self._failure:
                raise self._failure

    def start_when(self, ready: Callable[[], bool]) -> None:
        """Start them in the background, once ``ready`` says so."""

        def wait_and_start() -> None:
            while not self._closed and not ready():
                time.sleep(_LOOK_S)
            self._start(self.n)

        threading.Thread(target=wait_and_start, daemon=True).start()

    def answer(self, query: Query, check: Callable[[], None]) -> Answered:
        """The answer to a question.  check: called now and then while no process is free; what it raises goes through.

        Raises as ``Service.ask``, and Unexpected.
        """
        for _ in range(_TRIES):
            worker = self._take(check)
            try:
                reply = _exchange(worker, Question(query, request_id.get()), self._patience_s)
            except WorkerEnded as ended:
                logger.warning("a process that answers questions %s; another one is started", ended)
                continue
            with self._changed:
                if worker in self._running:
                    self._idle.append(worker)
                    self._changed.notify()
            if isinstance(reply, Exception):
                raise reply
            assert isinstance(reply, Answered)
            return reply
        raise Unexpected(f"{_TRIES} processes ended over one question")

    def close(self) -> None:
        """End them. Whoever still waits for one gets Unexpected."""
        with self._changed:
            self._closed = True
            workers, self._running, self._idle = self._running, set(), []
            self._changed.notify_all()
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.end(_END_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, check: Callable[[], None]) -> Worker:
        while True:
            check()
            with self._changed:
                self._changed.wait_for(lambda: self._idle or self._closed, timeout=_LOOK_S)
                if self._closed:
                    raise Unexpected("the service is stopping")
                if self._idle:
                    return self._idle.pop()

    def _start(self, n: int) -> None:
        """Start some, one after another, until they are there."""
        for _ in range(n):
            if worker := self._started_in_the_end():
                self._keep_in_background(worker)

    def _keep_in_background(self, worker: Worker) -> None:
        threading.Thread(target=self._keep, args=(worker,), daemon=True).start()

    def _keep(self, worker: Worker | None) -> None:
        """Let one answer until it ends, and then another one in its place."""
        while worker is not None:
            with self._changed:
                if self._closed:
                    break
                self._started = True
                self._running.add(worker)
                self._idle.append(worker)
                self._changed.notify_all()
            worker.wait()
            with self._changed:
                self._running.discard(worker)
                if worker in self._idle:
                    logger.warning("a process that answers questions has ended; another one is started")
                    self._idle.remove(worker)
            worker.end()
            worker = self._started_in_the_end()
        if worker is not None:
            worker.end(_END_S)

    def _started_in_the_end(self) -> Worker | None:
        """One that can answer, after as many tries as it takes; None when they are closed."""
        while not self._closed:
            try:
                return self._started_worker()
            except Exception as error:
                logger.warning("a process that answers questions cannot be started: %s", error)
                time.sleep(_PAUSE_S)
        return None

    def _started_worker(self) -> Worker:
        """One that can answer.  Raises WorkerEnded, or the exception for which it cannot."""
        worker = Worker("api.workers.worker", is_heard=True)
        try:
            reply = _exchange(worker, self._task, _START_S)
            if isinstance(reply, Exception):
                raise reply
        except BaseException:
            worker.end()
            raise
        # Where its model's precision is measured, which it may be at every start, all are to take what the first found.
        self._task = self._task._replace(config=replace(self._task.config, precision=str(reply)))
        return worker


def _exchange(worker: Worker, message: Task | Question, seconds: float) -> Any:
    """What a process replies.  Raises WorkerEnded, also where that cannot be read."""
    ends_at = time.monotonic() + seconds
    worker.send([pickle.dumps(message)], seconds)
    reply = worker.receive(_MAX_REPLY, ends_at - time.monotonic())
    try:
        return pickle.loads(reply)
    except Exception as error:  # whatever reading a damaged reply raises
        raise worker.end_for(f"gave a reply that cannot be read ({type(error).__name__})") from error
