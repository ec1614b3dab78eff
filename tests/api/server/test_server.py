"""The server as a process: addresses, start, signals, end."""

import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from api.server.server import CannotListen, bind, run, url_of
from api.server.stopping import interruptible
from tests.api.conftest import RAG, Server

installed = pytest.mark.skipif(not RAG.exists(), reason="the console command `rag` is not installed")


def refused(store: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A start that ends, having said why and made nothing."""
    environment = {name: value for name, value in os.environ.items() if name not in ("RAG_API_KEY", "RAG_STORE")}
    command = [str(RAG), "serve", "--store", str(store), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert "Traceback" not in ended.stderr and not store.exists()
    return ended


@pytest.mark.slow
@installed
@pytest.mark.model
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_keeps_what_it_acknowledged_and_stops_with_0(
    serve: Callable[..., Server], number: signal.Signals
) -> None:
    process, told = serve()
    with httpx.Client(base_url=told["url"], timeout=300, trust_env=False) as client:
        assert client.get("/readyz").status_code == 200
        added = client.post("/v1/documents", files={"file": ("a.txt", b"The ferry waited nine hours.")})
        assert added.status_code == 201
        answer = client.post("/v1/ask", json={"question": "How long did the ferry wait?"}).json()
        assert answer["passages"][0]["text"] == "The ferry waited nine hours."
    process.send_signal(number)
    output, _ = process.communicate(timeout=300)
    errors = told["log"].read_text(encoding="utf-8")
    assert (process.returncode, output) == (0, ""), errors
    assert told["url"] in errors and "Traceback" not in errors
    listed = subprocess.run(
        [RAG, "list", "--store", told["store"], "--json"], capture_output=True, text=True, check=True
    )
    assert added.json()["documents"][0]["id"] in listed.stdout


def test_an_interruption_told_twice_waits_for_nothing_but_closes_what_the_application_holds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[bool | str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        told.append("closed")

    def interrupt_twice() -> None:
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    with interruptible():
        run(Starlette(lifespan=lifespan), None, bind("127.0.0.1", 0), interrupt_twice, told.append, linger_s=0)
    assert told[:3] == [False, True, "closed"]
    assert "Traceback" not in caplog.text


@pytest.mark.slow
@installed
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_no_start_on_an_open_address_without_a_key(tmp_path: Path, host: str) -> None:
    ended = refused(tmp_path / "store", "--host", host, "--port", "0")
    assert ended.returncode == 2 and "RAG_API_KEY" in ended.stderr


@pytest.mark.slow
@installed
def test_a_port_in_use_is_told_with_exit_code_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = refused(tmp_path / "store", "--port", str(port))
    assert ended.returncode == 1 and f"port {port}" in ended.stderr and "--port" in ended.stderr


def test_a_free_port_is_taken_for_port_0() -> None:
    with bind("127.0.0.1", 0) as bound:
        assert url_of(bound) == f"http://127.0.0.1:{bound.getsockname()[1]}"
        assert bound.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 300])
def test_an_address_of_another_machine_cannot_be_listened_on(host: str) -> None:
    with pytest.raises(CannotListen):
        bind(host, 0)
