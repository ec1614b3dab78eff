"""The load of the benchmarks, against a real server of Python's own."""

import asyncio
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from eval.bench import load
from eval.bench.load import Request, Stream, Wire
from rag.shared.errors import RagError

pytestmark = pytest.mark.medium


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"leave":
            self.connection.close()
            return
        if body == b"wait":
            time.sleep(5)
        self.send_response(503 if body == b"refuse" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """The client has given up: nothing to print into the output of another test."""


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Wire(f"http://127.0.0.1:{server.server_port}", patience_s=300)
        server.shutdown()


def test_answers_are_counted_by_status_and_large_ones_read_whole(wire: Wire) -> None:
    bodies = [b"a" * 2_000_000, b"refuse", b"b", b"refuse"]
    stream = Stream(iter([wire.request("/", body) for body in bodies]), clients=2)
    wire.run([stream], 300)
    assert {status: len(times) for status, times in stream.replies.milliseconds.items()} == {200: 2, 503: 2}
    assert stream.replies.count == 4 and len(stream.replies.of(200, 503)) == 4 and stream.replies.unsent == 0


def test_a_broken_connection_and_an_answer_that_does_not_come_count_as_0(wire: Wire) -> None:
    def requests() -> Iterator[Request]:
        wire._patience_s = 0.3
        yield from (wire.request("/", body) for body in (b"leave", b"wait"))
        wire._patience_s = 300
        yield wire.request("/", b"c")

    stream = Stream(requests(), clients=1)
    wire.run([stream], 300)
    assert {status: len(times) for status, times in stream.replies.milliseconds.items()} == {0: 2, 200: 1}
    assert max(stream.replies.of(0)) >= 300


def test_replies_without_the_mark_of_an_answer_and_with_another_status_end_the_measurement(wire: Wire) -> None:
    answer, other = wire.request("/", b"an answer", mark=b"answer"), wire.request("/", b"sorry", mark=b"answer")
    milliseconds, elapsed = wire.answers([answer] * 3, 2, 300)
    assert len(milliseconds) == 3 and elapsed < 300
    for wrong, told in ((other, "200: b'sorry'"), (wire.request("/", b"refuse"), "503")):
        with pytest.raises(RagError, match=f"{told}.*--clients"):
            wire.answers([answer, wrong], 1, 300)


class Clock(SimpleNamespace):
    """Seconds that only go by while one sleeps."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)


def test_a_rate_is_kept_and_what_was_not_sent_is_told(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = cycle([wire.request("/", b"d")])
    kept, too_much = Stream(requests, rate=50), Stream(requests, rate=10_000_000)
    with monkeypatch.context() as patch:
        clock = Clock()
        patch.setattr(load, "time", clock)
        patch.setattr(load, "asyncio", clock)
        wire.run([kept], 1)
    assert (kept.replies.count, kept.replies.unsent) == (50, 0)
    wire._patience_s = 0.3  # more than the server can take at once: what it leaves comes late
    wire.run([too_much], 0.2)
    assert too_much.replies.count + too_much.replies.unsent == 2_000_000 and too_much.replies.unsent > 0
