"""What is too much: requests beyond the places of their lane or the rate of their key, bodies that are too large or too slow."""

import asyncio
import math
import time
from collections.abc import Callable, Collection

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission.lanes import Lanes
from api.admission.paths import UPLOAD_PATHS
from api.errors import KINDS, TOO_LARGE, TOO_MANY, TOO_SLOW, problem
from api.settings import Settings
from rag.shared.errors import Overloaded

# A body that stops for so long, or that brings less on average once so long has passed, would only keep a place from others.
_IDLE_S = 10.0
_LEAST_BYTES_PER_S = 1024


class Admission:
    """Turns a request away before its body is read when its lane is full; an upload that is let in holds its place from here."""

    def __init__(self, app: ASGIApp, lanes: Lanes, open_paths: Collection[str]) -> None:
        """open_paths: those that take no place: with ``/metrics``, they are answered under load too."""
        self.app = app
        self.free_paths = {*open_paths, "/metrics"}
        self.lanes = lanes
        # Made once: under load there is no time for it.
        self.full = problem(KINDS[Overloaded])
        self.full_for_uploads = problem(KINDS[Overloaded], headers={"Connection": "close"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        lane = self.lanes.of(scope["method"], scope["path"])
        is_free = scope["path"] in self.free_paths
        needs_place = not is_free and not lane.holds_bodies
        scope.setdefault("state", {}).update(lane=lane, started=time.monotonic(), needs_place=needs_place)
        if is_free:
            return await self.app(scope, receive, send)
        key = scope["state"].get("key") if lane.holds_bodies else None
        if lane.is_full(key):
            # A question's body is short and gets read away, so that its connection stays of use; an upload's is not worth reading.
            response = self.full_for_uploads if lane.holds_bodies else self.full
            return await response(scope, receive, send)
        if needs_place:
            return await self.app(scope, receive, send)
        with lane.place(key):
            await self.app(scope, receive, send)


class RateLimit:
    """Turns away the requests of a key beyond ``rate`` a second, after ``burst`` at once (a token bucket for each key).

    Without keys, all clients are one.  open_paths: not counted.  clock: seconds that only go forward.
    """

    def __init__(
        self,
        app: ASGIApp,
        rate: float,
        burst: int,
        open_paths: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app = app
        self.open_paths = open_paths
        self.rate = rate
        self.burst = burst
        self.clock = clock
        # Per key: tokens, and when they were counted. Names of keys only, so it cannot grow without bound.
        self.buckets: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.open_paths:
            return await self.app(scope, receive, send)
        wait_s = self._take(scope.get("state", {}).get("key", ""))
        if wait_s == 0:
            return await self.app(scope, receive, send)
        detail = f"This key may send {self.rate:g} requests a second."
        response = problem(TOO_MANY, detail, headers={"Retry-After": str(math.ceil(wait_s))})
        await response(scope, receive, send)

    def _take(self, key: str) -> float:
        """0 when there was a token, now taken; else the seconds until there is one."""
        now = self.clock()
        tokens, counted_at = self.buckets.get(key, (float(self.burst), now))
        tokens = min(self.burst, tokens + (now - counted_at) * self.rate)
        taken = tokens >= 1
        self.buckets[key] = (tokens - taken, now)
        return 0 if taken else (1 - tokens) / self.rate


class BodyLimit:
    """Turns away a body that says it is too large, and cuts one off that turns out to be, that comes too slowly or not in time."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        is_upload = scope["path"] in UPLOAD_PATHS
        limit = self.settings.max_upload_bytes if is_upload else self.settings.max_json_bytes
        detail = f"At most {limit} bytes are taken here."
        close = {"Connection": "close"}  # the rest of the body is not worth reading
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > limit:
            return await problem(TOO_LARGE, detail, headers=close)(scope, receive, send)
        seconds = self.settings.upload_deadline_s if is_upload else self.settings.deadline_s
        started = time.monotonic()
        total = 0
        is_whole = False

        async def receive_counted() -> Message:
            nonlocal total, is_whole
            if is_whole:  # what still comes is the client's leaving, and that has time
                return await receive()
            now = time.monotonic()
            slowest = started + _IDLE_S + total / _LEAST_BYTES_PER_S
            try:
                async with asyncio.timeout(min(started + seconds, now + _IDLE_S, slowest) - now):
                    message = await receive()
            except TimeoutError as error:
                late = (
                    f"A body must be here whole within {seconds:g} seconds, never stop for {_IDLE_S:g}, and bring at least "
                    f"{_LEAST_BYTES_PER_S} bytes a second."
                )
                raise HTTPException(TOO_SLOW.status, late, headers=close) from error
            is_whole = not message.get("more_body", False)
            total += len(message.get("body", b""))
            if total > limit:
                raise HTTPException(TOO_LARGE.status, detail, headers=close)
            return message

        await self.app(scope, receive_counted, send)
