"""Metrics, for a key that may read."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from prometheus_client.core import Metric

from api.deps import CallDep, answerers_of
from api.errors import DeadlineExceeded
from api.schemas.openapi import problems
from api.telemetry.metrics import MEDIA_TYPE, gauge
from index.errors import StoreError
from rag.service import Service

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=PlainTextResponse, responses=problems(), summary="Prometheus metrics")
async def get_metrics(call: CallDep) -> PlainTextResponse:
    """Counters since the start, the state of the queues, the size of the store; answers also when the store cannot be read."""
    try:
        store = await call.run(lambda: _store(call.service), within_s=2)
    except (StoreError, DeadlineExceeded):
        store = [gauge("footnote_store_readable", "Whether the store could be read just now.", [({}, 0)])]
    lanes = [({"lane": lane.name}, lane) for lane in call.state.lanes]
    answerers = answerers_of(call.request)
    running = answerers.running if answerers is not None else 0
    gauges = [
        gauge("footnote_info", "The version that runs.", [({"version": call.request.app.version}, 1)]),
        gauge("footnote_inside", "Requests that wait or are worked on.", [(n, lane.inside) for n, lane in lanes]),
        gauge("footnote_running", "Work that is being done now.", [(n, lane.running) for n, lane in lanes]),
        gauge("footnote_places", "More than this many inside are refused.", [(n, lane.places) for n, lane in lanes]),
        gauge("footnote_workers", "Processes that can answer questions.", [({}, running)]),
        *store,
    ]
    return PlainTextResponse(call.metrics.text(gauges), media_type=MEDIA_TYPE)


def _store(service: Service) -> list[Metric]:
    documents, passages = service.counts()
    rebuilding = [({"files": name}, int(name in service.store.rebuilding)) for name in ("vectors", "lexical")]
    return [
        gauge("footnote_store_documents", "Documents in the store.", [({}, documents)]),
        gauge("footnote_store_passages", "Passages in the store.", [({}, passages)]),
        gauge("footnote_store_generation", "Number of the last change.", [({}, service.generation)]),
        gauge("footnote_store_readable", "Whether the store could be read just now.", [({}, 1)]),
        gauge("footnote_store_rebuilding", "Search files that are being made again.", rebuilding),
    ]
