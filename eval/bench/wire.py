"""HTTP requests to a service from one thread that waits for all of its connections at once.

The service is measured on the same cores, so a request has to cost little here: bare sockets, and of an answer only its status and
length are read.
"""

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_MOST_CONNECTIONS = 1000  # open at once; past it a request waits for its connection, which counts
_MOST_AT_ONCE = 20  # requests that are late and go out before the answers that have come are read
_READ_BYTES = 1 << 18
_HEAD_END = b"\r\n\r\n"


@dataclass(slots=True)
class Replies:
    """What came back. milliseconds: by status, from when each was due; status 0: the connection broke, or no answer came."""

    milliseconds: dict[int, list[float]] = field(default_factory=dict)
    unsent: int = 0

    def of(self, *statuses: int) -> list[float]:
        """Milliseconds of these statuses."""
        return [one for status in statuses for one in self.milliseconds.get(status, ())]

    @property
    def count(self) -> int:
        """How many came back."""
        return sum(map(len, self.milliseconds.values()))


class Stream:
    """Requests of one kind.  ``replies``: what came back of them.

    clients: so many at a time, the next when one is answered, which is when it is due.  rate: so many a second instead, whether
    those before are answered or not.
    """

    def __init__(self, requests: Iterator[bytes], *, clients: int = 0, rate: float = 0) -> None:
        self.replies = Replies()
        self._requests = requests
        self._clients = clients
        self._rate = rate
        self._began = 0.0
        self._ends_at = 0.0
        self._sent = 0
        self.pending = 0

    def begin(self, now: float, seconds: float) -> None:
        """Requests are due from now on, for so many seconds."""
        self._began, self._ends_at = now, now + seconds

    def due(self, now: float) -> float | None:
        """When the next request is due; None: after an answer, or never again."""
        if self._rate:
            due = self._began + self._sent / self._rate
            return due if due < self._ends_at and now < self._ends_at else None
        return now if self.pending < self._clients and now < self._ends_at else None

    def take(self) -> bytes | None:
        """The next request; None: there is none left."""
        request = next(self._requests, None)
        if request is None:
            self._ends_at = 0.0
        else:
            self._sent += 1
            self.pending += 1
        return request

    def note(self, status: int, seconds: float) -> None:
        """Count an answer."""
        self.pending -= 1
        self.replies.milliseconds.setdefault(status, []).append(seconds * 1000)

    def end(self, seconds: float) -> None:
        """Count what was due in so many seconds and not sent."""
        if self._rate:
            self.replies.unsent = max(0, int(self._rate * seconds) - self._sent)


class _Connection:
    __slots__ = ("due", "received", "socket", "stream", "until", "unsent", "watched")

    def __init__(self, place: tuple[str, int]) -> None:
        self.socket = socket.create_connection(place)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.watched = 0
        self.received = bytearray()
        self.unsent = memoryview(b"")
        self.stream: Stream | None = None
        self.due = self.until = 0.0

    def write(self) -> None:
        """Send what goes without waiting.  Raises OSError when the connection broke."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            pass

    def read(self) -> int | None:
        """Take in what has come: the status once the answer is whole.  Raises OSError when the connection broke."""
        try:
            data = self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionResetError
        self.received += data
        end = self.received.find(_HEAD_END)
        if end < 0:
            return None
        head = bytes(self.received[:end]).lower() + b"\r\n"
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(self.received) < end + len(_HEAD_END) + int(length or 0):
            return None
        if b"\r\nconnection: close" in head:
            self.until = 0.0
        return int(head[9:12])


class Wire:
    """Connections to one service, kept for the next request.

    patience_s: for an answer, after which its connection is given up.
    """

    def __init__(self, url: str, patience_s: float) -> None:
        parts = urlsplit(url)
        assert parts.hostname and parts.port
        self._place = parts.hostname, parts.port
        self._patience_s = patience_s
        self._selector = selectors.DefaultSelector()
        self._free: list[_Connection] = []
        self._n_open = 0
        self._waiting: deque[tuple[Stream, bytes, float]] = deque()  # for a connection
        self._asked: deque[tuple[float, _Connection]] = deque()  # by when each is given up

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for key in list(self._selector.get_map().values()):
            key.data.socket.close()
        self._selector.close()

    def request(self, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """A request as it goes over the wire."""
        host, port = self._place
        head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        return f"{head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def run(self, streams: Sequence[Stream], seconds: float) -> None:
        """Send what is due in so many seconds; returns when all that the first stream sent is answered.

        What the others still wait for then is given up, uncounted.
        """
        started = time.perf_counter()
        for stream in streams:
            stream.begin(started, seconds)
        lead = streams[0]
        while True:
            now = time.perf_counter()
            next_due = self._send_due(streams, now)
            if not lead.pending and lead.due(now) is None:
                break
            self._give_up(now)
            wait = min((due - now for due in next_due), default=0.1)
            for key, events in self._selector.select(min(max(wait, 0.0), 0.1)):
                self._serve(key.data, events)
            while self._waiting and (self._free or self._n_open < _MOST_CONNECTIONS):
                self._send(*self._waiting.popleft())
        for stream in streams:
            stream.end(seconds)
        self._waiting.clear()
        for key in list(self._selector.get_map().values()):
            if key.data.stream is not None:
                self._close(key.data)

    def _send_due(self, streams: Sequence[Stream], now: float) -> list[float]:
        """Send what is due; when each stream is due next."""
        next_due = []
        for stream in streams:
            for _ in range(_MOST_AT_ONCE):
                due = stream.due(now)
                if due is None or due > now:
                    break
                request = stream.take()
                if request is not None:
                    self._send(stream, request, due)
            if (due := stream.due(now)) is not None:
                next_due.append(due)
        return next_due

    def _send(self, stream: Stream, request: bytes, due: float) -> None:
        if self._free:
            connection = self._free.pop()
        elif self._n_open < _MOST_CONNECTIONS:
            try:
                connection = _Connection(self._place)
            except OSError:
                return stream.note(0, time.perf_counter() - due)
            self._n_open += 1
            self._watch(connection, selectors.EVENT_READ)
        else:
            return self._waiting.append((stream, request, due))
        connection.stream, connection.due = stream, due
        connection.until = time.perf_counter() + self._patience_s
        connection.received.clear()
        connection.unsent = memoryview(request)
        self._asked.append((connection.until, connection))
        self._serve(connection, selectors.EVENT_WRITE)

    def _serve(self, connection: _Connection, events: int) -> None:
        status: int | None = None
        try:
            if events & selectors.EVENT_WRITE:
                connection.write()
            if events & selectors.EVENT_READ:
                status = connection.read()
        except OSError:
            return self._finish(connection, 0)
        if status is not None:
            return self._finish(connection, status)
        self._watch(connection, selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0))

    def _watch(self, connection: _Connection, events: int) -> None:
        if not connection.watched:
            self._selector.register(connection.socket, events, connection)
        elif connection.watched != events:
            self._selector.modify(connection.socket, events, connection)
        connection.watched = events

    def _finish(self, connection: _Connection, status: int) -> None:
        stream, connection.stream = connection.stream, None
        if stream is not None:
            stream.note(status, time.perf_counter() - connection.due)
        # An answer before the request is whole: a refusal, after which the rest of it has no place on the connection.
        if status == 0 or not connection.until or connection.unsent or stream is None:
            self._close(connection)
        else:
            self._free.append(connection)

    def _give_up(self, now: float) -> None:
        while self._asked and (self._asked[0][0] <= now or self._asked[0][1].until != self._asked[0][0]):
            until, connection = self._asked.popleft()
            if connection.stream is not None and connection.until == until:
                self._finish(connection, 0)

    def _close(self, connection: _Connection) -> None:
        if connection in self._free:
            self._free.remove(connection)
        self._selector.unregister(connection.socket)
        connection.socket.close()
        connection.until = 0.0
        self._n_open -= 1
