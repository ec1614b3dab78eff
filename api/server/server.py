"""The server process: its socket, its signals, its end."""

import asyncio
import errno
import re
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.admission.early_refusal import EarlyRefusal
from api.admission.middleware import SECURITY_HEADERS
from api.errors import HEAD_TOO_LONG, NO_REQUEST, TARGET_TOO_LONG, Kind, problem
from api.server import stopping

_DRAIN_S = 30
_HEAD_S = 10
_MAX_HEAD_BYTES = 16 * 1024
_TOO_LONG = (
    f"At most {_MAX_HEAD_BYTES} bytes are taken of a request's line and headers together, and of what stands between requests "
    "or chunks: shorten them, and send long values in the body."
)
_READABLE = (
    "Send HTTP/1.1: a line such as `GET /v1/documents HTTP/1.1` with all but ASCII percent-encoded, headers, and a body as long as "
    "`Content-Length` says or in well-formed chunks."
)
# Requests that one connection may send before the one before them is answered: each takes a few kB while it waits.
_MAX_PIPELINED = 100
_TOO_MANY = (
    f"At most {_MAX_PIPELINED} requests of a connection may wait for their answers: read those before sending more."
)
_ABSOLUTE = re.compile(rb"[a-z][a-z0-9+.-]*://([^/?#]*)", re.IGNORECASE)


class CannotListen(Exception):
    """The address cannot be served; the message says why and what to do."""


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address, not yet listening. port: 0 takes a free one. Raises CannotListen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise CannotListen(f"{host!r} is no address of this machine: {error}") from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise CannotListen(_reason(error, host, port)) from error
    return bound


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: choose another with --port, or stop what listens there"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has: choose one above 1023 with --port"
    return f"cannot listen on {host} port {port}: {error.strerror}"


def url_of(bound: socket.socket) -> str:
    """Where clients find a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Protocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers do not come whole in time, counted from its opening or their first byte,
    and refuses those that are too long.

    (What uvicorn itself times is the pause between requests.)
    early_refusal: what refuses a request by its head, before the application.
    """

    def __init__(self, *args: Any, early_refusal: EarlyRefusal | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._early_refusal = early_refusal

    _late: asyncio.TimerHandle | None = None
    _reading = "nothing"  # or a request's "head", its "body", or the "rest" of one that was refused
    _has_progressed = False
    _head_bytes = 0
    _unparsed_bytes = 0
    _refusal: tuple[Kind, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(_HEAD_S, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        self._has_progressed = False
        super().data_received(data)
        # The parser keeps what it cannot pass on yet: a header that does not end, line ends between requests, a chunk's extensions.
        self._unparsed_bytes = 0 if self._has_progressed else self._unparsed_bytes + len(data)
        if self.transport.is_closing():
            self._disarm()
        elif self._unparsed_bytes > _MAX_HEAD_BYTES:
            self._refusal = self._too_long()
            self.send_400_response(_TOO_LONG)
        elif self._reading == "body" or (self._reading == "nothing" and self._has_progressed):
            self._disarm()
        elif self._late is None:
            self._late = self.loop.call_later(_HEAD_S, self.timeout_keep_alive_handler)

    def send_400_response(self, msg: str) -> None:
        """Refuses what never becomes a request, as a problem like all others, and closes the connection.

        msg: uvicorn's words, the same for all that its parser does not take.
        """
        kind, detail = self._refusal or (NO_REQUEST, _READABLE)
        reason = sys.exception()
        # What a callback raises is ours, or tells of the inside.
        if self._refusal is None and reason is not None and not isinstance(reason, httptools.HttpParserCallbackError):
            detail = f"{reason}. {detail}"
        response = problem(kind, detail)
        headers = [
            *self.server_state.default_headers,
            *response.raw_headers,
            *SECURITY_HEADERS,
            (b"connection", b"close"),
        ]
        head = STATUS_LINE[kind.status] + b"".join(b"%s: %s\r\n" % pair for pair in headers)
        self.transport.write(head + b"\r\n" + bytes(response.body))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def _disarm(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    # What the parser calls. An exception makes it refuse the request.

    def on_message_begin(self) -> None:
        self._reading = "head"
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if self._reading == "head":  # one that follows a body comes too late to mean anything
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._reading = "body"
        self._has_progressed = True
        if len(self.pipeline) >= _MAX_PIPELINED:
            self._refusal = NO_REQUEST, _TOO_MANY
            raise ValueError(_TOO_MANY)
        if target := _ABSOLUTE.match(self.url):
            # It names the host that is meant, whatever `Host` says (RFC 9112, 3.2.2).
            self.headers[:] = [(name, value) for name, value in self.headers if name != b"host"] + [
                (b"host", target[1])
            ]
        if self._early_refusal is not None and self._is_free_to_refuse():
            refusal = self._early_refusal.refusal(self.parser.get_method(), self.url, self.headers)
            if refusal is not None:
                self._reading = "rest"
                return self.transport.write(refusal)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._has_progressed = True
        if self._reading != "rest":
            super().on_body(body)

    def on_message_complete(self) -> None:
        was_refused = self._reading == "rest"
        self._reading = "nothing"
        self._has_progressed = True
        if was_refused:
            self.on_response_complete()
        else:
            super().on_message_complete()

    def _is_free_to_refuse(self) -> bool:
        """Whether an answer may be written at once: none before it is under way, and the connection stays open after it."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        )

    def _count(self, n_bytes: int) -> None:
        self._head_bytes += n_bytes
        if self._head_bytes > _MAX_HEAD_BYTES:
            self._refusal = self._too_long()
            raise ValueError(_TOO_LONG)

    def _too_long(self) -> tuple[Kind, str]:
        if self._reading != "head":  # blank lines between requests, what stands beside chunks or behind them
            return NO_REQUEST, _TOO_LONG
        return (TARGET_TOO_LONG if len(self.url) > _MAX_HEAD_BYTES // 2 else HEAD_TOO_LONG), _TOO_LONG


class _Server(uvicorn.Server):
    """A server that says when it listens and when it is told to stop."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[bool], None], linger_s: float
    ) -> None:
        super().__init__(config)
        self.on_ready = on_ready
        self.on_stop = on_stop
        self.linger_s = linger_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self.on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.on_stop(self.force_exit)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Go on serving for a while, so that whoever asks for readiness learns of the end, then drain."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self.linger_s
        while loop.time() < ends_at and not self.force_exit:
            await asyncio.sleep(0.05)
        await super().shutdown(sockets=sockets)
        if self.force_exit:  # uvicorn then leaves open what the application holds
            await self.lifespan.shutdown()


def run(
    app: ASGIApp,
    early_refusal: EarlyRefusal | None,
    bound: socket.socket,
    on_ready: Callable[[], None],
    on_stop: Callable[[bool], None],
    linger_s: float,
) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP, then let requests finish (30 s at most) and return. Raises CannotListen.

    To be called within ``stopping.interruptible``.  early_refusal: refuses a request by its head where it can.
    on_ready: called when it listens.  on_stop: called from the signal's handler, at once, and told whether to wait for nothing, as
    a second SIGINT wants it.
    linger_s: seconds after it in which new requests are still taken.
    """
    config = uvicorn.Config(
        app,
        http=partial(_Protocol, early_refusal=early_refusal),  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody in front has been named as trusted
        ws="none",
        timeout_graceful_shutdown=_DRAIN_S,
    )
    server = _Server(config, on_ready, on_stop, linger_s)
    # uvicorn raises the signal again once it has stopped; this handler makes that an ordinary return instead of a death by signal.
    for number in stopping.signals():
        signal.signal(number, server.handle_exit)
    host, port = bound.getsockname()[:2]
    try:
        server.run(sockets=[bound])
    except OSError as error:  # another process listened first, between bind and now
        raise CannotListen(_reason(error, host, port)) from error
    finally:
        stopping.ignore_further()
        bound.close()
