"""What was acknowledged survives ``kill -9``, whole, and nothing else appears."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from index.local.store import Store
from index.types import Scope

TESTS = Path(__file__).parents[2]
KILLS = 10
WRITER = """
import sys
from conftest import build_document
from index.local.store import Store
path, first = sys.argv[1], int(sys.argv[2])
with Store.open(path) as store:
    for number in range(first, first + 10_000):
        print("begin", number, flush=True)
        if number % 9 == 8:
            with store.read() as reader:
                found = reader.find(f"s{number - 3}")  # nothing, if a kill came before it
            if found:
                store.delete(found[0].id)
        elif number % 9 == 7:
            store.checkpoint()
        else:
            text = f"Text of {number}. Unique word{number} here. " * (1 + number % 5)
            store.add(*build_document(text, key=str(number % 50), source=f"s{number}"))
        print("done", number, flush=True)
"""


@pytest.mark.slow
def test_killed_writers_lose_nothing_and_leave_no_half_documents(store_path: Path) -> None:
    rng = random.Random(20)
    Store.create(store_path, dim=16, fingerprint="fake", settings={}).close()
    first = 0
    state: dict[str, str] = {}  # key -> source, as acknowledged
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(store_path), str(first)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": f"{TESTS.parent}:{TESTS}"}
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(rng.randint(2, 30))]
        time.sleep(rng.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL  # it was still at work
        begun = [int(line.split()[1]) for line in lines if line.startswith("begin") and line.endswith("\n")]
        done = [int(line.split()[1]) for line in lines if line.startswith("done") and line.endswith("\n")]
        for number in done:
            apply(state, number)
        possible = [dict(state)]
        if begun[-1] not in done:  # it may have been committed though nobody was told
            apply(state, begun[-1])
            possible.append(dict(state))
        first = begun[-1] + 1
        with Store.open(store_path) as store, store.read() as reader:
            assert store.rebuilt == ()
            found = {document.key: document.source or "" for document in reader.documents(limit=1000)}
            assert found in possible
            state = found
            for key, source in found.items():
                (document,) = reader.find(source)
                number = int(source[1:])
                assert document.key == key and reader.text(document.id).count(f"word{number}") == 1 + number % 5
                assert len(reader.matching([f"word{number}"], 99, Scope())[1]) == document.n_passages
            assert store.verify() == []
    assert first > KILLS


def apply(state: dict[str, str], number: int) -> None:
    if number % 9 == 8:
        key = str((number - 3) % 50)
        if state.get(key) == f"s{number - 3}":
            del state[key]
    elif number % 9 != 7:
        state[str(number % 50)] = f"s{number}"
