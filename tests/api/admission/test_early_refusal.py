"""Questions for which there is no place, over a real socket: refused by their heads as the application would refuse them."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.admission import limits
from api.workers.pool import TOGETHER
from tests.api.conftest import Server, server_process
from tests.waiting import wait_until

KEY = "k3y-of-the-test"
PLACES = TOGETHER + 1  # those of one process, and one that waits
QUESTION = json.dumps({"question": "why did they refuse?"}).encode()
pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the processes of a service are found under /proc"),
]


def head(*lines: str, body: bytes = QUESTION, method: str = "POST", path: str = "/v1/ask") -> bytes:
    fixed = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\n"
    return (fixed + f"Content-Length: {len(body)}\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


def reply(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One whole answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(1 << 16)
        assert data, received
        received += data
    top, _, body = received.partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(1 << 16)
    assert len(body) == int(headers["content-length"]), "something stands behind the answer"
    return int(status.split()[1]), headers, body


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests, with few places for questions."""
    settings = {"RAG_API_KEY": KEY, "RAG_QUEUE": "1", "RAG_DEADLINE": "600"}
    with server_process(
        tmp_path_factory.mktemp("early-refusal"), "--workers", "1", "--log-format", "json", **settings
    ) as started:
        yield started


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[[], socket.socket]]:
    place = urlsplit(server[1]["url"])
    with ExitStack() as stack:

        def connection() -> socket.socket:
            made = socket.create_connection((str(place.hostname), place.port or 0), timeout=300)
            return stack.enter_context(made)

        yield connection


@pytest.fixture
def held(server: Server, connect: Callable[[], socket.socket]) -> Iterator["Held"]:
    """What takes all places for questions."""
    held = Held(server[0].pid, [connect() for _ in range(PLACES)])
    for connection in held.connections:
        connection.sendall(head() + QUESTION)
    wait_until(lambda: metric(connect(), "footnote_inside") == PLACES)
    yield held
    held.let_go()
    wait_until(lambda: metric(connect(), "footnote_inside") == 0)


class Held:
    """Questions that are not answered before ``let_go``, as the process that would answer them does not run."""

    def __init__(self, service: int, connections: list[socket.socket]) -> None:
        self.connections = connections
        tasks = Path(f"/proc/{service}/task").iterdir()
        self._answerers = [int(child) for task in tasks for child in (task / "children").read_text().split()]
        for child in self._answerers:
            os.kill(child, signal.SIGSTOP)

    def let_go(self) -> None:
        for child in self._answerers:
            os.kill(child, signal.SIGCONT)


def metric(connection: socket.socket, name: str, labels: str = 'lane="ask"') -> float:
    connection.sendall(head(method="GET", path="/metrics", body=b""))
    sample = re.search(rf"^{name}\{{{re.escape(labels)}\}} (\S+)$", reply(connection)[2].decode(), re.MULTILINE)
    return float(sample[1]) if sample else 0.0


@pytest.mark.slow
def test_it_is_the_answer_of_the_application(connect: Any, held: "Held") -> None:
    early, further_in = connect(), connect()
    early.sendall(head() + QUESTION)
    status, headers, body = reply(early)
    further_in.sendall(head("Expect: 100-continue"))  # not plain, so it goes on to the application
    status_2, headers_2, body_2 = reply(further_in)
    assert (status, body) == (status_2, body_2)
    assert status == 503 and json.loads(body)["type"].endswith("/overloaded") and headers["retry-after"]
    assert headers_2.pop("date")
    assert headers.pop("x-request-id") != headers_2.pop("x-request-id")
    assert headers == headers_2


@pytest.mark.slow
def test_the_connection_goes_on_and_a_place_that_comes_free_is_taken(connect: Any, held: "Held") -> None:
    connection = connect()
    connection.sendall(head("X-Request-ID: mine-1") + QUESTION[:5])
    status, headers, _ = reply(connection)
    assert (status, headers["x-request-id"]) == (503, "mine-1")
    connection.sendall(QUESTION[5:] + head("X-Request-ID: a b") + QUESTION)
    status, headers, _ = reply(connection)
    assert status == 503 and headers["x-request-id"] != "a b"
    held.let_go()
    assert [reply(taken)[0] for taken in held.connections] == [200] * PLACES
    connection.sendall(head() + QUESTION)
    status, _, body = reply(connection)
    assert status == 200 and json.loads(body)["question"] == "why did they refuse?"


@pytest.mark.slow
def test_who_may_not_ask_is_told_that_and_no_more(connect: Any, held: "Held") -> None:
    for change, expected in (
        ((KEY, "another"), 401),
        (("X-API-Key", "X-Nothing"), 401),
        (("Host: localhost", "Host: other.example"), 403),
        (("\r\n\r\n", "\r\nOrigin: http://other.example\r\n\r\n"), 403),
        (("/v1/ask", "/v1/asks"), 404),
        (("/v1/ask", "/livez"), 405),
        (("Content-Length: ", "Content-Length: 99999999"), 503),
    ):
        connection = connect()
        connection.sendall(head().replace(change[0].encode(), change[1].encode()) + QUESTION)
        assert reply(connection)[0] == expected, change


@pytest.mark.slow
def test_each_is_counted_and_all_of_a_second_are_one_line_in_the_log(
    server: Server, connect: Any, held: "Held"
) -> None:
    def lines() -> list[dict[str, Any]]:
        return [line for line in map(json.loads, log.read_text().splitlines()) if line.get("status") == 503]

    def counted() -> float:
        return metric(connect(), "footnote_requests_total", 'method="POST",route="/v1/ask",status="503"')

    log = server[1]["log"]
    wait_until(lambda: sum(line.get("requests", 1) for line in lines()) == counted())  # the tests before are all told
    n_before, n_lines, connection = counted(), len(lines()), connect()
    for _ in range(50):
        connection.sendall(head() + QUESTION)
        assert reply(connection)[0] == 503
    assert counted() == n_before + 50
    wait_until(lambda: sum(line["requests"] for line in lines()[n_lines:]) >= 50)
    assert sum(line["requests"] for line in lines()[n_lines:]) == 50 and len(lines()) - n_lines < 10


@pytest.mark.slow
def test_a_refused_body_that_does_not_come_ends_the_connection(connect: Any, held: "Held") -> None:
    connection = connect()
    connection.sendall(head())
    assert reply(connection)[0] == 503
    assert connection.recv(1) == b""


@pytest.mark.slow
def test_bodies_that_do_not_come_keep_nobody_out(connect: Any) -> None:
    began, slow = time.monotonic(), [connect() for _ in range(20)]
    for connection in slow:
        connection.sendall(head() + QUESTION[:5])
    quick = connect()
    quick.sendall(head() + QUESTION)
    assert reply(quick)[0] == 200
    slow[0].sendall(QUESTION[5:])
    # A machine that was busy for so long makes the slow ones too slow.
    assert reply(slow[0])[0] == 200 or time.monotonic() - began > limits._IDLE_S
