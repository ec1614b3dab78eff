"""The application: routes, errors and what stands around them, for one service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware import Middleware

from api import errors
from api.admission.access import RequireKey
from api.admission.door import Door
from api.admission.hosts import AllowedHosts, Hosts
from api.admission.keys import KeyRing
from api.admission.load import Admission, Lanes, RateLimit
from api.admission.middleware import BodyLimit, LastCatch, SecurityHeaders
from api.routes import ask, collections, documents, health, metrics, page, verify
from api.schemas.openapi import describe
from api.settings import Settings
from api.telemetry.metrics import Metrics
from api.telemetry.observe import Observe
from api.workers.pool import Answerers
from rag.service import Service


def _version() -> str:
    try:
        return version("footnote-rag")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"


def create_app(service: Service, settings: Settings, answerers: Answerers | None = None) -> FastAPI:
    """The application that answers from ``service``, which stays its owner's to close.  Raises KeysUnusable.

    answerers: processes that answer questions once they are started, also their owner's; without them this process does.
    """

    counted = Metrics()
    lanes = Lanes(settings, counted, n_asking=answerers.n if answerers is not None else settings.threads)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # What the framework writes to disk of an upload goes through this pool, which belongs to the event loop.
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        yield
        # A document half-way in must not find its store closed.
        app.state.idle = lanes.close(settings.drain_s)

    around = [Middleware(Observe, metrics=counted), Middleware(SecurityHeaders), Middleware(LastCatch)]
    hosts = None if settings.bound is None else Hosts(settings.bound, settings.extra_hosts)
    if hosts is not None:
        around.append(Middleware(AllowedHosts, hosts=hosts))
    keys = KeyRing(settings.api_key, settings.keys_file)
    around.append(Middleware(RequireKey, keys=keys))
    if settings.rate is not None:
        around.append(Middleware(RateLimit, rate=settings.rate, burst=settings.burst))
    around.append(Middleware(Admission, lanes=lanes))
    around.append(Middleware(BodyLimit, settings=settings))
    app = FastAPI(
        version=_version(),
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
    app.state.metrics = counted
    app.state.lanes = lanes
    app.state.stopping = False
    # A key's rate is counted, and a span is made, further in.
    by_the_door = settings.rate is None and not settings.tracing
    app.state.door = Door(lanes.ask, hosts, keys, counted, settings.max_json_bytes) if by_the_door else None
    errors.install(app)
    for module in (ask, documents, collections, verify, health, page):
        # Its routes themselves: the framework looks through an included router at every request.
        app.router.routes += module.router.routes
    if settings.metrics:
        app.router.routes += metrics.router.routes
    app.openapi = describe(app, with_key=keys.required)  # type: ignore[method-assign]
    return app
