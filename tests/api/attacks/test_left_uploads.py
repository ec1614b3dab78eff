"""Row 15: work that nobody waits for ends. Clients leave uploads while they are cut, embedded and committed, of a real server."""

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import server_process
from tests.waiting import wait_until

pytestmark = [pytest.mark.model, pytest.mark.slow]

# 1 MB of lines of one word, each a sentence with vectors of its own: minutes of two cores.
LINES = "".join(f"{letter}{number}\n" for number in range(50_000) for letter in "abcd")[:1_000_000]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        server_process(tmp_path_factory.mktemp("left")) as (_, told),
        httpx.Client(base_url=told["url"], timeout=300, trust_env=False) as made,
    ):
        assert made.post("/v1/documents", json={"text": "The model is loaded by now."}).status_code == 201
        yield made


def uploads(client: httpx.Client, count: int) -> list[socket.socket]:
    """Clients that have sent a whole upload and wait for its answer."""
    body = json.dumps({"text": LINES}).encode()
    head = "POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    waiting = []
    for _ in range(count):
        connection = socket.create_connection((client.base_url.host, int(client.base_url.port or 0)), timeout=300)
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        waiting.append(connection)
    return waiting


def metric(client: httpx.Client, name: str) -> int:
    lines = client.get("/metrics").text.splitlines()
    return int(float(next((line.split()[1] for line in lines if line.startswith(name)), 0)))


BUSY, DROPPED = 'footnote_running{lane="write"}', 'footnote_documents_total{outcome="dropped"}'


@pytest.mark.parametrize("after_s", [0.2, 5.0])
def test_writers_are_free_when_clients_have_left_and_do_not_finish_the_work(
    client: httpx.Client, after_s: float
) -> None:
    n_dropped, waiting = metric(client, DROPPED), uploads(client, 2)
    wait_until(lambda: metric(client, BUSY) == 2)
    time.sleep(after_s)
    for connection in waiting:
        connection.close()
    wait_until(lambda: not metric(client, BUSY))
    assert metric(client, DROPPED) == n_dropped + 2
    line = f"One line after {after_s} seconds."
    assert client.post("/v1/documents", json={"text": line}).status_code == 201
    assert client.get("/v1/documents").json()["documents"][-1]["characters"] == len(line)
