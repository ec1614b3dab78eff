"""Does a service under ten times the load it can serve still serve, in time, and refuse quickly?

A real `rag serve` on this machine with the corpus in it; the load comes from this process over loopback, so both share the
machine's cores. First the peak: so many clients that ask one after another as give most answers a second. Then questions at ten
times that rate, whether the ones before are answered or not. Then uploads, some of them bombs, while questions go on. Meanwhile
`/livez` is asked fifty times a second. Not timed: start, ingest of the corpus, the first questions.

Latency counts from the moment a request is due, so that a service that stalls the load is not forgiven.
"""

import asyncio
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from eval.bench import corpus
from eval.bench.results import Figure, Row, percentiles

DEADLINE_S = 2.0
_CLIENTS = (2, 4, 8, 16)
_PROBE_EVERY_S = 0.02
_MOST_CONNECTIONS = 1000  # open at once; past it a request waits for its connection, which counts
_BOMB_MIB = 200


@dataclass(slots=True)
class Replies:
    """What came back. milliseconds: by status, from when each was due."""

    milliseconds: dict[int, list[float]] = field(default_factory=dict)

    def note(self, status: int, seconds: float) -> None:
        """Count one; status 0: the connection broke."""
        self.milliseconds.setdefault(status, []).append(seconds * 1000)

    def of(self, *statuses: int) -> list[float]:
        """Milliseconds of these statuses."""
        return [one for status in statuses for one in self.milliseconds.get(status, ())]

    @property
    def count(self) -> int:
        """How many came back."""
        return sum(map(len, self.milliseconds.values()))


class _Connection(asyncio.Protocol):
    """One request at a time over one connection; as little work as can be, since the service needs the cores."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = bytearray()
        self._answered: asyncio.Future[int] | None = None
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.is_open = True

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Send a request; the future gets the status, 0 when the connection breaks."""
        self._answered = asyncio.get_running_loop().create_future()
        self._received.clear()
        if self.is_open:
            self.transport.write(request)
        else:
            self._answered.set_result(0)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        if b"connection: close" in head.lower():
            self.is_open = False
        self._finish(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._finish(0)

    def _finish(self, status: int) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(status)


class _Load:
    """Connections to one service, kept for the next request."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._place = host, int(port)
        self._free: list[_Connection] = []
        self._slots = asyncio.Semaphore(_MOST_CONNECTIONS)

    def request(self, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """A request as it goes over the wire."""
        head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: {self._place[0]}:{self._place[1]}\r\n"
        return f"{head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    async def send(self, request: bytes, replies: Replies, due: float | None = None) -> int:
        """Send and note what comes back. due: by the loop's clock, now unless given."""
        loop = asyncio.get_running_loop()
        due = loop.time() if due is None else due
        async with self._slots:
            connection = self._free.pop() if self._free else None
            try:
                if connection is None or not connection.is_open:
                    _, connection = await loop.create_connection(_Connection, *self._place)
                status = await asyncio.wait_for(connection.ask(request), 60)
            except (OSError, TimeoutError):
                status = 0
            replies.note(status, loop.time() - due)
            if status and connection is not None and connection.is_open:
                self._free.append(connection)
        return status

    async def one_after_another(self, requests: Sequence[bytes], clients: int, seconds: float) -> Replies:
        """Requests of so many clients, each of which waits for its answer before it asks again."""
        replies = Replies()
        ends_at = asyncio.get_running_loop().time() + seconds

        async def client(number: int) -> None:
            while asyncio.get_running_loop().time() < ends_at:
                await self.send(requests[number % len(requests)], replies)
                number += clients

        await asyncio.gather(*map(client, range(clients)))
        return replies

    async def at_rate(self, requests: Sequence[bytes], rate: float, seconds: float) -> Replies:
        """So many requests a second, whether those before are answered or not; ends when all are."""
        replies = Replies()
        loop = asyncio.get_running_loop()
        started = loop.time()
        tasks = set()
        for number in range(int(rate * seconds)):
            due = started + number / rate
            if (early := due - loop.time()) > 0.001:
                await asyncio.sleep(early)
            task = asyncio.create_task(self.send(requests[number % len(requests)], replies, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        return replies


def rows(gold: Path | None, seconds: float) -> Iterator[Row]:
    """The peak, ten times it, and uploads; each case for so many seconds."""
    documents = corpus.read(gold)
    with tempfile.TemporaryDirectory() as folder, _serving(Path(folder), documents) as url:
        yield from asyncio.run(_measure(url, documents, seconds))


async def _measure(url: str, documents: corpus.Corpus, seconds: float) -> list[Row]:
    load = _Load(url)
    questions = [
        load.request("/v1/ask", json.dumps({"question": question[:2000]}).encode())
        for question in documents.questions[:200]
    ]
    await load.one_after_another(questions, 4, min(seconds, 3))  # loads what the first questions load
    found = []
    peak = 0.0
    for clients in _CLIENTS:
        started = time.perf_counter()
        replies = await load.one_after_another(questions, clients, seconds)
        answered = len(replies.of(200)) / (time.perf_counter() - started)
        if answered > peak:
            peak, best = answered, (clients, replies)
    figures: dict[str, Figure] = {"answers_per_s": round(peak, 1), "clients": best[0], **percentiles(best[1].of(200))}
    found.append(Row("overload", "peak", figures))

    probes = Replies()
    probe = asyncio.create_task(_probe(load, probes))
    started = time.perf_counter()
    replies = await load.at_rate(questions, 10 * peak, seconds)
    took = time.perf_counter() - started
    probe.cancel()
    found.append(Row("overload", "ten times the peak", _figures(replies, probes, took, 10 * peak, peak)))

    probes = Replies()
    probe = asyncio.create_task(_probe(load, probes))
    uploads = Replies()
    uploading = asyncio.create_task(_upload(load, documents, uploads))
    started = time.perf_counter()
    replies = await load.at_rate(questions, peak / 4, seconds)
    took = time.perf_counter() - started
    uploading.cancel()
    probe.cancel()
    figures = _figures(replies, probes, took, peak / 4, peak) | {"uploads": uploads.count}
    found.append(Row("overload", "uploads and bombs", figures))
    return found


def _figures(replies: Replies, probes: Replies, took: float, rate: float, peak: float) -> dict[str, Figure]:
    accepted, refused = replies.of(200), replies.of(503, 429)
    answered = len(accepted) / took
    figures: dict[str, Figure] = {
        "asked_per_s": round(rate, 1),
        "answers_per_s": round(answered, 1),
        "share_of_peak": round(answered / peak, 3),
        "refused": len(refused),
        "broken": replies.count - len(accepted) - len(refused),
    }
    for name, found in (("accepted", accepted), ("refused", refused), ("livez", probes.of(200))):
        if found:
            figures |= {f"{name}_{share}": value for share, value in percentiles(found).items() if share != "p95_ms"}
    return figures


async def _probe(load: _Load, replies: Replies) -> None:
    """Ask `/livez` at its rate until cancelled."""
    request = load.request("/livez")
    loop = asyncio.get_running_loop()
    due = loop.time()
    asked = set()
    while True:
        task = asyncio.create_task(load.send(request, replies, due))
        asked.add(task)
        task.add_done_callback(asked.discard)
        due += _PROBE_EVERY_S
        await asyncio.sleep(max(0.0, due - loop.time()))


async def _upload(load: _Load, documents: corpus.Corpus, replies: Replies) -> None:
    """Documents and bombs, by two clients, until cancelled."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.txt", bytes(_BOMB_MIB << 20))
    hostile = [("bomb.zip", bomb.getvalue()), ("deep.json", b"[" * 1_000_000), ("deep.html", b"<div>" * 200_000)]

    async def client(number: int) -> None:
        while True:
            document = documents.documents[number % len(documents.documents)]
            name, content = f"{number}.txt", document.text.encode()
            if number % 5 == 0:
                name, content = hostile[number // 5 % len(hostile)]
            await load.send(_form(load, name, content), replies)
            number += 2

    await asyncio.gather(client(0), client(1))


def _form(load: _Load, name: str, content: bytes) -> bytes:
    head = f'--footnote-bench\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    kind = "multipart/form-data; boundary=footnote-bench"
    return load.request("/v1/documents", head + content + b"\r\n--footnote-bench--\r\n", kind)


@contextmanager
def _serving(folder: Path, documents: corpus.Corpus) -> Iterator[str]:
    """The address of a server with the corpus in it."""
    files = folder / "files"
    corpus.write_files(documents.documents, files)
    rag = str(Path(sys.executable).with_name("rag"))
    settings: Mapping[str, str] = {
        **os.environ,
        "RAG_STORE": str(folder / "store"),
        "RAG_KEYS": str(folder / "keys.json"),
        "RAG_DEADLINE": str(DEADLINE_S),
        "RAG_LOG_FORMAT": "json",
    }
    subprocess.run([rag, "add", str(files)], env=settings, check=True, capture_output=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [rag, "serve", "--port", "0", "--json"], env=settings, stdout=subprocess.PIPE, stderr=log
        )
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
    finally:
        server.terminate()
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
