"""The command ``rag serve``. Imported by ``rag --help``: everything heavy is imported when it runs."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.server.stopping import interruptible
from api.telemetry import logs
from rag.cli.output import DONE, USAGE, JsonOption, StoreOption, fail, message, print_json, store_path

if TYPE_CHECKING:
    from socket import socket

    from fastapi import FastAPI

    from api.settings import Settings
    from api.workers.pool import Answerers
    from rag.service import Service
    from rag.shared.config import Place


def serve(
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on; one that other machines reach needs a key. (else $RAG_HOST, else 127.0.0.1)",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port to listen on; 0 takes a free one. (else $RAG_PORT, else 8000)",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=256,
            help="Processes that answer questions; 0 answers in the service's own. (else $RAG_WORKERS, else one for each core, "
            "at most 4)",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        str | None,
        typer.Option(
            metavar="text|json", help="How to log to stderr. (else $RAG_LOG_FORMAT, else text)", show_default=False
        ),
    ] = None,
    mcp_write: Annotated[
        bool | None,
        typer.Option(
            "--mcp-write",
            help="Let clients of /mcp whose key may write add and delete documents. (else $RAG_MCP_WRITE, else no)",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Serve the store over HTTP until interrupted; a new, empty store is made where there is none.

    `rag config` shows all settings and where each comes from.

    Example: rag serve --port 8080
    """
    if log_format not in (None, *logs.FORMATS):
        raise typer.BadParameter(f"{log_format!r}: use text or json", param_hint="--log-format")
    with _stoppable() as ready:
        options = {"host": host, "port": port, "workers": workers, "log_format": log_format, "mcp_write": mcp_write}
        _serve(store, {name: value for name, value in options.items() if value is not None}, json, ready)


@contextmanager
def _stoppable() -> Iterator[Event]:
    """The service, which ends with 0 when it is told to, whether it is ready or not."""
    ready = Event()
    with interruptible():
        try:
            yield ready
        except KeyboardInterrupt:
            logging.getLogger(__name__).warning("stopped" if ready.is_set() else "stopped before it was ready")
            raise typer.Exit(DONE) from None


def _serve(store: str | None, options: dict[str, Any], json: bool, ready: Event) -> None:
    """Open, announce, run and close.  ready: set when it listens."""
    from api.server.memory import keep_few_arenas
    from index.process import forbid_inspection

    forbid_inspection()
    keep_few_arenas()
    settings = _settings(options)
    from rag.model.engine import load_numpy

    load_numpy()
    from api.server.server import CannotListen
    from api.workers.pool import CannotStart

    try:
        with _opened(store_path(store), settings) as serving:

            def on_ready() -> None:
                ready.set()
                _announce(serving, json)

            _run(serving, on_ready)
            _leave(serving)
    except (CannotListen, CannotStart) as error:
        fail(str(error))


def _settings(options: dict[str, Any]) -> "Settings":
    """The settings with what the command line says; ends with 2 where others could reach a service without keys."""
    from api.admission.keys import KeyRing
    from api.settings import Settings, is_loopback

    settings = replace(Settings.read(), **options)
    logs.configure(settings.log_format)
    # It warns of every malformed upload; the client is told, and the operator has nothing to do.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    guarded = KeyRing(settings.api_key, settings.keys_file).required or settings.oidc_issuer is not None
    if not guarded and not is_loopback(settings.host):
        fail(
            f"{settings.host!r} can be reached from other machines: make a key with `rag key add NAME` or set RAG_API_KEY to "
            "a secret, or use --host 127.0.0.1",
            USAGE,
        )
    return settings


@dataclass(frozen=True, slots=True)
class _Serving:
    """A service that is ready to run. bound: the socket that it listens on.  say: tells people, in the form of the log."""

    service: "Service"
    app: "FastAPI"
    bound: "socket"
    settings: "Settings"
    say: Callable[[str], None]


@contextmanager
def _opened(place: "Place", settings: "Settings") -> "Iterator[_Serving]":
    """The port, the store, the processes that answer, and the application over them."""
    from api.server import server
    from api.workers.pool import Answerers
    from rag.service import Service
    from rag.shared.config import Config, keeps_originals
    from rag.shared.errors import BadInput

    config = Config.from_environment()
    if settings.keep_originals and not keeps_originals(place):
        raise BadInput(
            "RAG_KEEP_ORIGINALS: a store in PostgreSQL keeps no files: unset it, or serve a store in a directory"
        )
    say: Callable[[str], None] = message if settings.log_format == "text" else logging.getLogger(__name__).info
    with (
        server.bind(settings.host, settings.port) as bound,  # before the model is loaded: a port in use is told at once
        Service.open_or_create(place, config, views="behind") as service,
        Answerers(
            place, config, settings.workers, log_format=settings.log_format, patience_s=settings.deadline_s
        ) as answerers,
    ):
        _tell_of_views(service, say)
        if service.has_language_model:
            _ = service.entailment  # one that cannot be loaded is told now
        started = _start_answering(service, answerers)
        from api.app import create_app

        own = replace(settings, bound=(settings.host, bound.getsockname()[0]))
        app = create_app(service, own, answerers if answerers.n else None)
        if started:
            answerers.wait()
        yield _Serving(service, app, bound, settings, say)


def _tell_of_views(service: "Service", say: Callable[[str], None]) -> None:
    if missing := service.store.rebuilding:
        say(
            f"search files ({', '.join(missing)}) were missing or damaged and are being made again; "
            "until they are there, questions are answered from the database, slower"
        )
    elif service.store.rebuilt:
        say(f"search files ({', '.join(service.store.rebuilt)}) were missing or damaged and have been made again")


def _start_answering(service: "Service", answerers: "Answerers") -> bool:
    """Start the processes that answer, and say whether there are any to wait for.

    While search files are made again this process answers, and those start when that is done: each would make them for itself.
    """
    if answerers.n and not service.store.rebuilding:
        answerers.start()
        return True
    service.warm()
    if answerers.n:
        answerers.start_when(lambda: not service.store.rebuilding)
    return False


def _run(serving: _Serving, on_ready: Callable[[], None]) -> None:
    """Serve until it is told to stop.  on_ready: called when it listens."""
    from api.server import server
    from api.server.memory import collecting_when_idle

    state = serving.app.state

    def on_stop(at_once: bool) -> None:
        state.stopping = True
        if at_once:
            state.drain_s = 0

    with collecting_when_idle(lambda: state.lanes.write.running > 0):
        server.run(
            serving.app,
            state.early_refusal,
            serving.bound,
            on_ready=on_ready,
            on_stop=on_stop,
            linger_s=serving.settings.linger_s,
        )


def _leave(serving: _Serving) -> None:
    """End the process where work goes on that nobody waits for: its threads would keep it.

    What was acknowledged is on disk, and what was not is not.
    """
    if getattr(serving.app.state, "idle", True):
        return
    serving.say("work that nobody waits for any more was not finished; nothing of it was acknowledged")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(DONE)


def _announce(serving: _Serving, as_json: bool) -> None:
    """Say where it listens: on stderr for people, with --json on stdout for programs."""
    from api.server.server import url_of

    documents, passages = serving.service.counts()
    url, store = url_of(serving.bound), serving.service.place
    serving.say(f"serving {store} ({documents} documents, {passages} passages) at {url} - stop with Ctrl-C")
    if documents == 0:
        serving.say("the store is empty: `rag add PATH`, or send files to POST /v1/documents")
    if as_json:
        with suppress(OSError):  # whoever was to read it has left, and the service serves others
            print_json({"url": url, "store": store, "documents": documents, "passages": passages})
            sys.stdout.flush()
