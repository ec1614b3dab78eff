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


def form(*parts: bytes) -> bytes:
    return b"".join(b"--XX\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--XX--"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b"filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt", "na\u00efve \u20ac.txt"),
        (b"filename=\"naive.txt\"; filename*=UTF-8''na%C3%AFve.txt", "na\u00efve.txt"),
        (b"filename*=iso-8859-1'en'na%EFve.txt; filename=naive.txt", "na\u00efve.txt"),
        (b"filename*=UTF-8''a%22b%5Cc.txt", "c.txt"),
        (b"filename*=UTF-8''Jose%CC%81.txt", "Jos\u00e9.txt"),
        ('filename="Jose\u0301.txt"'.encode(), "Jos\u00e9.txt"),
    ],
)
def test_a_file_may_have_its_name_in_either_form(client: TestClient, disposition: bytes, name: str) -> None:
    body = form(b'name="file"; ' + disposition + b"\r\n\r\napples")
    response = client.post("/v1/documents", content=body, headers=HEADERS)
    assert response.status_code == 201, response.text
    assert [document["source"] for document in response.json()["documents"]] == [name]


@pytest.mark.parametrize(
    "part",
    [
        b'name="collection"\r\n\r\nf\xfcr',
        b'name="file"; filename="f\xfcr.txt"\r\n\r\napples',
        b'name="f\xfcr"\r\n\r\nx',
        b"name=\"file\"; filename*=UTF-8''f%FCr.txt\r\n\r\napples",
        b"name=\"file\"; filename*=nobody-knows''a.txt\r\n\r\napples",
        b'name="file"; filename*=a.txt\r\n\r\napples',
    ],
)
def test_text_of_a_form_that_is_not_utf_8_is_refused(client: TestClient, fake: Any, part: bytes) -> None:
    response = client.post("/v1/documents", content=ONE + form(part), headers=HEADERS)
    assert (response.status_code, response.json()["type"]) == (400, "/problems/malformed-request"), response.text
    assert "UTF-8" in response.json()["detail"] and fake.stored == {}


def test_more_files_than_are_taken_at_once_are_too_much(client: TestClient, fake: Any) -> None:
    parts = [b'name="file"; filename="%d.txt"\r\n\r\napples' % number for number in range(101)]
    response = client.post("/v1/documents", content=form(*parts), headers=HEADERS)
    assert (response.status_code, response.json()["type"]) == (413, "/problems/content-too-large")
    assert "100 files" in response.json()["detail"] and fake.stored == {}
    assert client.post("/v1/documents", content=form(*parts[:100]), headers=HEADERS).status_code == 201
