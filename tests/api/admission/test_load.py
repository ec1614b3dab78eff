"""Work that blocks stays in the workers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from starlette.testclient import TestClient

from api.settings import Settings


def test_the_process_looks_alive_while_every_worker_is_busy(
    client_of: Callable[[Settings], TestClient], fake: Any
) -> None:
    client = client_of(Settings(threads=2))
    fake.gate = Event()
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(client.post, "/v1/ask", json={"question": "a"}) for _ in range(4)]
        try:
            alive = pool.submit(client.get, "/livez").result(timeout=10)
            assert alive.status_code == 200
            assert not any(request.done() for request in waiting)
        finally:
            fake.gate.set()
        assert [request.result().status_code for request in waiting] == [200] * 4
