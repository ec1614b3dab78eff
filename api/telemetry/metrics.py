"""What the service has done so far, in Prometheus' text format (version 0.0.4)."""

import os
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Seconds: half a millisecond, a question, an upload of many files.
_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Counter:
    """A number that only grows, for each combination of label values."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        self.name, self.meaning, self.labels = name, meaning, labels
        self._counts: dict[tuple[str, ...], int] = {}
        self._lock = Lock()

    def add(self, *values: str, n: int = 1) -> None:
        """Count ``n`` more for these label values."""
        with self._lock:
            self._counts[values] = self._counts.get(values, 0) + n

    def lines(self) -> Iterator[str]:
        """As Prometheus reads it."""
        with self._lock:
            counts = sorted(self._counts.items())
        yield from _head(self.name, self.meaning, "counter")
        for values, count in counts:
            yield f"{self.name}{_labels(self.labels, values)} {count}"


class Histogram:
    """How many observations, in seconds, were at most each bound, for each combination of label values."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        self.name, self.meaning, self.labels = name, meaning, labels
        self._found: dict[tuple[str, ...], tuple[list[int], float]] = {}
        self._lock = Lock()

    def observe(self, seconds: float, *values: str) -> None:
        """Count one observation for these label values."""
        with self._lock:
            counts, total = self._found.get(values) or ([0] * (len(_BOUNDS) + 1), 0.0)
            counts[bisect_left(_BOUNDS, seconds)] += 1
            self._found[values] = counts, total + seconds

    def lines(self) -> Iterator[str]:
        """As Prometheus reads it."""
        with self._lock:
            found = sorted((values, (list(counts), total)) for values, (counts, total) in self._found.items())
        yield from _head(self.name, self.meaning, "histogram")
        for values, (counts, total) in found:
            so_far = 0
            for bound, count in zip((*(f"{bound:g}" for bound in _BOUNDS), "+Inf"), counts, strict=True):
                so_far += count
                yield f"{self.name}_bucket{_labels((*self.labels, 'le'), (*values, bound))} {so_far}"
            yield f"{self.name}_sum{_labels(self.labels, values)} {total:.6f}"
            yield f"{self.name}_count{_labels(self.labels, values)} {so_far}"


class Metrics:
    """What one application counts. Labels take few values, none of them a client's words."""

    def __init__(self) -> None:
        self.requests = Counter("footnote_requests_total", "Requests answered.", "method", "route", "status")
        self.request_seconds = Histogram("footnote_request_seconds", "From a request's head to its answer.", "route")
        self.queue_seconds = Histogram("footnote_queue_seconds", "Time that work waited for a thread.", "lane")
        self.stage_seconds = Histogram("footnote_stage_seconds", "Stages of answering a question.", "stage")
        self.answers = Counter("footnote_answers_total", "Questions answered, and abstentions.", "answered")
        self.documents = Counter("footnote_documents_total", "Documents taken, deleted or refused.", "outcome")
        self.ingest_seconds = Histogram("footnote_ingest_seconds", "From a document's bytes to its being searchable.")

    def lines(self) -> Iterator[str]:
        """All of it as Prometheus reads it."""
        for one in (self.requests, self.answers, self.documents):
            yield from one.lines()
        for timed in (self.request_seconds, self.queue_seconds, self.stage_seconds, self.ingest_seconds):
            yield from timed.lines()


def gauge(name: str, meaning: str, values: Iterable[tuple[dict[str, str], float]]) -> Iterator[str]:
    """A number that goes up and down, as it is now, for each set of labels."""
    yield from _head(name, meaning, "gauge")
    for labels, value in values:
        yield f"{name}{_labels(tuple(labels), tuple(labels.values()))} {value:.17g}"


def process() -> Iterator[str]:
    """Memory and processor time of this process, under the names that dashboards know."""
    times = os.times()
    yield from _head("process_cpu_seconds_total", "Processor time used.", "counter")
    yield f"process_cpu_seconds_total {times.user + times.system:.3f}"
    memory = _resident_bytes()
    if memory is not None:
        yield from gauge("process_resident_memory_bytes", "Memory in use.", [({}, memory)])
    yield from gauge("process_start_time_seconds", "When this module was loaded.", [({}, _STARTED)])


_STARTED = time.time()


def _resident_bytes() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):  # not Linux
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _head(name: str, meaning: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
