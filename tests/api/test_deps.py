"""A multipart body is taken in whole or not at all."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

HEADERS = {"Content-Type": "multipart/form-data; boundary=XX"}


def file(name: str, content: bytes) -> bytes:
    head = f'--XX\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


ONE, TWO = file("one.txt", b"apples"), file("two.txt", b"pears --XX--")


@pytest.mark.parametrize(
    "body",
    [
        ONE + TWO[:-4],
        ONE + TWO,
        ONE + TWO[:20],
        ONE + TWO + b"--XX",
        ONE + TWO + b"--XX-",
        ONE + TWO + b"--XX\r\n",
        ONE[:-4],
        ONE[:20],
        file("large.txt", b"x" * 2**21),  # above 1 MB it waits on the disk
        b"\r\n",
    ],
    ids=lambda body: repr(body[-30:]),
)
def test_a_body_that_ends_before_its_closing_boundary_is_refused_whole(
    client: TestClient, fake: Any, body: bytes
) -> None:
    response = client.post("/v1/documents", content=body, headers=HEADERS)
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert "ends before its closing boundary" in response.json()["detail"]
    assert "nothing" in response.json()["detail"]
    assert fake.stored == {}


@pytest.mark.parametrize("ending", [b"--XX--", b"--XX--\r\n", b"--XX--\r\nAn epilogue.\r\n--XX\r\n", b"--XX--  \r\n"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_whole_body_goes_in_wherever_its_chunks_split_the_boundary(
    client: TestClient, fake: Any, ending: bytes, size: int
) -> None:
    body = ONE + TWO + ending

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    response = client.post("/v1/documents", content=chunks(), headers=HEADERS)
    assert response.status_code == 201, response.text
    assert [text for _, text in fake.stored.values()] == ["apples", "pears --XX--"]
