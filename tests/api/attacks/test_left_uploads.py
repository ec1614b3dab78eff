"""Row 15: work that nobody waits for ends. Clients leave uploads while they are cut, embedded and committed, of a real server."""

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import server_process

pytestmark = [pytest.mark.model, pytest.mark.slow]

# 200 kB of lines of one word, each a sentence with vectors of its own: some 20 s of two cores.
LINES = "".join(f"{letter}{number}\n" for number in range(9_000) for letter in "abcd")[:200_000]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        server_process(tmp_path_factory.mktemp("left")) as (_, told),
        httpx.Client(base_url=told["url"], timeout=60, trust_env=False) as made,
    ):
        assert made.post("/v1/documents", json={"text": "The model is loaded by now."}).status_code == 201
        yield made


def uploads(client: httpx.Client, count: int) -> list[socket.socket]:
    """Clients that have sent a whole upload and wait for its answer."""
    body = json.dumps({"text": LINES}).encode()
    head = "POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    waiting = []
    for _ in range(count):
        connection = socket.create_connection((client.base_url.host, int(client.base_url.port or 0)), timeout=60)
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        waiting.append(connection)
    return waiting


def busy(client: httpx.Client) -> int:
    lines = client.get("/metrics").text.splitlines()
    return int(float(next(line for line in lines if line.startswith('footnote_running{lane="write"}')).split()[1]))


@pytest.mark.parametrize("after_s", [0.2, 4.0, 8.0])
def test_writers_are_free_soon_after_clients_have_left(client: httpx.Client, after_s: float) -> None:
    waiting = uploads(client, 2)
    while busy(client) < 2:
        time.sleep(0.01)
    time.sleep(after_s)
    assert busy(client) == 2  # without that this test shows nothing
    for connection in waiting:
        connection.close()
    left_at = time.monotonic()
    while busy(client):
        time.sleep(0.02)
    # The promise is 2 s on an idle machine, where the work itself takes 20 s for each of them.
    assert time.monotonic() - left_at < 10
    line = f"One line after {after_s} seconds."
    assert client.post("/v1/documents", json={"text": line}).status_code == 201
    assert client.get("/v1/documents").json()["documents"][-1]["characters"] == len(line)
