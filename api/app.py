"""The application: routes, errors and what stands around them, for one service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Semaphore

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import Route

from api import errors
from api.admission.access import RequireKey
from api.admission.early_refusal import EarlyRefusal
from api.admission.hosts import AllowedHosts, Hosts
from api.admission.keys import KeyRing
from api.admission.lanes import Lanes
from api.admission.limits import Admission, BodyLimit, RateLimit
from api.admission.middleware import HeadAsGet, LastCatch, SecurityHeaders
from api.admission.paths import MCP_PATH, METADATA_PATHS
from api.admission.tokens import metadata_url, tokens_of
from api.protocols import dify
from api.protocols.errors import DoorErrors
from api.protocols.mcp import metadata
from api.protocols.mcp.http import McpDoor
from api.protocols.openai import batches, chat, files, models, responses, vector_stores
from api.protocols.openai.staging import Staging
from api.routes import ask, collections, documents, feedback, health, jobs, metrics, originals, page, verify
from api.schemas.openapi import describe
from api.settings import Settings, installed_version
from api.telemetry.kept_questions import Judged, Unanswered
from api.telemetry.metrics import Metrics
from api.telemetry.observe import Observe
from api.workers.pool import TOGETHER, Answerers
from rag.service import Service

# Answered without a key: probes, the page, and where a client learns who gives out tokens.
OPEN_PATHS = frozenset(("/livez", "/readyz", *METADATA_PATHS, *page.PATHS))


def create_app(service: Service, settings: Settings, answerers: Answerers | None = None) -> FastAPI:
    """The application that answers from ``service``, which stays its owner's to close.  Raises KeysUnusable.

    answerers: processes that answer questions once they are started, also their owner's; without them this process does.
    """

    counted = Metrics()
    lanes = Lanes(settings, counted, n_asking=answerers.n * TOGETHER if answerers is not None else settings.threads)

    mcp = McpDoor(with_writing=settings.mcp_write)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # What the framework writes to disk of an upload goes through this pool, which belongs to the event loop.
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        yield
        app.state.staging.close()
        await mcp.close()
        # A document half-way in must not find its store closed.
        app.state.idle = lanes.close(app.state.drain_s)

    around = [Middleware(Observe, metrics=counted, open_paths=OPEN_PATHS), Middleware(SecurityHeaders)]
    around += [Middleware(DoorErrors), Middleware(LastCatch)]
    hosts = None if settings.bound is None else Hosts(settings.bound, settings.extra_hosts)
    if hosts is not None:
        around.append(Middleware(AllowedHosts, hosts=hosts))
    keys, tokens = KeyRing(settings.api_key, settings.keys_file), tokens_of(settings)
    around.append(
        Middleware(RequireKey, keys=keys, open_paths=OPEN_PATHS, tokens=tokens, metadata_url=metadata_url(settings))
    )
    if settings.rate is not None:
        around.append(Middleware(RateLimit, rate=settings.rate, burst=settings.burst, open_paths=OPEN_PATHS))
    around.append(Middleware(Admission, lanes=lanes, open_paths=OPEN_PATHS))
    around += [Middleware(BodyLimit, settings=settings), Middleware(HeadAsGet)]
    app = FastAPI(
        version=installed_version(),
        lifespan=lifespan,
        middleware=around,
        docs_url=None,  # the framework's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        # Of the framework's telemetry only spans of requests: its logs would hold the words of exceptions, which may quote a text.
        telemetry={
            "tracing": settings.tracing,
            "auto_configure": settings.tracing,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
        },
    )
    app.state.service = service
    app.state.answerers = answerers
    app.state.settings = settings
    app.state.judged = Judged(settings.feedback) if settings.feedback else None
    app.state.unanswered = Unanswered(settings.unanswered) if settings.unanswered else None
    app.state.keeps_originals = settings.keep_originals is not False
    app.state.generations = Semaphore(settings.generations)
    app.state.metrics = counted
    app.state.lanes = lanes
    app.state.stopping = False
    app.state.drain_s = settings.drain_s
    app.state.batches = batches.Batches()
    app.state.staging = Staging(4 * settings.max_upload_bytes)
    # A key's rate is counted, and a span is made, further in.
    is_refused_early = settings.rate is None and not settings.tracing
    app.state.early_refusal = (
        EarlyRefusal(lanes.ask, hosts, keys, counted, settings.max_json_bytes) if is_refused_early else None
    )
    errors.install(app)
    own = (ask, documents, originals, jobs, collections, feedback, verify, health, page)
    of_others = (metadata, models, chat, responses, batches, files, vector_stores, dify)
    for router in (*(module.router for module in (*own, *of_others)), vector_stores.store_router):
        # Its routes themselves: the framework looks through an included router at every request.
        app.router.routes += router.routes
    app.router.routes.append(Route(MCP_PATH, mcp, methods=["POST"]))
    if settings.metrics:
        app.router.routes += metrics.router.routes
    app.openapi = describe(app, with_key=keys.required or tokens is not None)  # type: ignore[method-assign]
    return app
