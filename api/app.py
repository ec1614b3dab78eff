"""The application: routes, errors and what stands around them, for one service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware import Middleware

from api import errors
from api.hosts import AllowedHosts
from api.middleware import BodyLimit, LastCatch, RequireKey, SecurityHeaders
from api.openapi import describe
from api.routes import ask, documents, health, page, verify
from api.settings import Settings
from rag.service import Service


def _version() -> str:
    try:
        return version("footnote")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"


def create_app(service: Service, settings: Settings) -> FastAPI:
    """The application that answers from ``service``, which stays its owner's to close."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # The limiter of the pool in which plain `def` routes run belongs to the event loop.
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        yield

    around = [Middleware(SecurityHeaders), Middleware(LastCatch)]
    if settings.bound is not None:
        around.append(Middleware(AllowedHosts, bound=settings.bound, extra=settings.extra_hosts))
    if settings.api_key is not None:
        around.append(Middleware(RequireKey, key=settings.api_key))
    around.append(Middleware(BodyLimit, settings=settings))
    app = FastAPI(
        version=_version(),
        lifespan=lifespan,
        middleware=around,
        docs_url=None,  # the framework's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    app.state.settings = settings
    errors.install(app)
    for module in (ask, documents, verify, health, page):
        app.include_router(module.router)
    app.openapi = describe(app, with_key=settings.api_key is not None)  # type: ignore[method-assign]
    return app
