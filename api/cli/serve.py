"""The command ``rag serve``. Imported by ``rag --help``: everything heavy is imported when it runs."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.server.stopping import interruptible
from api.telemetry import logs
from rag.cli.output import (
    DONE,
    USAGE,
    JsonOption,
    StoreOption,
    errors,
    fail,
    message,
    note_rebuilt,
    print_json,
    store_path,
)

if TYPE_CHECKING:
    from rag.service import Service


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
    with errors(), _stoppable() as ready:
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
    """Everything from the settings to the end.  ready: set when it listens."""
    from api.server.memory import collecting_when_idle, keep_few_arenas
    from index.process import forbid_inspection

    forbid_inspection()
    keep_few_arenas()
    from api.admission.keys import KeyRing
    from api.settings import Settings, is_loopback

    settings = replace(Settings.read(), **options)
    logs.configure(settings.log_format)
    keys = KeyRing(settings.api_key, settings.keys_file)
    host = settings.host
    if not keys.required and settings.oidc_issuer is None and not is_loopback(host):
        fail(
            f"{host!r} can be reached from other machines: make a key with `rag key add NAME` or set RAG_API_KEY to a secret, "
            "or use --host 127.0.0.1",
            USAGE,
        )

    from rag.model.blas import load_numpy

    load_numpy()
    from api.server import server
    from api.workers.pool import Answerers, CannotStart
    from rag.config import Config
    from rag.service import Service

    path = store_path(store)
    try:
        # Before the model is loaded, so that a port in use is told at once.
        with (
            server.bind(host, settings.port) as bound,
            Service.open_or_create(path, config := Config.from_environment(), views="behind") as service,
            Answerers(
                path, config, settings.workers, log_format=settings.log_format, patience_s=settings.deadline_s
            ) as answerers,
        ):
            missing = service.rebuilding
            if answerers.n and not missing:
                answerers.start()
            from api.app import create_app

            # It warns of every malformed upload; the client is told, and the operator has nothing to do.
            logging.getLogger("python_multipart").setLevel(logging.ERROR)
            say: Callable[[str], None] = message if settings.log_format == "text" else logging.getLogger(__name__).info
            if missing:
                say(
                    f"search files ({', '.join(missing)}) were missing or damaged and are being made again; "
                    "until they are there, questions are answered from the database, slower"
                )
            elif settings.log_format == "text":
                note_rebuilt(service)
            elif service.rebuilt:
                say(f"search files were missing or damaged and have been made again: {', '.join(service.rebuilt)}")
            if answerers.n == 0 or missing:
                service.warm()
            url = server.url_of(bound)
            app = create_app(
                service,
                replace(settings, bound=(host, bound.getsockname()[0])),
                answerers if answerers.n else None,
            )
            if answerers.n and missing:
                # Until then this process answers from the rows; the others would each make the search files for themselves.
                answerers.start_when(lambda: not service.rebuilding)
            elif answerers.n:
                answerers.wait()

            def on_ready() -> None:
                ready.set()
                _announce(service, url, service.place, json, say)

            with collecting_when_idle(lambda: app.state.lanes.write.running > 0):
                server.run(
                    app,
                    app.state.door,
                    bound,
                    on_ready=on_ready,
                    on_stop=lambda: setattr(app.state, "stopping", True),
                    linger_s=settings.linger_s,
                )
            if not getattr(app.state, "idle", True):
                # Its threads would keep the process; what was acknowledged is on disk, and what was not is not.
                say("work that nobody waits for any more was not finished; nothing of it was acknowledged")
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(0)
    except (server.CannotListen, CannotStart) as error:
        fail(str(error))


def _announce(service: "Service", url: str, store: str, as_json: bool, say: Callable[[str], None]) -> None:
    """Say where it listens: on stderr for people, with --json on stdout for programs."""
    documents, passages = service.counts()
    say(f"serving {store} ({documents} documents, {passages} passages) at {url} - stop with Ctrl-C")
    if documents == 0:
        say("the store is empty: `rag add PATH`, or send files to POST /v1/documents")
    if as_json:
        with suppress(OSError):  # whoever was to read it has left, and the service serves others
            print_json({"url": url, "store": store, "documents": documents, "passages": passages})
            sys.stdout.flush()
