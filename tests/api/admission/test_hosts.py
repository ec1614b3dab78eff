"""Names that the service answers to, and pages that may send to it."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from api.settings import Settings
from rag.shared.errors import BadInput
from tests.api.conftest import ClientOf, ReadSettings

LOOPBACK = ("127.0.0.1", "127.0.0.1")


@pytest.fixture
def local(client_of: ClientOf) -> TestClient:
    return client_of(Settings(bound=LOOPBACK))


def status(client: TestClient, host: str, path: str = "/v1/documents") -> int:
    return client.get(path, headers={"Host": host}).status_code


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST.", "127.0.0.1:8000", "127.8.8.8", "[::1]:8000", "[0:0::1]"]
)
def test_names_of_this_machine_are_answered(local: TestClient, host: str) -> None:
    assert status(local, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.5",
        "[fe80::1]",
        "localhost@evil.example",
        "evil.example/localhost",
        "localhost:8000:1",
        "localhost:port",
        "2130706433",
        "::1",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/v1/documents", "/livez", "/nothing"])
def test_any_other_name_is_a_problem_and_nothing_is_done(local: TestClient, fake: Any, host: str, path: str) -> None:
    fake.fail_with = AssertionError("the service was asked")
    response = local.get(path, headers={"Host": host})
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "/problems/foreign-host"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_host_that_was_chosen_is_answered_and_no_other_address(client_of: ClientOf) -> None:
    client = client_of(Settings(bound=("docs.example", "192.0.2.7")))
    assert status(client, "docs.example:8000") == 200
    assert status(client, "192.0.2.7:8000") == 200
    assert status(client, "192.0.2.8:8000") == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_on_every_address_all_addresses_but_no_names_are_answered(client_of: ClientOf, host: str) -> None:
    client = client_of(Settings(bound=(host, "0.0.0.0")))
    assert status(client, "192.0.2.8:8000") == 200
    assert status(client, "[2001:db8::1]:8000") == 200
    assert status(client, "docs.example") == 403


def test_the_operator_adds_names(client_of: ClientOf, read_settings: ReadSettings) -> None:
    extra = read_settings(RAG_ALLOWED_HOSTS="docs.example, Wiki.example 192.0.2.8").extra_hosts
    client = client_of(Settings(bound=LOOPBACK, extra_hosts=extra))
    for host in ("docs.example", "wiki.example:8443", "192.0.2.8", "localhost"):
        assert status(client, host) == 200
    assert status(client, "evil.example") == 403


@pytest.mark.parametrize("value", ["https://docs.example", "docs.example:80", "a,*", "*.example", "a/b"])
def test_a_name_that_is_none_is_refused_at_the_start(read_settings: ReadSettings, value: str) -> None:
    with pytest.raises(BadInput, match="RAG_ALLOWED_HOSTS"):
        read_settings(RAG_ALLOWED_HOSTS=value)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:3000",
        "http://localhost",
        "https://localhost",
        "http://127.0.0.1:8000",
        "http://localhost:8000.evil.example",
        "http://localhost:8000@evil.example",
        "file://",
        "null",
        "",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/ask"), ("POST", "/v1/documents"), ("DELETE", "/v1/documents/x")]
)
def test_a_page_of_another_origin_changes_nothing(
    local: TestClient, fake: Any, origin: str, method: str, path: str
) -> None:
    fake.fail_with = AssertionError("the service was asked")
    response = local.request(method, path, headers={"Host": "localhost:8000", "Origin": origin}, json={"question": "a"})
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "/problems/foreign-origin"


def test_one_foreign_origin_among_several_is_enough(local: TestClient) -> None:
    headers = [("Host", "localhost"), ("Origin", "http://localhost"), ("Origin", "http://evil.example")]
    assert local.post("/v1/ask", headers=headers, json={"question": "a"}).status_code == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("docs.example", "https://docs.example"),
        ("localhost:8000", "https://docs.example"),
    ],
)
def test_the_page_of_the_service_and_pages_of_added_names_may_send(client_of: ClientOf, host: str, origin: str) -> None:
    client = client_of(Settings(bound=LOOPBACK, extra_hosts=("docs.example",)))
    response = client.post("/v1/ask", headers={"Host": host, "Origin": origin}, json={"question": "a"})
    assert response.status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_site_is_allowed_to_read_an_answer(local: TestClient, method: str) -> None:
    headers = {"Host": "localhost", "Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    response = local.request(method, "/v1/ask", headers=headers)
    assert not [name for name in response.headers if name.startswith("access-control-")]


def test_every_response_has_the_security_headers(local: TestClient) -> None:
    places = (("/livez", "localhost"), ("/v1/documents", "localhost"), ("/nothing", "localhost"), ("/", "evil"))
    for path, host in (("/", "localhost"), *places):
        headers = local.get(path, headers={"Host": host}).headers
        assert headers["cache-control"] == ("no-store" if (path, host) in places else "no-cache")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        assert "geolocation=()" in headers["permissions-policy"]
        for rule in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action"):
            assert rule in headers["content-security-policy"]
        assert "server" not in headers and "x-powered-by" not in headers
