"""Who may ask: the key, and the addresses that need one."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from api.admission.keys import add_key
from api.app import OPEN_PATHS, create_app
from api.settings import Settings, is_loopback
from rag.service import Service
from tests.api.conftest import ClientOf, ReadSettings, Request

KEY = "s3cret-ключ"


class NothingIsDone:
    """A service of which nothing may be asked."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the service was asked for {name}")


@pytest.fixture
def guarded(client_of: ClientOf) -> TestClient:
    return client_of(Settings(api_key=KEY))


def test_without_a_key_no_route_does_anything_and_no_body_is_read(tmp_path: Path) -> None:
    """Every route of the description and every method at it, and what is no route at all."""
    service = NothingIsDone()
    _, secret = add_key(tmp_path / "keys.json", "other", "read")
    app = create_app(cast(Service, service), Settings(api_key=KEY, keys_file=tmp_path / "keys.json"))
    paths = [path.replace("{document_id}", "x") for path in app.openapi()["paths"]]
    paths = [path for path in paths if path not in OPEN_PATHS] + ["/openapi.json", "/nothing", "/v1", "/web/none.js"]
    assert len(paths) > 10
    wrong: tuple[dict[str, Any], ...] = (
        {},
        {"x_api_key": b"wrong"},
        {"authorization": b"Bearer " + secret[:-1].encode()},
    )

    class Unread(Request):
        async def receive(self) -> Message:
            raise AssertionError("the body was read")

    async def ask_everything() -> None:
        for path in paths:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
                for headers in wrong:
                    request = Unread(app, path=path, method=method, content_length=b"9", **headers)
                    assert await request.run() == 401, (method, path)
                    bodies = [message["body"] for message in request.sent if message.get("body")]
                    assert all(b"/problems/unauthorized" in body for body in bodies)

    asyncio.run(ask_everything())


def test_a_refusal_says_how_to_send_a_key(guarded: TestClient) -> None:
    response = guarded.get("/v1/documents")
    assert response.json()["type"] == "/problems/unauthorized" and "Bearer" in response.json()["detail"]
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
def test_a_blank_key_is_none(read_settings: ReadSettings, value: str) -> None:
    assert read_settings(RAG_API_KEY=value).api_key is None


def test_the_key_is_read_from_the_environment_and_kept_out_of_representations(read_settings: ReadSettings) -> None:
    settings = read_settings(RAG_API_KEY=" s3cret\n")
    assert settings.api_key == "s3cret"
    assert "s3cret" not in repr(settings)
