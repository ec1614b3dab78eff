"""Who may ask: the key, and the addresses that need one."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.settings import Settings, is_loopback

KEY = "s3cret-ключ"
ROUTES = [
    ("POST", "/v1/ask"),
    ("POST", "/v1/documents"),
    ("GET", "/v1/documents"),
    ("GET", "/v1/documents/x"),
    ("GET", "/v1/documents/x/text"),
    ("DELETE", "/v1/documents/x"),
    ("POST", "/v1/verify"),
    ("GET", "/openapi.json"),
    ("GET", "/nothing"),
]


@pytest.fixture
def guarded(client_of: Callable[[Settings], TestClient]) -> TestClient:
    return client_of(Settings(api_key=KEY))


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_the_key_nothing_is_done(guarded: TestClient, fake: Any, method: str, path: str) -> None:
    fake.fail_with = AssertionError("the service was asked")
    response = guarded.request(method, path, content=b"{", headers={"Content-Type": "application/json"})
    assert response.status_code == 401
    assert response.json()["type"] == "/problems/unauthorized"
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"X-API-Key": ""},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": KEY + "x"},
        {"X-API-Key": KEY.upper()},
        {"Cookie": f"key={KEY}"},
    ],
)
def test_a_wrong_key_is_refused(guarded: TestClient, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert guarded.get("/v1/documents", headers=raw).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"Bearer {KEY}"}, {"Authorization": f"bearer {KEY}"}, {"X-API-Key": KEY}]
)
def test_the_key_opens_in_either_header(guarded: TestClient, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert guarded.get("/v1/documents", headers=raw).status_code == 200


def test_health_checks_need_no_key(guarded: TestClient) -> None:
    assert guarded.get("/livez").json() == {"status": "alive"}
    assert guarded.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_addresses_of_this_machine_only_are_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org", "localhost.example.org", "127.1", "*"]
)
def test_every_other_address_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_a_blank_key_is_none(read_settings: Callable[..., Settings], value: str) -> None:
    assert read_settings(RAG_API_KEY=value).api_key is None


def test_the_key_is_read_from_the_environment_and_kept_out_of_representations(
    read_settings: Callable[..., Settings],
) -> None:
    settings = read_settings(RAG_API_KEY=" s3cret\n")
    assert settings.api_key == "s3cret"
    assert "s3cret" not in repr(settings)
