"""The official clients of other systems, in front of the fake service in this process or of one real server for a module."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from index.types import Metadata
from tests.api.conftest import RAG, FakeService

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
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    environment |= {"RAG_KEYS": str(folder / "keys.json"), "XDG_CONFIG_HOME": str(folder)}
    environment |= {"RAG_STORE": str(folder / "store"), "RAG_PUBLIC_URL": "https://docs.example.org"}
    environment |= {"RAG_DEADLINE": "600"}

    def rag(*arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(RAG), *arguments, "--json"], env=environment, capture_output=True, text=True, check=True
        )
        return dict(json.loads(done.stdout))

    rag("add", str(SEEDS))
    write, read = (rag("key", "add", scope, "--scope", scope)["key"] for scope in ("write", "read"))
    command = [str(RAG), "serve", "--port", "0", "--workers", "0", "--json", "--mcp-write"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail((folder / "log").read_text(encoding="utf-8"))
    yield Running(json.loads(line)["url"], write, read)
    process.terminate()
    assert process.wait(300) == 0
    process.stdout.close()
    logged = (folder / "log").read_text(encoding="utf-8")
    assert "Traceback" not in logged and " 500 " not in logged
