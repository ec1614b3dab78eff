"""`rag work` as it is run: workers are killed in the middle of uploads, and each document is in exactly once."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.api.conftest import RAG
from tests.signalled import signalled
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.model]
# How many there are, and how many each worker that is killed takes in before.
SHORT, LONG = (40, (6, 11)), (200, (6, 24, 30, 30, 30, 30))


@contextmanager
def worker(address: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that is killed at the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen([RAG, "work", "--store", address], stdout=output, stderr=output, env=os.environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def text(number: int) -> bytes:
    lines = [f"Ship {number} carried {part} barrels of oil to harbour {part * number}." for part in range(120)]
    return "\n\n".join(lines).encode()


def test_workers_are_killed_and_each_document_is_in_exactly_once(
    databases: Callable[[], str], serve: Callable[..., Any], connect: Any, tmp_path: Path, long: bool
) -> None:
    address, log = databases(), tmp_path / "work.log"
    _, told = serve("--store", address)
    with connect(told) as client:
        upload_and_kill(client, address, log, *(LONG if long else SHORT))


def upload_and_kill(
    client: httpx.Client, address: str, log: Path, n_documents: int, kill_after: tuple[int, ...]
) -> None:
    places = []
    for first in range(0, n_documents, 10):
        files = [("file", (f"{number}.txt", text(number))) for number in range(first, first + 10)]
        response = client.post("/v1/documents", files=files, headers={"Prefer": "respond-async"})
        assert response.status_code == 202, response.text
        places.append(response.headers["Location"])

    def n_in() -> int:
        return len(client.get("/v1/documents?limit=1000").json()["documents"])

    def states() -> list[str]:
        return [client.get(place).json()["state"] for place in places]

    assert (n_in(), states()) == (0, ["waiting"] * len(places))
    for n_more in kill_after:
        killed = signalled(
            "work",
            "--store",
            address,
            numbers=[signal.SIGKILL],
            after=n_more,
            store="index.postgres.store PostgresStore",
        )
        assert killed.returncode == -signal.SIGKILL
    assert kill_after[0] < n_in() <= sum(kill_after) < n_documents
    started = time.monotonic()
    with worker(address, log), worker(address, log) as last:
        wait_until(lambda: set(states()) == {"done"}, log.read_text)
        print(f"the rest was in {time.monotonic() - started:.1f} s after the second kill")
        last.terminate()
        assert last.wait(300) == 0, log.read_text()
    sources = Counter(document["source"] for document in client.get("/v1/documents?limit=1000").json()["documents"])
    assert sources == Counter(f"{number}.txt" for number in range(n_documents))
    jobs = [client.get(place).json() for place in places]
    assert Counter(document["source"] for job in jobs for document in job["documents"]) == sources
    assert [job["failed"] for job in jobs] == [[]] * len(jobs)
    with psycopg.connect(address) as connection:
        written = connection.execute("SELECT count(*) FROM footnote.log").fetchone()
    assert written == (n_documents,)  # none was written twice
    assert "Traceback" not in log.read_text()
