"""A server on this machine whose replies are a handler's, for stand-ins of models' servers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a slow reply keeps no test waiting for its end

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that has left


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The server's address, with /v1, as long as the block lasts."""
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(
        target=server.serve_forever, args=(0.01,), daemon=True
    ).start()  # seconds between looks for its end
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
