"""The official clients of other systems, in front of the fake service in this process or of one real server for a module."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from api.admission.keys import SCOPES, add_key
from index.types import Metadata
from tests.api.conftest import RAG, server_process
from tests.api.fake_service import FakeService

SEEDS = Path(__file__).parents[3] / "seeds"


class InProcess(httpx2.BaseTransport):
    """Hands requests to an application in this process."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = [(name, value) for name, value in request.headers.items() if name != "host"]
        answer = self.client.request(request.method, str(request.url), content=request.read(), headers=dict(headers))
        kept = [(name, value) for name, value in answer.headers.items() if name != "content-encoding"]
        return httpx2.Response(answer.status_code, headers=kept, content=answer.content)


def openai_client(client: TestClient, key: str = "unused") -> OpenAI:
    """OpenAI's client, which checks every response against its own types."""
    return OpenAI(
        base_url="http://testserver/openai/v1",
        api_key=key,
        max_retries=0,
        http_client=httpx2.Client(transport=InProcess(client)),
        _strict_response_validation=True,
    )


@pytest.fixture
def filled(fake: FakeService) -> FakeService:
    """The fake service with three documents, the last in a collection of its own."""
    documents: list[tuple[str, str, str, Metadata]] = [
        ("Minutes", "The board met on Monday.", "default", {"year": 2025, "tags": ["board", "minutes"]}),
        ("Letter", "The board was dissolved.", "default", {"year": 2024}),
        ("Plan", "The secret plan is here.", "secret", {}),
    ]
    for title, text, collection, metadata in documents:
        fake.add_text(title=title, text=text, source=f"{title.lower()}.txt", metadata=metadata, collection=collection)
    return fake


@pytest.fixture
def opened(filled: FakeService, client: TestClient) -> OpenAI:
    """OpenAI's client in front of the filled service, which asks for no key."""
    return openai_client(client)


class Running(NamedTuple):
    """A real server with the seeds in its default collection, and its keys."""

    url: str
    write_key: str
    read_key: str


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for a module: a key that writes and one that reads."""
    if not RAG.exists():
        pytest.skip("the console command `rag` is not installed")
    folder = tmp_path_factory.mktemp("doors")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder)}
    adding = [str(RAG), "add", str(SEEDS), "--store", str(folder / "store")]
    subprocess.run(adding, env=environment, capture_output=True, check=True)
    write, read = (add_key(folder / "keys.json", scope, scope)[1] for scope in SCOPES[::-1])
    options = ("--workers", "0", "--mcp-write")
    with server_process(folder, *options, RAG_PUBLIC_URL="https://docs.example.org") as (process, told):
        yield Running(told["url"], write, read)
        process.terminate()
        assert process.wait(300) == 0
        logged = told["log"].read_text(encoding="utf-8")
    assert "Traceback" not in logged and " 500 " not in logged
