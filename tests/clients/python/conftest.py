"""The Python client in front of the fake service in this process."""

from collections.abc import Iterator

import httpx
import pytest
from footnote_client import Client
from starlette.testclient import TestClient

from api.settings import Settings
from tests.api.conftest import ClientOf, client_of, fake
from tests.api.fake_service import FakeService

__all__ = ["FakeService", "client_of", "fake"]


class InProcess(httpx.BaseTransport):
    """Hands requests to an application in this process."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        answer = self._client.request(request.method, str(request.url), content=request.read(), headers=headers)
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


@pytest.fixture
def client(client_of: ClientOf) -> Iterator[Client]:
    """One of the fake service."""
    with Client("http://testserver", transport=InProcess(client_of(Settings()))) as made:
        yield made
