"""How much is worked on at once, and how much may wait for how long."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from threading import Event, Lock
from typing import Any, TypeVar

from starlette.types import Receive

from api.admission.paths import asks, only_reads
from api.errors import ClientLeft, DeadlineExceeded
from api.settings import Settings
from api.telemetry.metrics import Metrics
from rag.shared.errors import Overloaded

T = TypeVar("T")


class Lane:
    """Work of one kind, in threads of its own, so that no other kind keeps it waiting.

    n_running: threads.  n_waiting: requests beyond those that may be inside.  holds_bodies: a request has its place from its head
    on, for its body takes much memory; else once it is whole, so that a body that comes slowly keeps nobody out.  deadline_s: time
    of a request from its first byte.  Everything but the work itself belongs to the event loop.

    Where keys are asked for, bodies of one key hold at most half of the places.
    """

    def __init__(
        self,
        name: str,
        n_running: int,
        n_waiting: int,
        deadline_s: float,
        *,
        metrics: Metrics,
        holds_bodies: bool = False,
    ) -> None:
        self._metrics = metrics
        self.name = name
        self.holds_bodies = holds_bodies
        self.deadline_s = deadline_s
        self.places = n_running + n_waiting
        self.inside = 0
        self._held_by: Counter[str] = Counter()
        self._executor = ThreadPoolExecutor(n_running, thread_name_prefix=name)
        self.running = 0  # how much is being worked on
        self._counting = Lock()

    async def run(
        self, work: Callable[[], T], receive: Receive, ends_at: float, given_up: Event, *, needs_place: bool
    ) -> T:
        """What ``work`` gives, in a thread.  ends_at: the deadline, by ``time.monotonic``.  needs_place: it has none yet.

        Raises Overloaded when there is no place, ClientLeft or DeadlineExceeded when that comes first. Work that has not begun is
        then dropped. Work that has begun keeps its place until it ends: at its next look at ``given_up``, which is set then, or,
        where it never looks, when it is done.
        """
        with self.place() if needs_place else nullcontext():
            return await self._run(work, receive, ends_at, given_up)

    def is_full(self, key: str | None = None) -> bool:
        """Whether there is no place, or none for this key."""
        return self.inside >= self.places or key is not None and self._held_by[key] >= max(1, self.places // 2)

    @contextmanager
    def place(self, key: str | None = None) -> Iterator[None]:
        """A place inside.  key: whose it is, where it counts against that key's share.  Raises Overloaded when there is none."""
        if self.is_full(key):
            raise Overloaded
        self.inside += 1
        self._held_by.update([key] if key is not None else [])
        try:
            yield
        finally:
            self.inside -= 1
            self._held_by.subtract([key] if key is not None else [])

    async def _run(self, work: Callable[[], T], receive: Receive, ends_at: float, given_up: Event) -> T:
        future = self._executor.submit(copy_context().run, self._counted, work, time.monotonic())
        finished = asyncio.wrap_future(future)
        left = asyncio.ensure_future(_disconnected(receive))
        either: set[asyncio.Future[Any]] = {finished, left}
        try:
            remaining = max(0.0, ends_at - time.monotonic())
            await asyncio.wait(either, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
            if finished.done():
                return finished.result()
            raise ClientLeft if left.done() else DeadlineExceeded
        finally:
            left.cancel()
            if not finished.done() and not future.cancel():
                given_up.set()
                self._abandon(finished)

    def close(self, until: float) -> bool:
        """Begin nothing more and wait for what has begun, until a time by ``time.monotonic``; whether all of it has ended."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        while self.running and time.monotonic() < until:
            time.sleep(0.02)
        return not self.running

    def _counted(self, work: Callable[[], T], submitted: float) -> T:
        self._metrics.queue_seconds.labels(self.name).observe(time.monotonic() - submitted)
        with self._counting:
            self.running += 1
        try:
            return work()
        finally:
            with self._counting:
                self.running -= 1

    def _abandon(self, finished: "asyncio.Future[Any]") -> None:
        self.inside += 1

        def leave(done: "asyncio.Future[Any]") -> None:
            self.inside -= 1
            if not done.cancelled():
                done.exception()  # nobody is left to tell; asking for it keeps the event loop from reporting it as forgotten

        finished.add_done_callback(leave)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Lanes:
    """The lanes of one application.  n_asking: questions that are answered at once."""

    def __init__(self, settings: Settings, metrics: Metrics, *, n_asking: int) -> None:
        deadline_s, upload_s, few = settings.deadline_s, settings.upload_deadline_s, math.ceil(settings.queue / 4)
        self.ask = Lane("ask", n_asking, settings.queue, deadline_s, metrics=metrics)
        self.read = Lane("read", settings.threads, settings.queue, deadline_s, metrics=metrics)
        # Few at once: the store has one writer. Few waiting: each holds a whole upload.
        self.write = Lane("write", max(1, settings.threads // 2), few, upload_s, metrics=metrics, holds_bodies=True)
        # Not behind uploads: whoever must have something gone need not wait for what others bring.
        self.delete = Lane("delete", 1, few, upload_s, metrics=metrics)

    def __iter__(self) -> Iterator[Lane]:
        return iter((self.ask, self.read, self.write, self.delete))

    def of(self, method: str, path: str) -> Lane:
        """The lane for a request."""
        if asks(method, path):
            return self.ask
        if method == "DELETE":
            return self.delete
        return self.read if only_reads(method, path) else self.write

    def close(self, seconds: float) -> bool:
        """Wait for what has begun in any lane, so many seconds; whether all of it has ended."""
        until = time.monotonic() + seconds
        return all([lane.close(until) for lane in self])
