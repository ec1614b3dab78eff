"""The real server and the real ``rag add`` are killed at random moments: what they acknowledged is there, whole, and nothing else.

Each store is then opened here, compared with all that was sent and acknowledged, and verified; the next process goes on with it.
"""

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from index.local.store import Store
from rag.service import Service
from rag.shared.config import Config
from tests.reliability import programs
from tests.reliability.programs import environment, kill, served

pytestmark = pytest.mark.model

Texts = dict[str, str]  # source -> text of the document


def text_of(rng: random.Random, canary: str) -> str:
    """A few sentences in each of which the canary stands."""
    return "\n".join(
        f"The {canary} waited {rng.randrange(1000)} hours at the harbour." for _ in range(rng.randrange(1, 30))
    )


def found_in(store: Path) -> Texts:
    """What a store holds, once all of it has been compared with all of it."""
    with Store.open(store) as opened, opened.read() as reader:
        assert opened.rebuilt == () and opened.verify() == []
        return {document.source or "": reader.text(document.id) for document in reader.documents(limit=10_000)}


@dataclass
class Client:
    """Sends changes of its own documents, one after another, and knows what each of them may be.

    allowed: by source, the texts that may be stored, None for no document; more than one after a request without a reply.
    canaries: by source, the words of all its versions.  erased: words of documents of which there is a receipt.
    """

    name: str
    rng: random.Random
    allowed: dict[str, list[str | None]] = field(default_factory=dict)
    canaries: dict[str, set[str]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    acknowledged: Counter[str] = field(default_factory=Counter)

    def work(self, url: str) -> None:
        """Until the server is gone."""
        with httpx.Client(base_url=url, timeout=300, trust_env=False) as client:
            try:
                documents = client.get("/v1/documents?limit=1000").json()["documents"]
                ids = {document["source"]: document["id"] for document in documents}
                while True:
                    self._change(client, ids)
            except httpx.TransportError:
                return

    def _change(self, client: httpx.Client, ids: dict[str, str]) -> None:
        source = f"{self.name}{self.rng.randrange(6)}"
        before = self.allowed.get(source, [None])
        if source in ids and self.rng.random() < 0.3:
            self.allowed[source] = [*before, None]
            reply = client.delete(f"/v1/documents/{ids[source]}")
            assert reply.status_code == 200 and reply.json()["remaining"] == 0, reply.text
            self.allowed[source] = [None]
            self.erased |= self.canaries.pop(source)
            del ids[source]
            self.acknowledged["delete"] += 1
            return
        canary = f"canary{self.rng.getrandbits(48):012x}"
        text = text_of(self.rng, canary)
        self.allowed[source] = [*before, text]
        self.canaries.setdefault(source, set()).add(canary)
        reply = client.post("/v1/documents", json={"text": text, "source": source})
        assert reply.status_code == 201, reply.text
        self.allowed[source] = [text]
        ids[source] = reply.json()["documents"][0]["id"]
        self.acknowledged["add"] += 1

    def compare(self, stored: Texts) -> None:
        """Whether the store holds what it may; from then on that is what there is."""
        for source, allowed in self.allowed.items():
            assert stored.get(source) in allowed, source
            self.allowed[source] = [stored.get(source)]


def serve_and_kill(place: Path, clients: list[Client], after_s: float) -> None:
    problems: list[BaseException] = []

    def work(client: Client, url: str) -> None:
        try:
            client.work(url)
        except BaseException as problem:
            problems.append(problem)

    with served(place) as (process, url):
        threads = [threading.Thread(target=work, args=(client, url)) for client in clients]
        for thread in threads:
            thread.start()
        ends_at = time.monotonic() + 300
        while not (any(client.acknowledged["add"] for client in clients) or problems) and time.monotonic() < ends_at:
            time.sleep(0.01)  # before that there is nothing to lose
        time.sleep(after_s)
    for thread in threads:
        thread.join()
    for problem in problems:
        raise problem
    assert process.returncode == -signal.SIGKILL


def kill_servers(place: Path, seed: int, n_kills: int) -> Counter[str]:
    """What was acknowledged in all; each kill is followed by a comparison."""
    rng = random.Random(seed)
    store = place / "store"
    Service.create(store, Config()).close()
    clients = [Client(name, random.Random(f"{seed} {name}")) for name in "ab"]
    for number in range(n_kills):
        serve_and_kill(place, clients, rng.random() * 2)
        content = b"".join(path.read_bytes() for path in sorted((store).rglob("*")) if path.is_file())
        for canary in set().union(*(client.erased for client in clients)):
            assert canary.encode() not in content, f"kill {number}: deleted, with a receipt"
        stored = found_in(store)
        assert stored.keys() <= set().union(*(client.allowed for client in clients)), f"kill {number}: never sent"
        for client in clients:
            client.compare(stored)
    return sum((client.acknowledged for client in clients), Counter())


def test_a_killed_server_loses_nothing_that_it_acknowledged(tmp_path: Path, seed: int, long: bool) -> None:
    n_kills = 1000 if long else 1
    acknowledged = kill_servers(tmp_path, seed, n_kills)
    print(f"{n_kills} kills of `rag serve`, {dict(acknowledged)} acknowledged: 0 lost, 0 half, 0 back")
    assert acknowledged["add"]


@pytest.fixture
def storing_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a test ``rag`` stores what it acknowledges when the next change comes, and not before."""
    program = "from tests.reliability import bugs; bugs.plant('commit_with_the_next');"
    program += "from rag.cli.main import main; main()"
    monkeypatch.setattr(programs, "RAG", [sys.executable, "-c", program])


@pytest.mark.slow
@pytest.mark.usefixtures("storing_late")
def test_the_kill_of_a_server_finds_a_document_that_was_acknowledged_and_not_stored(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as failed:
        kill_servers(tmp_path, 7, 30)  # until one is killed between an acknowledgement and the next change
    # Or whoever deletes it at once is told that it is not there.
    assert {"compare", "_change"} & {entry.name for entry in failed.traceback}


def change_files(folder: Path, rng: random.Random, number: int) -> None:
    """Write, change and remove some files."""
    for _ in range(8):
        path = folder / f"{rng.randrange(40)}.txt"
        if path.exists() and rng.random() < 0.3:
            path.unlink()
        else:
            path.write_text(text_of(rng, f"canary{number}x{rng.getrandbits(32):08x}"))


def texts_of(folder: Path) -> Texts:
    return {path.name: path.read_text() for path in folder.iterdir()}


def kill_adds(place: Path, seed: int, n_kills: int) -> Counter[str]:
    """How the commands ended; each is followed by a comparison, and the last kill by a run to the end."""
    rng = random.Random(seed)
    folder, store = place / "files", place / "store"
    folder.mkdir()
    Service.create(store, Config()).close()
    allowed: dict[str, set[str | None]] = {}
    command = [*programs.RAG, "add", str(folder), "--sync", "--json"]
    ended: Counter[str] = Counter()
    longest_s = 5.0
    n_killed = tries = 0
    before: Texts = {}
    while n_killed < n_kills:
        change_files(folder, rng, tries)
        tries += 1
        texts = texts_of(folder)
        for source in allowed.keys() | texts.keys():
            allowed.setdefault(source, {None}).add(texts.get(source))
        started = time.monotonic()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment(place), start_new_session=True
        )
        try:
            # Most of the time goes by before the first commit; the end, where it happens, is aimed at more often.
            process.wait(timeout=longest_s * (1 - rng.random() ** 2))
        except subprocess.TimeoutExpired:
            kill(process)
        finished = process.returncode == 0
        if finished:
            process.communicate()
            longest_s = time.monotonic() - started  # on this machine, as busy as it is
        assert finished or process.returncode == -signal.SIGKILL
        n_killed += not finished
        stored = {Path(source).name: text for source, text in found_in(store).items()}
        assert stored.keys() <= allowed.keys(), "never sent"
        for source, possible in [*allowed.items()]:
            assert stored.get(source) in possible, source
            assert not finished or stored.get(source) == texts.get(source), f"{source}: acknowledged and not there"
            allowed[source] = {stored.get(source)}
        how = "after" if stored == texts else "before" if stored == before else "in the middle of"
        ended["finished" if finished else f"killed {how} its commits"] += 1
        before = stored
    done = subprocess.run(command, env=environment(place), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert {Path(source).name: text for source, text in found_in(store).items()} == texts_of(folder)
    return ended


@pytest.mark.slow
def test_a_killed_rag_add_leaves_each_document_as_it_was_or_as_it_is_in_its_file(
    tmp_path: Path, seed: int, long: bool
) -> None:
    ended = kill_adds(tmp_path, seed, 1000 if long else 1)
    print(f"`rag add`: {dict(ended)}: 0 lost, 0 half, 0 that nobody sent")
    assert any(how.startswith("killed") for how in ended)


@pytest.mark.usefixtures("storing_late")
def test_the_kill_of_rag_add_finds_a_file_that_was_acknowledged_and_not_stored(tmp_path: Path, long: bool) -> None:
    if not long:
        pytest.skip("a long form: run with --long")
    with pytest.raises(AssertionError):
        kill_adds(tmp_path, 7, 1)
