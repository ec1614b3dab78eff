"""The service told to stop at any time, and started by callers that closed its streams."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

RAG = Path(sys.executable).parent / "rag"
pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not RAG.exists(), reason="the console command `rag` is not installed"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="what processes are left is looked up in /proc"),
]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `rag serve` with a new store; its stdout and stderr go to files. At the end no process of it may be left."""
    mark = f"STARTED_BY={tmp_path}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    environment |= {"STARTED_BY": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    command = [str(RAG), "serve", "--store", str(tmp_path / "store")]
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **options: Any) -> "subprocess.Popen[str]":
        with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
            options = {"stdout": out, "stderr": err, **options}
            started.append(subprocess.Popen([*command, *arguments], text=True, env=environment, **options))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
    ends_at = time.monotonic() + 30  # one that loads the model looks when it has it
    while left := _processes_with(mark):
        assert time.monotonic() < ends_at, left
        time.sleep(0.1)


def _processes_with(mark: str) -> list[str]:
    """Command lines of the processes in whose environment this stands."""
    children = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                children.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or is another user's
            continue
    return children


def _wait_for(happened: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    ends_at = time.monotonic() + 120
    while not happened():
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return str(taken.getsockname()[1])


def _answers(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_service_that_is_told_to_stop_while_it_starts_ends_in_order(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start("--port", "0")
    _wait_for((tmp_path / "store").exists, process)
    process.send_signal(number)
    process.send_signal(signal.SIGTERM)  # told twice
    assert process.wait(timeout=60) == 0
    printed = (tmp_path / "err").read_text()
    assert printed.endswith("rag: stopped before it was ready\n") and "Traceback" not in printed


@pytest.mark.slow
def test_a_service_stops_with_its_terminal_unless_it_was_told_not_to(start: Start, tmp_path: Path) -> None:
    port = _free_port()
    # These tests, too, may have been started to outlive their terminal.
    process = start("--port", port, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
    _wait_for(lambda: _answers(port), process)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()

    stays = start("--port", port, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))  # as nohup does
    _wait_for(lambda: _answers(port), stays)
    stays.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert stays.poll() is None and _answers(port)
    stays.terminate()
    assert stays.wait(timeout=60) == 0


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_a_service_whose_streams_are_closed_serves(start: Start, tmp_path: Path, closed: tuple[int, ...]) -> None:
    def close() -> None:
        for stream in closed:
            os.close(stream)

    port = _free_port()
    process = start("--port", port, "--json", preexec_fn=close)
    _wait_for(lambda: _answers(port), process)
    added = httpx.post(
        f"http://127.0.0.1:{port}/v1/documents", json={"text": "The ferry waits."}, timeout=120, trust_env=False
    )
    assert added.status_code == 201
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_service_goes_on_when_the_reader_of_what_it_says_has_left(start: Start, tmp_path: Path, stream: str) -> None:
    read_end, write_end = os.pipe()
    port = _free_port()
    process = start("--port", port, "--json", **{stream: write_end})
    os.close(write_end)
    os.close(read_end)
    _wait_for(lambda: _answers(port), process)
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()
