"""The fake service behind a real socket, for clients that take no transport."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import uvicorn

from api.app import create_app
from api.settings import Settings
from rag.service import Service
from tests.api.fake_service import FakeService


@contextmanager
def serving(fake: FakeService) -> Iterator[str]:
    """The address of the application on a port of its own."""
    config = uvicorn.Config(create_app(cast(Service, fake), Settings()), port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
