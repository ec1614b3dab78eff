"""Does a service under ten times the load it can serve still serve, in time, and refuse quickly?

A real `rag serve` on this machine with the corpus in it; the load comes from this process over loopback, so both share the
machine's cores; `load_cpu` and `server_cpu` say how many each took, the server with all of its processes. First the peak: so many
clients that ask one after another as give most answers a second. Then questions at ten times that rate, whether the ones before are
answered or not. Then uploads, some of them bombs, while questions go on. Meanwhile `/livez` is asked fifty times a second. Not
timed: start, ingest of the corpus, the first questions.

Latency counts from the moment a request is due, so that a service that stalls the load is not forgiven. What this process could
not send before its time was over is `unsent`: then the load was less than was meant.
"""

import io
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import count, cycle, islice
from pathlib import Path

from eval.bench import corpus
from eval.bench.commands import Server, rag_command, run, serving
from eval.bench.load import Replies, Request, Stream, Wire
from eval.bench.results import Figure, Row, percentiles
from rag.shared.types import Incoming

DEADLINE_S = 2.0
_CLIENTS = (2, 4, 8, 16)
_PROBES_PER_S = 50
_N_QUESTIONS = 20_000  # all different, so that no answer is one that was kept
_MOST_DOCUMENTS = 300  # of the corpus: what is measured is the way in, not the search
_MOST_WAIT_S = 3 * DEADLINE_S  # for an answer; the service promises one, or a refusal, within its deadline
_BOMB_MIB = 200


def rows(gold: Path | None, seconds: float) -> Iterator[Row]:
    """The peak, ten times it, and uploads; each case for so many seconds."""
    documents = corpus.read(gold)
    stored = documents.documents[:_MOST_DOCUMENTS]
    with tempfile.TemporaryDirectory() as folder:
        _say(f"adding {len(stored)} documents and starting a server")
        with _serving(Path(folder), stored) as server:
            wire = Wire(server.url, _MOST_WAIT_S)
            # Made before they are needed, and all different, so that no answer is one that was kept.
            texts = islice(corpus.distinct(documents.questions), _N_QUESTIONS)
            questions = cycle([wire.request("/v1/ask", {"question": text[:2000]}) for text in texts])
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


def _peak(wire: Wire, questions: Iterator[Request], pid: int, seconds: float) -> tuple[float, Row]:
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
    questions: Iterator[Request],
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


def _uploads(wire: Wire, documents: Sequence[Incoming]) -> Iterator[Request]:
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


def _form(wire: Wire, name: str, content: bytes) -> Request:
    head = f'--footnote-bench\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    kind = {"Content-Type": "multipart/form-data; boundary=footnote-bench"}
    return wire.request("/v1/documents", head + content + b"\r\n--footnote-bench--\r\n", headers=kind)


def _serving(folder: Path, documents: Sequence[Incoming]) -> AbstractContextManager[Server]:
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
    return serving(store, settings)
