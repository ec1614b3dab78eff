"""Does a service under ten times the load it can serve still serve, in time, and refuse quickly?

A real `rag serve` on this machine with the corpus in it; the load comes from this process over loopback, so both share the
machine's cores; `load_cpu` and `server_cpu` say how many each took, the server with all of its processes. First the peak: so many
clients that ask one after another as give most answers a second. Then questions at ten times that rate, whether the ones before are
answered or not. Then uploads, some of them bombs, while questions go on. Meanwhile `/livez` is asked fifty times a second. Not
timed: start, ingest of the corpus, the first questions.

Latency counts from the moment a request is due, so that a service that stalls the load is not forgiven. What this process could
not send before its time was over is `unsent`: then the load was less than was meant.

The service is measured on the same cores, so a request has to cost little here: requests are made beforehand, and of an answer
only its status and length are read.
"""

import asyncio
import io
import json
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from urllib.parse import urlsplit

from eval.bench import corpus
from eval.bench.commands import Server, rag_command, run, serving
from eval.bench.results import Figure, Row, percentiles
from rag.shared.types import Incoming

DEADLINE_S = 2.0
_CLIENTS = (2, 4, 8, 16)
_PROBES_PER_S = 50
_N_QUESTIONS = 20_000  # all different, so that no answer is one that was kept
_MOST_DOCUMENTS = 300  # of the corpus: what is measured is the way in, not the search
_MOST_WAIT_S = 3 * DEADLINE_S  # for an answer; the service promises one, or a refusal, within its deadline
_BOMB_MIB = 200
_MOST_CONNECTIONS = 1000  # open at once; past it a request waits for its connection, which counts
_MOST_AT_ONCE = 20  # requests that are late and go out before the answers that have come are read


@dataclass(slots=True)
class Replies:
    """What came back. milliseconds: by status, from when each was due; status 0: the connection broke, or no answer came."""

    milliseconds: dict[int, list[float]] = field(default_factory=dict)
    unsent: int = 0

    def note(self, status: int, due: float) -> None:
        """Count an answer that has come now. due: when its request was, by ``time.perf_counter``."""
        self.milliseconds.setdefault(status, []).append((time.perf_counter() - due) * 1000)

    def of(self, *statuses: int) -> list[float]:
        """Milliseconds of these statuses."""
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

    requests: Iterator[bytes]
    clients: int = 0
    rate: float = 0
    replies: Replies = field(default_factory=Replies)


_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """Requests to one service. patience_s: for an answer, after which its connection is given up."""

    def __init__(self, url: str, patience_s: float) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._patience_s = patience_s
        self._free: list[_Connection] = []
        self._places = asyncio.Semaphore(_MOST_CONNECTIONS)

    def request(self, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """A request as it goes over the wire."""
        head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        return f"{head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def run(self, streams: Sequence[Stream], seconds: float) -> None:
        """Send what is due in so many seconds; returns when all that the first stream sent is answered.

        What the others still wait for then is given up, uncounted.
        """
        asyncio.run(self._run(streams, seconds))

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
        while (now := time.perf_counter()) < ends_at and (request := next(stream.requests, None)) is not None:
            await self._send(stream, request, now)

    async def _send(self, stream: Stream, request: bytes, due: float) -> None:
        status = 0
        async with self._places:
            with suppress(OSError, EOFError, TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    status = await self._exchange(request)
        stream.replies.note(status, due)

    async def _exchange(self, request: bytes) -> int:
        """Send a request; the status of its answer once that is whole.  Raises OSError or EOFError when the connection broke."""
        connection = self._free.pop() if self._free else await asyncio.open_connection(self._host, self._port)
        reader, writer = connection
        keep = False
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            # An answer before the request is whole is a refusal, after which the rest has no place on the connection.
            keep = b"\r\nconnection: close" not in head and not writer.transport.get_write_buffer_size()
        finally:
            if keep:
                self._free.append(connection)
            else:
                writer.close()
        return int(head[9:12])


def rows(gold: Path | None, seconds: float) -> Iterator[Row]:
    """The peak, ten times it, and uploads; each case for so many seconds."""
    documents = corpus.read(gold)
    stored = documents.documents[:_MOST_DOCUMENTS]
    with tempfile.TemporaryDirectory() as folder:
        _say(f"adding {len(stored)} documents and starting a server")
        with _serving(Path(folder), stored) as server:
            wire = Wire(server.url, _MOST_WAIT_S)
            texts = (f"{text[:1900]} ({number})" for number, text in enumerate(cycle(documents.questions)))
            asked = (wire.request("/v1/ask", json.dumps({"question": text}).encode()) for text in texts)
            # Made before they are needed, and all different, so that no answer is one that was kept.
            questions = cycle([next(asked) for _ in range(_N_QUESTIONS)])
            _say("asking the first questions")
            wire.run([Stream(questions, clients=4)], min(seconds, 3))  # loads what the first questions load
            peak, row = _peak(wire, questions, server.pid, seconds)
            yield row
            _say(f"asking {10 * peak:.0f} questions a second")
            yield _case("ten times the peak", wire, questions, 10 * peak, peak, server.pid, seconds)
            _say("asking while documents and bombs are uploaded")
            yield _case("uploads and bombs", wire, questions, peak / 4, peak, server.pid, seconds, stored)


def _say(what: str) -> None:
    sys.stderr.write(f"overload: {what}\n")


def _peak(wire: Wire, questions: Iterator[bytes], pid: int, seconds: float) -> tuple[float, Row]:
    """Most answers a second, and its row."""
    measured: list[tuple[float, dict[str, Figure]]] = []
    for clients in _CLIENTS:
        _say(f"{clients} clients ask one after another")
        asked = Stream(questions, clients=clients)
        watch = _Watch(pid)
        wire.run([asked], seconds)
        answers = asked.replies.of(200)
        rate = len(answers) / watch.seconds
        figures: dict[str, Figure] = {"answers_per_s": round(rate, 1), "clients": clients}
        measured.append((rate, {**figures, **percentiles(answers), **watch.cores()}))
    rate, figures = max(measured, key=lambda case: case[0])
    return rate, Row("overload", "peak", figures)


def _case(
    name: str,
    wire: Wire,
    questions: Iterator[bytes],
    rate: float,
    peak: float,
    pid: int,
    seconds: float,
    uploaded: Sequence[Incoming] = (),
) -> Row:
    """Questions at a rate while `/livez` is asked, and documents are uploaded by two clients where there are any."""
    asked = Stream(questions, rate=rate)
    probes = Stream(cycle([wire.request("/livez")]), rate=_PROBES_PER_S)
    uploads = [Stream(_uploads(wire, uploaded), clients=2)] if uploaded else []
    watch = _Watch(pid)
    wire.run([asked, probes, *uploads], seconds)
    figures = _figures(asked.replies, probes.replies, watch.seconds, rate, peak) | watch.cores()
    if uploads:
        figures["uploads"] = uploads[0].replies.count
    return Row("overload", name, figures)


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
        busy: dict[str, Figure] = {"load_cpu": round((time.process_time() - own) / seconds, 2)}
        if server is not None and (now := _cpu_seconds(self._pid)) is not None:
            busy["server_cpu"] = round((now - server) / seconds, 2)
        return busy


def _cpu_seconds(pid: int) -> float | None:
    """Processor time of a process and of those that it started; None where the system does not show it this way."""
    try:
        # From the 14th field: its own time, in user and in system mode, and that of children that have ended.
        ticks = map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15])
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return None
    return sum(ticks) / os.sysconf("SC_CLK_TCK") + sum(_cpu_seconds(int(child)) or 0 for child in children)


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
    for name, milliseconds in (("accepted", accepted), ("refused", refused), ("livez", probes.of(200))):
        if milliseconds:
            figures |= {
                f"{name}_{share}": value for share, value in percentiles(milliseconds).items() if share != "p95_ms"
            }
    return figures


def _uploads(wire: Wire, documents: Sequence[Incoming]) -> Iterator[bytes]:
    """Documents, and every fifth time something that means harm, for ever.  Made here and now: that takes a second."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.txt", bytes(_BOMB_MIB << 20))
    hostile = [("bomb.zip", bomb.getvalue()), ("deep.json", b"[" * 1_000_000), ("deep.html", b"<div>" * 200_000)]
    harmful = cycle([_form(wire, name, content) for name, content in hostile])
    ordinary = (
        _form(wire, f"{number}.txt", document.text.encode()) for number, document in enumerate(cycle(documents))
    )
    return (next(harmful if number % 5 == 0 else ordinary) for number in count())


def _form(wire: Wire, name: str, content: bytes) -> bytes:
    head = f'--footnote-bench\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    kind = "multipart/form-data; boundary=footnote-bench"
    return wire.request("/v1/documents", head + content + b"\r\n--footnote-bench--\r\n", kind)


@contextmanager
def _serving(folder: Path, documents: Sequence[Incoming]) -> Iterator[Server]:
    """A server with the corpus in it."""
    files, store = folder / "files", folder / "store"
    corpus.write_files(documents, files)
    settings: Mapping[str, str] = {
        **os.environ,
        "RAG_KEYS": str(folder / "keys.json"),
        "RAG_DEADLINE": str(DEADLINE_S),
        "RAG_LOG_FORMAT": "json",
    }
    run("rag add", [*rag_command(), "add", str(files), "--store", str(store)], settings)
    with serving(store, settings) as server:
        yield server
