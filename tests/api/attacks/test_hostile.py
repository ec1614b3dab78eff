"""Whatever a client sends, the answer is no 5xx."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

pytestmark = pytest.mark.medium

FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Surrogates too: JSON can spell them, UTF-8 cannot hold them.
characters = st.text(st.characters(codec=None), max_size=8)
names = st.sampled_from(
    ["question", "top_k", "filter", "collection", "explain", "text", "title", "metadata", "citations", "cited_text"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | characters
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | characters, inner, max_size=4),
    max_leaves=12,
)
lines = st.lists(
    st.sampled_from(
        [
            b"--XX",
            b"--XX--",
            b"",
            b"text",
            b"\xff\x00",
            b'Content-Disposition: form-data; name="file"; filename="a.txt"',
            b'Content-Disposition: form-data; name="file"; filename="\xff/\x00"',
            b"Content-Disposition: form-data; name*=utf-8''file; filename*=utf-7''%2BAAA-",
            b'Content-Disposition: form-data; name="metadata"',
            b"Content-Disposition: form-data",
            b"Content-Type: text/plain; charset=nonsense",
            b": : :",
            b"{",
        ]
    ),
    max_size=12,
)
kinds = st.sampled_from(
    [
        "multipart/form-data; boundary=XX",
        'multipart/form-data; boundary="XX"; charset=utf-7',
        "multipart/form-data; boundary=XX; charset=undefined",
        "multipart/form-data; boundary=XX; charset=a%00b",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "X" * 300,
        "multipart/form-data; boundary=\u00e9",
        "multipart/form-data;;;",
        "Multipart/Form-Data ; boundary=XX",
    ]
)


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/documents", "/v1/verify"])
@FEW
@given(body=st.dictionaries(names, values, max_size=5) | values)
def test_any_json_is_answered(client: TestClient, path: str, body: Any) -> None:
    response = client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert response.status_code in (200, 201, 400, 422)
    response.content.decode("utf-8")


@FEW
@given(parts=lines, kind=kinds, ending=st.sampled_from([b"\r\n", b"\n"]))
def test_any_multipart_is_answered(client: TestClient, parts: list[bytes], kind: str, ending: bytes) -> None:
    headers = [(b"content-type", kind.encode("latin-1"))]
    response = client.post("/v1/documents", content=ending.join(parts), headers=headers)
    assert response.status_code in (201, 400, 415, 422), response.text


@FEW
@given(
    body=st.binary(max_size=40), kind=st.sampled_from(["application/json", "multipart/form-data; boundary=-", "text/x"])
)
def test_any_bytes_are_answered(client: TestClient, body: bytes, kind: str) -> None:
    for path in ("/v1/ask", "/v1/documents", "/v1/verify"):
        response = client.post(path, content=body, headers={"Content-Type": kind})
        assert 200 <= response.status_code < 500
