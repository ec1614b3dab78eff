"""Attacks on a running server by requests that are none, never end, come slowly or say two things: each is refused or cut off."""

import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from api.errors import ALL_KINDS
from tests.api.conftest import Attacked
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(sys.platform != "linux", reason="how a connection is cut off is tried on Linux only"),
]
MEBIBYTE = 1024 * 1024


def connect(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=300)


def received(connection: socket.socket) -> bytes:
    """All that the server sends until it closes the connection, or cuts it."""
    reply = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            reply += piece
    return reply


def exchange(address: str, *parts: bytes) -> bytes:
    """What the server answers to raw bytes; a part is sent when the server had time to look at the one before."""
    with connect(address) as connection:
        with suppress(OSError):  # it may have answered and closed the connection by now
            for part in parts:
                connection.sendall(part)
                time.sleep(0.02)
            connection.shutdown(socket.SHUT_WR)
        return received(connection)


HEAD = b"POST /v1/documents HTTP/1.1\r\nHost: localhost\r\n"
REQUESTS = {
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 200,
    "many headers": HEAD + b"X-A: a\r\n" * 20_000,
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 500\r\n\r\nhello",
    "length and chunks": HEAD
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "huge length": HEAD + b"Content-Type: application/json\r\nContent-Length: 99999999999999999999\r\n\r\n{",
    "huge chunk": HEAD + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
    "null in the path": b"GET /v1/documents/\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "header injection": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a\rb\n c\r\n\r\n",
    "no boundary": HEAD + b"Content-Type: multipart/form-data\r\nContent-Length: 4\r\n\r\n--X\n",
    "boundary that never comes": HEAD
    + b"Content-Type: multipart/form-data; boundary=X\r\nContent-Length: 60000\r\n\r\n"
    + b"-" * 60_000,
    "a hundred thousand parts": HEAD
    + b"Content-Type: multipart/form-data; boundary=X\r\nContent-Length: %d\r\n\r\n" % (100_000 * 49 + 7)
    + b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'[:49] * 100_000
    + b"--X--\r\n",
    "endless part header": HEAD
    + b"Content-Type: multipart/form-data; boundary=X\r\nContent-Length: 1000000\r\n\r\n--X\r\nContent-Disposition: "
    + b"a" * 999_900,
}


@pytest.mark.slow
@pytest.mark.parametrize("attack", REQUESTS)
def test_a_hostile_request_is_refused_or_cut_off(attacked: Attacked, attacker: httpx.Client, attack: str) -> None:
    reply = exchange(attacked[1], REQUESTS[attack])
    status = reply.partition(b" ")[2][:3]
    assert reply == b"" or b"400" <= status < b"500" or (attack == "header injection" and status == b"200"), reply[:200]
    assert b"\r\nb" not in reply
    assert attacker.get("/livez").status_code == 200


CHUNKED = HEAD + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "request line": (b"GET /", b"a"),
    "header": (HEAD + b"X-A: ", b"a"),
    "headers": (HEAD, b"X-A: a\r\n"),
    "chunk extension": (CHUNKED + b"1;", b"a"),
    "trailer": (CHUNKED + b"0\r\nX-A: ", b"a"),
    "trailers": (CHUNKED + b"0\r\n", b"X-A: a\r\n"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_does_not_end_is_cut_off_before_it_fills_memory(attacked: Attacked, what: str) -> None:
    first, more = ENDLESS[what]
    piece, sent = more * (8192 // len(more)), 0
    with connect(attacked[1]) as connection:
        connection.sendall(first)
        with pytest.raises(OSError):
            while sent < 20 * MEBIBYTE:  # far more than the sockets' own buffers take
                connection.sendall(piece)
                sent += len(piece)
    assert sent < 20 * MEBIBYTE


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://evil.example/v1/documents HTTP/1.1\r\nHost: localhost\r\n",
        b"GET ftp://evil.example/v1/documents HTTP/1.1\r\nHost: localhost\r\n",
        b"GET HTTP://localhost@evil.example/v1/documents HTTP/1.1\r\nHost: localhost\r\n",
        b"GET /v1/documents HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
    ],
)
def test_a_second_name_beside_an_allowed_one_is_not_answered(attacked: Attacked, head: bytes) -> None:
    assert exchange(attacked[1], head + b"Connection: close\r\n\r\n")[9:12] == b"403"


def test_a_target_that_names_this_service_is_answered(attacked: Attacked) -> None:
    head = b"GET http://localhost/livez HTTP/1.1\r\nHost: proxy.example\r\nConnection: close\r\n\r\n"
    assert exchange(attacked[1], head)[9:12] == b"200"


def test_requests_that_come_before_their_answers_are_taken_up_to_a_number(attacked: Attacked) -> None:
    with connect(attacked[1]) as connection:
        with suppress(ConnectionError):  # it takes no more of them
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2_000)
        replies = received(connection)
    assert replies.count(b"HTTP/1.1 200") <= 110 and replies.count(b"HTTP/1.1 400") == 1


def test_a_head_that_is_whole_but_too_long_is_refused(attacked: Attacked) -> None:
    assert (
        exchange(attacked[1], b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: a\r\n" * 2_500 + b"\r\n")[9:12]
        == b"431"
    )


NO_REQUESTS: dict[str, tuple[int, bytes, bytes]] = {
    "unknown method": (400, b"FOO / HTTP/1.1\r\n\r\n", b""),
    "no version": (400, b"FOO /\r\n\r\n", b""),
    "unknown version": (400, b"GET / HTTP/9.9\r\n\r\n", b""),
    "raw bytes in the path": (400, b"GET /\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
    "a host that is none": (400, b"GET http://[/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
    "length in words": (400, HEAD + b"Content-Length: abc\r\n\r\n", b""),
    "length below 0": (400, HEAD + b"Content-Length: -5\r\n\r\n", b""),
    "bad chunk size": (400, CHUNKED + b"xyz\r\n{}\r\n", b""),
    "long chunk extension": (400, CHUNKED, b"1;" + b"a" * 17_000),
    "endless blank lines": (400, b"\r\n" * 9_000, b""),
    "long target": (414, b"GET /v1/documents?cursor=" + b"c" * 17_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
    "endless target": (414, b"GET /", b"c" * 17_000),
    "long header": (431, HEAD + b"X-A: " + b"a" * 17_000 + b"\r\n\r\n", b""),
    "endless header": (431, HEAD, b"X-A: " + b"a" * 17_000),
}


@pytest.mark.parametrize("what", NO_REQUESTS)
def test_what_is_no_request_is_told_so_in_a_problem(attacked: Attacked, what: str) -> None:
    status, *parts = NO_REQUESTS[what]
    head, _, body = exchange(attacked[1], *parts).partition(b"\r\n\r\n")
    line, *lines = head.decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert line.startswith(f"http/1.1 {status} ") and headers["content-type"] == "application/problem+json"
    assert (headers["connection"], int(headers["content-length"])) == ("close", len(body))
    assert headers["x-content-type-options"] == "nosniff"
    problem = json.loads(body)
    assert problem["status"] == status and problem["title"] and problem["type"] in {kind.uri for kind in ALL_KINDS}
    assert len(problem["detail"]) > 40 and "callback" not in problem["detail"]


def test_headers_behind_a_body_change_nothing(attacked: Attacked) -> None:
    body = b'{"question": "Where?"}'
    chunks = b"%x\r\n%s\r\n0\r\nHost: elsewhere\r\nContent-Type: text/plain\r\n\r\n" % (len(body), body)
    with connect(attacked[1]) as connection:
        connection.sendall(CHUNKED.replace(b"/v1/documents", b"/v1/ask") + chunks)
        assert connection.recv(65536)[9:12] == b"200"


def test_bodies_that_trickle_in_keep_nobody_else_waiting(attacked: Attacked, attacker: httpx.Client) -> None:
    slow = [connect(attacked[1]) for _ in range(100)]
    try:
        for number, connection in enumerate(slow):
            path = b"/v1/ask" if number % 2 else b"/v1/documents"
            head = (
                b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
            )
            connection.sendall(head % path)
        assert attacker.get("/livez").status_code == 200
        assert attacker.get("/v1/documents").status_code == 200
    finally:
        for connection in slow:
            connection.close()
    # The places that they held are free again once they have left.
    wait_until(lambda: attacker.post("/v1/ask", json={"question": "Is there room?"}).status_code == 200)


def test_a_body_beyond_the_limit_is_cut_off_as_it_comes(attacker: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--X\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(1000):
            yield b"\0" * MEBIBYTE

    headers = {"Content-Type": "multipart/form-data; boundary=X"}
    try:
        status = attacker.post("/v1/documents", content=endless(), headers=headers).status_code
    except (httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):  # cut off before it had read the refusal
        status = 413
    assert status == 413
    assert attacker.get("/livez").status_code == 200
