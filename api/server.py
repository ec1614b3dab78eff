"""The server process: its socket, its signals, its end."""

import errno
import signal
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

_DRAIN_S = 30


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


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self.on_ready()


def run(app: ASGIApp, bound: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then let requests finish (30 s at most) and return. Raises CannotListen."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody in front has been named as trusted
        ws="none",
        timeout_graceful_shutdown=_DRAIN_S,
    )
    server = _Server(config, on_ready)
    # uvicorn raises the signal again once it has stopped; this handler makes that an ordinary return instead of a death by signal.
    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[bound])
    except OSError as error:  # another process listened first, between bind and now
        host, port = bound.getsockname()[:2]
        raise CannotListen(_reason(error, host, port)) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        bound.close()
