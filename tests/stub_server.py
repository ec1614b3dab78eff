"""A server on this machine whose replies are a handler's, for stand-ins of models' servers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a slow reply keeps no test waiting for its end

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that has left


class Handler(BaseHTTPRequestHandler):
    """Reads and writes JSON, and logs nothing."""

    def log_message(self, *_: object) -> None:
        pass

    def read(self) -> Any:
        """The body of the request."""
        return json.loads(self.rfile.read(int(self.headers["content-length"])))

    def reply(self, content: bytes, status: int = 200, **headers: str) -> None:
        """Answer with JSON, or what the headers say that it is."""
        usual = {"content-type": "application/json", "content-length": str(len(content))}
        self.send_response(status)
        for name, value in {**usual, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


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
