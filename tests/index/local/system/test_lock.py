"""Writers wait for each other; who waits in vain learns for whom."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from index.errors import StoreLocked
from index.local.store import Store
from index.local.system.lock import WriterLock
from tests.conftest import Make

ROOT = Path(__file__).parents[4]
HOLDER = """
import sys, time
from pathlib import Path
from index.local.system.lock import WriterLock
with WriterLock(Path(sys.argv[2])).held(5):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_held_by_another_process_is_waited_for_and_its_holder_named(
    empty_store: Store, make_document: Make
) -> None:
    command = [sys.executable, "-c", HOLDER, "ingest", str(empty_store.path / "writer.lock")]
    empty_store.lock_timeout_s = 0.3
    made = make_document("A cat.")
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)}) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        started = time.monotonic()
        with pytest.raises(StoreLocked, match=f"process {holder.pid} .*ingest"):
            empty_store.add(*made)
        assert time.monotonic() - started >= 0.3
        with empty_store.read() as reader:  # readers never wait
            assert reader.counts() == (0, 0)
        holder.kill()
    # The lock died with its holder.
    assert empty_store.add(*made).outcome == "added"


def test_a_lock_held_by_another_thread_is_waited_for(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "lock")
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with lock.held(300):
            inside.set()
            leave.wait(300)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(300)
    with pytest.raises(StoreLocked, match="another thread"), lock.held(0.1):
        pass
    leave.set()
    with lock.held(300):
        pass
    thread.join()


def take_turns(waiting: WriterLock, greedy: WriterLock) -> int:
    """How many rounds of one that takes its lock again and again go by while another one waits for it."""
    rounds, stop, begun = 0, threading.Event(), threading.Event()

    def hold_again_and_again() -> None:
        nonlocal rounds
        while not stop.is_set():
            with greedy.held(300):
                rounds += 1
                begun.set()
                time.sleep(0.005)

    thread = threading.Thread(target=hold_again_and_again)
    thread.start()
    try:
        begun.wait(300)
        before = rounds
        with waiting.held(300):
            return rounds - before
    finally:
        stop.set()
        thread.join()


def test_who_waits_comes_before_who_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert take_turns(WriterLock(path), WriterLock(path)) < 300  # as two processes
    shared = WriterLock(path)
    assert take_turns(shared, shared) < 300  # two threads


def test_a_lock_whose_file_was_removed_keeps_others_out_again(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with WriterLock(path).held(1):
        path.unlink()
        with WriterLock(path).held(1), pytest.raises(StoreLocked), WriterLock(path).held(0.05):
            pass


def test_the_acknowledged_number_survives_and_damage_to_it_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with WriterLock(path).held(1):
        pass
    lock = WriterLock(path)
    assert lock.acknowledged() == 0
    with lock.held(1):
        lock.acknowledge(41)
    with WriterLock(path).held(1):
        pass
    assert lock.acknowledged() == 41
    path.write_text(json.dumps({**json.loads(path.read_text()), "acknowledged": 43}))
    assert lock.acknowledged() == 0
    with pytest.raises(ValueError):
        lock.acknowledge(44)
