"""The service told to stop at any time, and started by callers that closed its streams."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import RAG
from tests.waiting import LONGEST_S, wait_until

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not RAG.exists(), reason="the console command `rag` is not installed"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="what processes are left is looked up in /proc"),
]
Start = Callable[..., "subprocess.Popen[str]"]
# It sends itself two signals as soon as the processes that answer have been begun, which is long before any of them is ready.
STOPPED_EARLY = """
import os, signal, sys, threading
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may have been started to outlive their terminal
from api.workers.pool import Answerers
begin, numbers = Answerers.start, sys.argv.pop(1)

def begin_and_send(self):
    begin(self)
    sender = threading.Thread(target=lambda: [os.kill(os.getpid(), int(number)) for number in numbers.split()])
    sender.start()
    sender.join()

Answerers.start = begin_and_send
from rag.cli.main import main
main()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `rag serve` with a new store; its stdout and stderr go to files. At the end no process of it may be left."""
    mark = f"STARTED_BY={tmp_path}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    environment |= {"STARTED_BY": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    arguments = ["serve", "--store", str(tmp_path / "store"), "--port", "0", "--json"]
    started: list[subprocess.Popen[str]] = []

    def begin(*program: str, **options: Any) -> "subprocess.Popen[str]":
        with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
            options = {"stdout": out, "stderr": err, **options}
            command = [*(program or [str(RAG)]), *arguments]
            started.append(subprocess.Popen(command, text=True, env=environment, **options))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
    wait_until(lambda: not _processes_with(mark), lambda: _processes_with(mark))  # one that loads the model looks later


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


def _wait_for(happened: Callable[[], Any], process: "subprocess.Popen[str]") -> Any:
    def look() -> Any:
        assert process.poll() is None, f"it ended with {process.returncode}"
        return happened()

    return wait_until(look)


def _port_of(process: "subprocess.Popen[str]") -> int:
    """Where it listens, once it is ready."""

    def listening() -> int | None:
        try:
            files = [os.readlink(file) for file in Path(f"/proc/{process.pid}/fd").iterdir()]
        except OSError:  # one has been closed meanwhile
            return None
        for _, local, _, state, *rest in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:]):
            if state == "0A" and f"socket:[{rest[5]}]" in files:
                return int(local.rpartition(":")[2], 16)
        return None

    port: int = _wait_for(listening, process)
    _wait_for(lambda: _answers(port), process)
    return port


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=LONGEST_S, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_service_that_is_told_to_stop_while_it_starts_ends_in_order(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(sys.executable, "-c", STOPPED_EARLY, f"{int(number)} {int(signal.SIGTERM)}")  # told twice
    assert process.wait(LONGEST_S) == 0
    printed = (tmp_path / "err").read_text()
    assert printed.endswith("rag: stopped before it was ready\n") and "Traceback" not in printed


@pytest.mark.slow
def test_a_service_stops_with_its_terminal_unless_it_was_told_not_to(start: Start, tmp_path: Path) -> None:
    # These tests, too, may have been started to outlive their terminal.
    process = start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
    _port_of(process)
    process.send_signal(signal.SIGHUP)
    assert process.wait(LONGEST_S) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()

    stays = start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))  # as nohup does
    port = _port_of(stays)
    stays.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert stays.poll() is None and _answers(port)
    stays.terminate()
    assert stays.wait(LONGEST_S) == 0


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_a_service_whose_streams_are_closed_serves(start: Start, tmp_path: Path, closed: tuple[int, ...]) -> None:
    def close() -> None:
        for stream in closed:
            os.close(stream)

    process = start(preexec_fn=close)
    port = _port_of(process)
    added = httpx.post(
        f"http://127.0.0.1:{port}/v1/documents", json={"text": "The ferry waits."}, timeout=LONGEST_S, trust_env=False
    )
    assert added.status_code == 201
    process.terminate()
    assert process.wait(LONGEST_S) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_service_goes_on_when_the_reader_of_what_it_says_has_left(start: Start, tmp_path: Path, stream: str) -> None:
    read_end, write_end = os.pipe()
    process = start(**{stream: write_end})
    os.close(write_end)
    os.close(read_end)
    _port_of(process)
    process.terminate()
    assert process.wait(LONGEST_S) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()
