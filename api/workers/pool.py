"""Processes that answer questions beside each other: Python runs one thread at a time, and each of them has a Python of its own.

They share the store's files, which each maps into memory, and nothing else. The service's own process takes requests in, adds and
deletes, and refuses what is too much without waiting for a search.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import rag
from api.telemetry.logs import Format, request_id
from api.workers.messages import Answered, Question, Task, Unexpected
from rag.config import Config, Place
from rag.types import Query

_START_S = 300  # views that were damaged meanwhile may have to be made anew first
_END_S = 5
_PAUSE_S = 1.0  # before another try where one could not be started
_LOOK_S = 0.25
_TRIES = 3  # of one question, whose processes end

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """No process can be had that answers; the message says what became of it."""


class Answerers:
    """So many processes, each at work on one question at most. Thread-safe.

    One that ends is replaced, and its question asked again.  patience_s: after which a process that does not answer is ended.
    """

    def __init__(self, store: Place, config: Config, n: int, *, log_format: Format, patience_s: float) -> None:
        self.n = n
        self._task = Task(store, _shared(config, n), log_format)
        self._patience_s = patience_s
        self._changed = threading.Condition()
        # The last one that was at work is the next: its processor's caches, and its answers, are those of what was just asked.
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
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
            return len(self._all)

    def start(self) -> None:
        """Begin to start them: one, and the others when it can answer, so that it can soon."""
        threading.Thread(target=self._start_first, daemon=True).start()

    def wait(self) -> None:
        """Return when one can answer.

        Raises what ``Service.open`` and ``Service.warm`` raise when it could not be made ready, CannotStart when it ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._started or self._failure or self._closed)
            if isinstance(self._failure, _Ended):
                raise CannotStart(f"the process that is to answer questions {self._failure} while it started")
            if self._failure:
                raise self._failure

    def start_when(self, ready: Callable[[], bool]) -> None:
        """Start them in the background, once ``ready`` says so."""

        def wait_and_start() -> None:
            while not self._closed and not ready():
                time.sleep(_LOOK_S)
            for _ in range(self.n):
                self._start_again()

        threading.Thread(target=wait_and_start, daemon=True).start()

    def answer(self, query: Query, check: Callable[[], None]) -> Answered:
        """The answer to a question.  check: called now and then while no process is free; what it raises goes through.

        Raises as ``Service.ask``, and Unexpected.
        """
        for _ in range(_TRIES):
            process = self._take(check)
            try:
                reply = process.ask(Question(query, request_id.get()), self._patience_s)
            except _Ended as ended:
                logger.warning("a process that answers questions %s; another one is started", ended)
                self._replace(process)
                continue
            self._give_back(process)
            if isinstance(reply, Exception):
                raise reply
            return reply
        raise Unexpected(f"{_TRIES} processes ended over one question")

    def close(self) -> None:
        """End them. Whoever still waits for one gets Unexpected."""
        with self._changed:
            self._closed = True
            processes, self._all, self._idle = self._all, set(), []
            self._changed.notify_all()
        for process in processes:
            process.close()
        for process in processes:
            process.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, check: Callable[[], None]) -> "_Process":
        while True:
            check()
            with self._changed:
                self._changed.wait_for(lambda: self._idle or self._closed, timeout=_LOOK_S)
                if self._closed:
                    raise Unexpected("the service is stopping")
                process = self._idle.pop() if self._idle else None
            if process is not None and process.has_ended():
                logger.warning("a process that answers questions has ended; another one is started")
                self._replace(process)
            elif process is not None:
                return process

    def _give_back(self, process: "_Process") -> None:
        with self._changed:
            if not self._closed:
                self._idle.append(process)
                self._changed.notify()

    def _replace(self, process: "_Process") -> None:
        with self._changed:
            self._all.discard(process)
            closed = self._closed
        process.end()
        if not closed:
            threading.Thread(target=self._start_again, daemon=True).start()

    def _start_first(self) -> None:
        try:
            self._start()
        except Exception as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()
            return
        for _ in range(self.n - 1):
            self._start_again()

    def _start_again(self) -> None:
        while not self._closed:
            try:
                return self._start()
            except Exception as error:
                logger.warning("a process that answers questions cannot be started: %s", error)
                time.sleep(_PAUSE_S)

    def _start(self) -> None:
        process = _Process(self._task)
        try:
            precision = process.wait_until_ready(_START_S)
        except BaseException:
            process.end()
            raise
        with self._changed:
            if not self._closed:
                self._started = True
                # Where it is measured, which it may be at every start, all are to take what the first found.
                self._task = self._task._replace(config=replace(self._task.config, precision=precision))
                self._all.add(process)
                self._idle.append(process)
                self._changed.notify_all()
                return
        process.end()


class _Ended(Exception):
    """The process is no more, or might as well be."""


class _Process:
    """One process and the connection to it."""

    def __init__(self, task: Task) -> None:
        """Start it.  Raises _Ended when it ends before it knows its task."""
        here, there = Pipe()
        self._connection = cast("Connection[Task | Question, Answered | Exception | str]", here)
        paths = [str(Path(rag.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "api.workers.worker", str(there.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                pass_fds=[there.fileno()],
                process_group=0,  # an interrupt from the terminal is the service's alone
            )
        try:
            self._connection.send(task)
        except OSError as error:
            self.close()
            raise self._ended() from error

    def wait_until_ready(self, seconds: float) -> str:
        """The precision of its model.  Raises the exception for which it cannot answer."""
        reply = self._reply(seconds)
        if isinstance(reply, Exception):
            raise reply
        assert isinstance(reply, str)
        return reply

    def ask(self, question: Question, seconds: float) -> Answered | Exception:
        """What it replies.  Raises _Ended."""
        try:
            self._connection.send(question)
        except OSError as error:
            raise self._ended() from error
        reply = self._reply(seconds)
        assert not isinstance(reply, str)
        return reply

    def has_ended(self) -> bool:
        """Whether it is no more."""
        return self._process.poll() is not None

    def close(self) -> None:
        """Close the connection, at which it ends when it has answered."""
        self._connection.close()

    def end(self) -> None:
        """Close the connection and wait for its end, or make it end."""
        self.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _reply(self, seconds: float) -> Answered | Exception | str:
        try:
            if not self._connection.poll(seconds):
                self._process.kill()
                raise _Ended(f"did not answer within {seconds:g} s and was ended")
            return self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._ended() from error
        except _Ended:
            raise
        except Exception as error:  # whatever reading a damaged reply raises
            self._process.kill()
            raise _Ended(f"gave a reply that cannot be read ({type(error).__name__}) and was ended") from error

    def _ended(self) -> _Ended:
        try:
            status = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        return _Ended(f"was ended by signal {-status}" if status < 0 else f"ended with status {status}")


def _shared(config: Config, n: int) -> Config:
    """The settings with one process's share of the threads."""
    return replace(config, threads=max(1, config.threads // max(1, n)))
