"""Clients for applications around a small service in memory or around the real one, and real servers."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from pydantic import ConfigDict, TypeAdapter
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Scope

from api.app import create_app
from api.settings import Settings
from rag.service import Service
from tests.api.fake_service import FakeService
from tests.conftest import tmp_path_in_memory as tmp_path

__all__ = ["tmp_path"]  # many of these servers take in hundreds of documents, one after the other
ClientOf = Callable[[Settings], TestClient]
Connect = Callable[..., httpx.Client]
ReadSettings = Callable[..., Settings]


def fits(shape: Any, value: object) -> Any:
    """The value, which has every field of a shape of what is answered, and no other."""
    (fitting,) = TypeAdapter(list[shape], config=ConfigDict(extra="forbid", strict=True)).validate_python([value])
    return fitting


class Request:
    """One request at the border of the application, so that a client may stall or leave."""

    def __init__(
        self,
        app: ASGIApp,
        *messages: Message,
        path: str = "/v1/ask",
        method: str = "POST",
        kind: str = "application/json",
        **headers: bytes,
    ) -> None:
        named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
        self.app = app
        self.messages = list(messages)
        self.left = asyncio.Event()
        self.sent: list[Message] = []
        self.scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"content-type", kind.encode()), *named],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }

    async def receive(self) -> Message:
        if self.messages:
            return self.messages.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def run(self) -> int:
        await self.app(self.scope, self.receive, self.send)
        return int(self.sent[0]["status"])


def whole(body: Any) -> Message:
    return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}


@pytest.fixture
def read_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ReadSettings:
    """Reads the settings of an environment that holds these variables and no others of ours."""
    for name in [name for name in os.environ if name.startswith("RAG_")]:
        monkeypatch.delenv(name)
    nothing = tmp_path / "nothing.toml"
    nothing.touch()
    monkeypatch.setenv("RAG_CONFIG", str(nothing))

    def read(**variables: str) -> Settings:
        with pytest.MonkeyPatch.context() as within:
            for name, value in variables.items():
                within.setenv(name, value)
            return Settings.read()

    return read


@pytest.fixture
def fake() -> FakeService:
    return FakeService()


@pytest.fixture
def client_of(fake: FakeService) -> Iterator[ClientOf]:
    """Makes a client of the fake service under the given settings."""
    opened: list[TestClient] = []

    def make(settings: Settings) -> TestClient:
        client = TestClient(create_app(cast(Service, fake), settings))
        opened.append(client.__enter__())
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(client_of: ClientOf) -> TestClient:
    """The fake service without a key."""
    return client_of(Settings())


@pytest.fixture(scope="module")
def real_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A new, empty store with the default model."""
    path: Path = tmp_path_factory.mktemp("api") / "store"
    with Service.open_or_create(path) as service, TestClient(create_app(service, Settings())) as client:
        yield client


RAG = Path(sys.executable).parent / "rag"
Server = tuple["subprocess.Popen[str]", dict[str, Any]]


@contextmanager
def server_process(folder: Path, *arguments: str, **variables: str) -> Iterator[Server]:
    """A server on a free port, with these variables, a key file of its own, and a new store in a folder unless another is named.

    Gives the process and what it said of itself, with the path of its "log". It is killed at the end. Where no variable says
    otherwise it has more time for an answer than a busy machine takes.
    """
    if not RAG.exists():
        pytest.skip("the console command `rag` is not installed")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    environment |= {"RAG_KEYS": str(folder / "keys.json"), "XDG_CONFIG_HOME": str(folder)}
    environment |= {"RAG_DEADLINE": "600", **variables}
    command = [str(RAG), "serve", "--port", "0", "--store", str(folder / "store"), "--json", *arguments]
    path = folder / f"serve-{len(list(folder.glob('serve-*.log')))}.log"
    with path.open("w") as log:  # not a pipe, which would be full one day and stop the server
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(path.read_text(encoding="utf-8"))
        yield process, {**json.loads(line), "log": path}
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers with a store in the folder of the test; see ``server_process``."""
    with ExitStack() as stack:
        yield lambda *arguments, **variables: stack.enter_context(server_process(tmp_path, *arguments, **variables))


@pytest.fixture
def connect() -> Callable[[dict[str, Any]], httpx.Client]:
    """Makes a client of a server that said this of itself."""

    def client(told: dict[str, Any]) -> httpx.Client:
        return httpx.Client(base_url=told["url"].replace("0.0.0.0", "127.0.0.1"), timeout=300, trust_env=False)

    return client


Attacked = tuple["subprocess.Popen[str]", str]


@pytest.fixture(scope="module")
def attacked_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the attacked server: of its store, its log and its settings."""
    return tmp_path_factory.mktemp("attacked")


@pytest.fixture(scope="module")
def attacked(attacked_folder: Path) -> Iterator[Attacked]:
    """One server for all attacks of a module, with little memory and time for a file, and its address."""
    limits = {"RAG_PARSE_SECONDS": "5", "RAG_PARSE_MIB": "768"}
    with server_process(attacked_folder, "--log-format", "json", **limits) as (process, told):
        yield process, told["url"]
        assert process.poll() is None, "the server died"
        process.terminate()
        assert process.wait(300) == 0
        assert "Traceback" not in told["log"].read_text()


@pytest.fixture(scope="module")
def attacker(attacked: Attacked) -> Iterator[httpx.Client]:
    """A client of the attacked server."""
    with httpx.Client(base_url=attacked[1], timeout=300, trust_env=False) as client:
        yield client
