"""Does a service under ten times the load it can serve still serve, in time, and refuse quickly?

A real `rag serve` on this machine with the corpus in it; the load comes from this process over loopback, so both share the
machine's cores; `load_cpu` and `server_cpu` say how many each took. First the peak: so many clients that ask one after another as
give most answers a second. Then questions at ten times that rate, whether the ones before are answered or not. Then uploads, some
of them bombs, while questions go on. Meanwhile `/livez` is asked fifty times a second. Not timed: start, ingest of the corpus,
the first questions.

Latency counts from the moment a request is due, so that a service that stalls the load is not forgiven. What this process could
not send before its time was over is `unsent`: then the load was less than was meant.
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
from itertools import cycle
from pathlib import Path

from eval.bench import corpus
from eval.bench.results import Figure, Row, percentiles
from rag.types import Incoming

DEADLINE_S = 2.0
_CLIENTS = (2, 4, 8, 16)
_PROBE_EVERY_S = 0.02
_MOST_CONNECTIONS = 1000  # open at once; past it a request waits for its connection, which counts
_N_QUESTIONS = 20_000  # all different, so that no answer is one that was kept
_MOST_DOCUMENTS = 300  # of the corpus: what is measured is the way in, not the search
_MOST_WAIT_S = 3 * DEADLINE_S  # for an answer; the service promises one, or a refusal, within its deadline
_BOMB_MIB = 200


@dataclass(slots=True)
class Replies:
    """What came back. milliseconds: by status, from when each was due."""

    milliseconds: dict[int, list[float]] = field(default_factory=dict)
    unsent: int = 0

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
                status = await _within(connection.ask(request), _MOST_WAIT_S)
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
        """So many requests a second, whether those before are answered or not; ends when all that were sent are."""
        replies = Replies()
        loop = asyncio.get_running_loop()
        started = loop.time()
        tasks = set()
        for number in range(int(rate * seconds)):
            due = started + number / rate
            if (early := due - loop.time()) > 0.001:
                await asyncio.sleep(early)
            elif loop.time() > started + seconds:
                replies.unsent = int(rate * seconds) - number
                break
            elif number % 20 == 0:  # late already: the answers that have come have to be read all the same
                await asyncio.sleep(0)
            task = asyncio.create_task(self.send(requests[number % len(requests)], replies, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        return replies


def rows(gold: Path | None, seconds: float) -> Iterator[Row]:
    """The peak, ten times it, and uploads; each case for so many seconds."""
    documents = corpus.read(gold)
    stored = documents.documents[:_MOST_DOCUMENTS]
    with tempfile.TemporaryDirectory() as folder:
        _say(f"adding {len(stored)} documents and starting a server")
        with _serving(Path(folder), stored) as (url, pid), asyncio.Runner() as runner:
            load = _Load(url)
            questions = [
                load.request("/v1/ask", json.dumps({"question": f"{question[:1900]} ({number})"}).encode())
                for number, question in zip(range(_N_QUESTIONS), cycle(documents.questions), strict=False)
            ]
            _say("asking the first questions")
            runner.run(load.one_after_another(questions, 4, min(seconds, 3)))  # loads what the first questions load
            peak, row = runner.run(_peak(load, questions, pid, seconds))
            yield row
            _say(f"asking {10 * peak:.0f} questions a second")
            yield runner.run(_case("ten times the peak", load, questions, 10 * peak, peak, pid, seconds))
            _say("asking while documents and bombs are uploaded")
            yield runner.run(_case("uploads and bombs", load, questions, peak / 4, peak, pid, seconds, stored))


def _say(what: str) -> None:
    sys.stderr.write(f"overload: {what}\n")


async def _peak(load: _Load, questions: Sequence[bytes], pid: int, seconds: float) -> tuple[float, Row]:
    """Most answers a second, and its row."""
    found: list[tuple[float, dict[str, Figure]]] = []
    for clients in _CLIENTS:
        _say(f"{clients} clients ask one after another")
        watch = _Watch(pid)
        replies = await load.one_after_another(questions, clients, seconds)
        rate = len(replies.of(200)) / watch.seconds
        figures: dict[str, Figure] = {"answers_per_s": round(rate, 1), "clients": clients}
        found.append((rate, {**figures, **percentiles(replies.of(200)), **watch.cores()}))
    rate, figures = max(found, key=lambda one: one[0])
    return rate, Row("overload", "peak", figures)


async def _case(
    name: str,
    load: _Load,
    questions: Sequence[bytes],
    rate: float,
    peak: float,
    pid: int,
    seconds: float,
    uploaded: Sequence[Incoming] = (),
) -> Row:
    """Questions at a rate while `/livez` is asked, and documents are uploaded where there are any."""
    probes, uploads = Replies(), Replies()
    beside = [asyncio.create_task(_probe(load, probes))]
    if uploaded:
        beside.append(asyncio.create_task(_upload(load, uploaded, uploads)))
    watch = _Watch(pid)
    replies = await load.at_rate(questions, rate, seconds)
    figures = _figures(replies, probes, watch.seconds, rate, peak) | watch.cores()
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    return Row("overload", name, figures | ({"uploads": uploads.count} if uploaded else {}))


class _Watch:
    """Time, and the processor time of this process and of the server, from now on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._started = time.perf_counter()
        self._cpu = time.process_time(), _cpu_seconds(pid)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._started

    def cores(self) -> dict[str, Figure]:
        """Cores that were busy with the load and with the server."""
        own, server = self._cpu
        seconds = self.seconds
        found: dict[str, Figure] = {"load_cpu": round((time.process_time() - own) / seconds, 2)}
        if server is not None and (now := _cpu_seconds(self._pid)) is not None:
            found["server_cpu"] = round((now - server) / seconds, 2)
        return found


def _cpu_seconds(pid: int) -> float | None:
    """Processor time of a process; None where the system does not show it this way."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _within(answer: "asyncio.Future[int]", seconds: float) -> int:
    """The status, or TimeoutError. (``asyncio.wait_for`` makes a task for each.)"""
    async with asyncio.timeout(seconds):
        return await answer


def _figures(replies: Replies, probes: Replies, took: float, rate: float, peak: float) -> dict[str, Figure]:
    accepted, refused = replies.of(200), replies.of(503, 429)
    answered = len(accepted) / took
    figures: dict[str, Figure] = {
        "asked_per_s": round(rate, 1),
        "answers_per_s": round(answered, 1),
        "share_of_peak": round(answered / peak, 3),
        "unsent": replies.unsent,
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


async def _upload(load: _Load, documents: Sequence[Incoming], replies: Replies) -> None:
    """Documents and bombs, by two clients, until cancelled."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.txt", bytes(_BOMB_MIB << 20))
    hostile = [("bomb.zip", bomb.getvalue()), ("deep.json", b"[" * 1_000_000), ("deep.html", b"<div>" * 200_000)]

    async def client(number: int) -> None:
        while True:
            document = documents[number % len(documents)]
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
def _serving(folder: Path, documents: Sequence[Incoming]) -> Iterator[tuple[str, int]]:
    """The address of a server with the corpus in it, and the id of its process."""
    files = folder / "files"
    corpus.write_files(documents, files)
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
        yield json.loads(server.stdout.readline())["url"], server.pid
    finally:
        server.terminate()
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
