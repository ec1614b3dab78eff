"""What the service has done so far, in Prometheus' text format (version 0.0.4)."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Seconds: half a millisecond, a question, an upload of many files.
_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """What one application counts. Labels take few values, none of them a client's words."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = self._counter("footnote_requests", "Requests answered.", "method", "route", "status")
        self.answers = self._counter("footnote_answers", "Questions answered, and abstentions.", "answered")
        self.documents = self._counter("footnote_documents", "Documents taken, deleted or refused.", "outcome")
        self.request_seconds = self._timed("footnote_request_seconds", "From a request's head to its answer.", "route")
        self.queue_seconds = self._timed("footnote_queue_seconds", "Time that work waited for a thread.", "lane")
        self.stage_seconds = self._timed("footnote_stage_seconds", "Stages of answering a question.", "stage")
        self.ingest_seconds = self._timed("footnote_ingest_seconds", "From a document's bytes to its being searchable.")
        ProcessCollector(registry=self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self._registry)

    def _timed(self, name: str, meaning: str, *labels: str) -> Histogram:
        return Histogram(name, meaning, labels, buckets=_BOUNDS, registry=self._registry)

    def text(self, gauges: Iterable[Metric]) -> bytes:
        """All of it, and these gauges, as Prometheus reads it."""
        return generate_latest(self._registry) + generate_latest(_Now(gauges))


class _Now(Collector):
    """Metrics as they are at this moment."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def gauge(name: str, meaning: str, values: Iterable[tuple[dict[str, str], float]]) -> Metric:
    """A number that goes up and down, as it is now, for each set of labels, all of which have the same names."""
    pairs = list(values)
    family = GaugeMetricFamily(name, meaning, labels=list(pairs[0][0]) if pairs else [])
    for labels, value in pairs:
        family.add_metric(list(labels.values()), value)
    return family
