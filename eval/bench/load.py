"""The one load generator of the benchmarks: requests to a running service, so many at a time or so many a second.

The service is measured on the same cores, so a request has to cost little here: requests are made beforehand as the bytes that go
over the wire, and of an answer only the status is read, and whether a mark stands in it. (httpx takes ten times as long for each.)
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from rag.shared.errors import RagError

_MOST_CONNECTIONS = 1000  # open at once; past it a request waits for its connection, which counts
_MOST_AT_ONCE = 20  # requests that are late and go out before the answers that have come are read
_MOST_CHUNKED_BYTES = 1 << 24


class Request(NamedTuple):
    """A request as it goes over the wire. mark: what stands in an answer that is one, "" for anything."""

    content: bytes
    mark: bytes = b""


@dataclass(slots=True)
class Replies:
    """What came back. milliseconds: by status, from when each was due; status 0: the connection broke, or no answer came.

    unlike: status and beginning of the first reply that was no answer, "" where all were.
    """

    milliseconds: dict[int, list[float]] = field(default_factory=dict)
    unsent: int = 0
    unlike: str = ""

    def of(self, *statuses: int) -> list[float]:
        """Milliseconds of these statuses, in the order in which they came."""
        return [duration for status in statuses for duration in self.milliseconds.get(status, ())]

    @property
    def count(self) -> int:
        """How many came back."""
        return sum(map(len, self.milliseconds.values()))


@dataclass(frozen=True, slots=True)
class Stream:
    """Requests of one kind, and what came back of them.

    clients: so many at a time, the next when one is answered, which is when it is due.  rate: so many a second instead, whether
    those before are answered or not.
    """

    requests: Iterator[Request]
    clients: int = 0
    rate: float = 0
    replies: Replies = field(default_factory=Replies)


_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """Requests to one service. patience_s: for an answer, after which its connection is given up."""

    def __init__(self, url: str, patience_s: float = 60) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._patience_s = patience_s
        self._free: list[_Connection] = []
        self._places = asyncio.Semaphore(_MOST_CONNECTIONS)

    def request(
        self, path: str, body: object = None, *, headers: Mapping[str, str] | None = None, mark: bytes = b""
    ) -> Request:
        """A request.  body: bytes, or else a value that goes as JSON; none for GET."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        lines = {"Content-Type": "application/json", "Content-Length": len(content), **(headers or {})}
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return Request(head.encode() + b"\r\n" + content, mark)

    def run(self, streams: Sequence[Stream], seconds: float) -> None:
        """Send what is due in so many seconds; returns when all that the first stream sent is answered.

        What the others still wait for then is given up, uncounted.
        """
        asyncio.run(self._run(streams, seconds))

    def answers(self, requests: Sequence[Request], clients: int, seconds: float) -> tuple[list[float], float]:
        """Send requests until they or the time run out; milliseconds of each answer in turn, and seconds of all.

        Raises RagError when a reply is no answer.
        """
        stream = Stream(iter(requests), clients=clients)
        started = time.perf_counter()
        self.run([stream], seconds)
        elapsed = time.perf_counter() - started
        if stream.replies.unlike:
            raise RagError(
                f"a question was not answered ({stream.replies.unlike}): measure with fewer --clients, or see that `rag ask` "
                "answers it"
            )
        return stream.replies.of(200), elapsed

    async def _run(self, streams: Sequence[Stream], seconds: float) -> None:
        self._places = asyncio.Semaphore(_MOST_CONNECTIONS)
        lead, *others = (asyncio.create_task(self._send_all(stream, seconds)) for stream in streams)
        try:
            await lead
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            while self._free:
                self._free.pop()[1].close()

    async def _send_all(self, stream: Stream, seconds: float) -> None:
        began = time.perf_counter()
        ends_at = began + seconds
        async with asyncio.TaskGroup() as group:
            if not stream.rate:
                for _ in range(stream.clients):
                    group.create_task(self._send_in_turn(stream, ends_at))
                return
            n_sent = 0
            while (due := began + n_sent / stream.rate) < ends_at and (now := time.perf_counter()) < ends_at:
                if due > now or n_sent % _MOST_AT_ONCE == 0:
                    await asyncio.sleep(max(due - now, 0))
                group.create_task(self._send(stream, next(stream.requests), due))
                n_sent += 1
            stream.replies.unsent = max(0, int(stream.rate * seconds) - n_sent)

    async def _send_in_turn(self, stream: Stream, ends_at: float) -> None:
        now = time.perf_counter()
        while (request := next(stream.requests, None)) is not None:
            await self._send(stream, request, now)
            if (now := time.perf_counter()) >= ends_at:  # after the first, so that there is something to tell of
                return

    async def _send(self, stream: Stream, request: Request, due: float) -> None:
        status, content = 0, b"no answer"
        async with self._places:
            with suppress(OSError, EOFError, TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    status, content = await self._exchange(request.content)
        stream.replies.milliseconds.setdefault(status, []).append((time.perf_counter() - due) * 1000)
        if not stream.replies.unlike and (status != 200 or request.mark not in content):
            stream.replies.unlike = f"{status}: {content[:200]!r}"

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; the status and the content of its answer.  Raises OSError or EOFError when the connection broke."""
        if self._free:
            connection = self._free.pop()
        else:
            connection = await asyncio.open_connection(self._host, self._port, limit=_MOST_CHUNKED_BYTES)
        reader, writer = connection
        keep = False
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"\r\ntransfer-encoding: chunked" in head:
                content = await reader.readuntil(b"\r\n0\r\n\r\n")
            else:
                length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
                content = await reader.readexactly(int(length or 0))
            # An answer before the request is whole is a refusal, after which the rest has no place on the connection.
            keep = b"\r\nconnection: close" not in head and not writer.transport.get_write_buffer_size()
        finally:
            if keep:
                self._free.append(connection)
            else:
                writer.close()
        return int(head[9:12]), content
