"""A real server whose search files are damaged: it is ready at once, says so, and answers as before."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from index.local.system.lock import WriterLock
from index.local.system.names import LOCK
from tests.reliability.programs import served
from tests.waiting import wait_until

pytestmark = pytest.mark.model

TEXTS = [
    "The ferry to the island waited nine hours for the tide. Nobody was told why.",
    "Bread is baked at four in the morning. The oven is heated with beech wood.",
    "The museum keeps a globe from 1542. It shows a continent that does not exist.",
]
QUESTIONS = ["How long did the ferry wait?", "What heats the oven?", "From which year is the globe?"]


@contextmanager
def client_of(place: Path) -> Iterator[httpx.Client]:
    """A client of a server, which ends in order with the block."""
    with served(place) as (process, url), httpx.Client(base_url=url, timeout=300, trust_env=False) as client:
        yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0


def asked(client: httpx.Client) -> list[Any]:
    answers = [client.post("/v1/ask", json={"question": question, "explain": True}).json() for question in QUESTIONS]
    return [{name: value for name, value in answer.items() if name != "timings_ms"} for answer in answers]


@pytest.mark.slow
def test_a_server_with_damaged_search_files_is_ready_says_so_and_answers_the_same(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with client_of(tmp_path) as client:
        for text in TEXTS:
            assert client.post("/v1/documents", json={"text": text, "source": text[:9]}).status_code == 201
        expected = asked(client)
        assert all(answer["answered"] for answer in expected) and client.get("/readyz").json() == {"status": "ready"}
    shutil.rmtree(store / "views")
    with ExitStack() as writing:
        writing.enter_context(
            WriterLock(store / LOCK).held(300)
        )  # nothing can be written: the search files cannot come yet
        with client_of(tmp_path) as client:
            assert client.get("/readyz").json() == {"status": "ready", "rebuilding": ["vectors", "lexical"]}
            assert 'footnote_store_rebuilding{files="lexical"} 1' in client.get("/metrics").text
            assert asked(client) == expected
            assert "being made again" in (tmp_path / "log").read_text()
            writing.close()
            wait_until(lambda: client.get("/readyz").json() == {"status": "ready"})
            # Another question first: an answer that is known is not searched for again.
            assert client.post("/v1/ask", json={"question": "Who waited for the tide?"}).json()["answered"]
            assert asked(client) == expected
