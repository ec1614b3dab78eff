"""Processes of this project: whatever one does, who started it learns of it in time, and no other is left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index.process import Worker, WorkerEnded, outcome
from tests.waiting import is_running, wait_until

pytestmark = pytest.mark.medium

BEGIN = "import os, sys, time, signal\nfrom index.process import parents_socket, receive, send, work_behind\n"
Start = Callable[[str], Worker]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a worker that runs some code."""
    workers = []

    def start(code: str) -> Worker:
        (tmp_path / "at_work.py").write_text(BEGIN + code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        workers.append(Worker("at_work"))
        return workers[-1]

    yield start
    for worker in workers:
        worker.end()


ECHO = "c = parents_socket()\nwhile True: send(c, receive(c))"


@pytest.mark.parametrize("size", [0, 1, 8, 3_000_000])
def test_messages_go_both_ways_whole(start: Start, size: int) -> None:
    worker = start(ECHO)
    for number in range(2):
        message = bytes([number]) * size
        worker.send([message])
        assert worker.receive(size) == message


@pytest.mark.parametrize(
    ("code", "message", "number"),
    [
        ("raise SystemExit(7)", "ended with status 7", 0),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by signal 11", signal.SIGSEGV),
        ("send(parents_socket(), bytes(101))", "sent a message of 101 bytes, more than 100, and was ended", 0),
        ("parents_socket().sendall(bytes([9, 0, 0]))", "ended with status 0", 0),
    ],
    ids=["gives up", "crashes", "says too much", "stops in the middle"],
)
def test_how_it_ended_is_said(start: Start, code: str, message: str, number: int) -> None:
    with pytest.raises(WorkerEnded) as ended:
        start(code).receive(100, 300)
    assert str(ended.value) == message and ended.value.signal == number and not ended.value.late


@pytest.mark.parametrize(
    "code",
    [
        "time.sleep(600)",
        "c = parents_socket()\nwhile True: c.send(b'\\1'); time.sleep(0.05)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
    ],
    ids=["sleeps", "drips", "stands still"],
)
def test_one_that_takes_too_long_is_ended(start: Start, code: str) -> None:
    worker = start(code)
    with pytest.raises(WorkerEnded) as ended:
        worker.receive(1 << 60, 0.6)
    assert ended.value.late and worker._process.returncode == -signal.SIGKILL


def test_one_that_takes_nothing_is_ended_too(start: Start) -> None:
    with pytest.raises(WorkerEnded, match="took too long"):
        start("time.sleep(600)").send([bytes(50_000_000)], 0.6)


def test_what_a_check_raises_ends_the_waiting(start: Start) -> None:
    def check() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        start("time.sleep(600)").receive(100, check=check)


def test_work_says_what_went_wrong_or_nothing(start: Start) -> None:
    assert outcome(start("work_behind(lambda: None)")) == ""
    assert outcome(start("work_behind(lambda: [][1])")) == "list index out of range"
    assert outcome(start("work_behind(lambda: os.abort())")) == "the process was ended by signal 6"


def test_a_worker_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "at_work.py").write_text(f"{BEGIN}work_behind(lambda: time.sleep(600))")
    code = (
        "from index.process import Worker\nimport os\nprint(Worker('at_work').pid, flush=True)\nos.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    wait_until(lambda: not is_running(int(ran.stdout)))


def test_code_is_never_taken_from_the_working_directory(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "json.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(here)
    worker = start(f"import json\n{ECHO}")
    worker.send([b"x"])
    assert worker.receive(1) == b"x"


@pytest.mark.skipif(sys.platform != "linux", reason="a promise on Linux alone")
def test_what_forbids_inspection_is_undumpable() -> None:
    code = (
        "import ctypes\nfrom index.process import forbid_inspection\nstate = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "print(state())\nforbid_inspection()\nprint(state())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1", "0"]
