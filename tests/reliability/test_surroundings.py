"""A disk that fills up or turns read-only, and a clock that jumps: told where it matters, nothing acknowledged is lost."""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from index.errors import StoreError, StoreFull, StoreUnwritable
from index.local.database.rows import document_id
from index.local.reader import Reader
from index.local.store import Store
from index.local.system import clock, lock
from index.local.upkeep import snapshot
from rag.service import Service
from rag.shared.config import Config
from tests.reliability import mounts, world

pytestmark = pytest.mark.medium

Rag = Callable[..., Any]
QUESTION = "What did the ferry wait for?"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounts.small_disk(tmp_path / "disk", 6 << 20) as made:
        yield made


def text(number: int) -> str:
    rng = random.Random(number)
    words = [f"{rng.choice('bdfgklmnprst')}{rng.choice('aeiou')}{rng.randrange(1000)}" for _ in range(1500)]
    return f"The ferry number {number} waited for the tide. " + ". ".join(
        " ".join(words[start : start + 12]) for start in range(0, len(words), 12)
    )


@pytest.mark.slow
@pytest.mark.model
def test_a_full_disk_costs_nothing_that_was_acknowledged(disk: Path, run_rag: Rag, tmp_path: Path) -> None:
    path = disk / "store"
    with Service.create(path, Config()) as service, TestClient(create_app(service, Settings())) as client:
        stored: dict[str, str] = {}

        def post(number: int) -> Any:
            reply = client.post("/v1/documents", json={"text": text(number), "source": f"s{number}"})
            if reply.status_code == 201:
                stored[reply.json()["documents"][0]["id"]] = text(number)
            return reply

        def require_all() -> None:
            listed = client.get("/v1/documents", params={"limit": 1000}).json()["documents"]
            assert {document["id"] for document in listed} == stored.keys()
            for identifier, whole in stored.items():
                assert client.get(f"/v1/documents/{identifier}/text").json()["text"] == whole
            answer = client.post("/v1/ask", json={"question": QUESTION}).json()
            assert answer["answered"] and "waited for the tide" in answer["answer"]["text"]

        assert [post(number).status_code for number in range(2)] == [201, 201]
        ballast = mounts.fill(disk)
        refused = post(2)
        assert (refused.status_code, refused.json()["type"]) == (507, "/problems/disk-full")
        require_all()
        (tmp_path / "more.txt").write_text(text(3))
        code, _, err = run_rag("add", tmp_path / "more.txt", "--store", path)
        assert code == 1 and "no space is left" in err
        code, out, _ = run_rag("ask", QUESTION, "--store", path)
        assert code == 0 and "waited for the tide" in out
        require_all()
        ballast.unlink()
        assert post(4).status_code == 201
        require_all()
        gone = next(iter(stored))
        assert client.delete(f"/v1/documents/{gone}").json()["remaining"] == 0
        del stored[gone]
        require_all()
    with Store.open(path) as store:
        assert store.verify() == [] and store.rebuilt == ()


@pytest.mark.slow
def test_a_store_that_fills_its_disk_stays_whole(disk: Path, long: bool) -> None:
    """Documents go in until nothing more does, of many sizes, with checkpoints that find no room either."""
    path = disk / "store"
    world.create(path)
    expected: world.State = {}
    n_refused = 0
    for start in range(0, 2000, 50):
        with Store.open(path) as store:
            for number in range(start, start + 50):
                try:
                    store.add(*world.document(f"k{number}", f"w{number}", 1 + 37 * number % 100))
                    expected[f"k{number}"] = f"w{number}"
                    if number % 10 == 9:
                        store.checkpoint()
                except StoreError:
                    n_refused += 1
            if n_refused > (500 if long else 50):
                break
    assert n_refused
    with Store.open(path) as store:
        assert world.observed(store) == expected
    print(f"{len(expected)} documents went in, {n_refused} were refused: 0 lost")


def test_a_disk_without_room_for_one_more_file_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with mounts.small_disk(tmp_path / "disk", 20 << 20, n_files=100) as disk:
        world.create(disk / "store")
        with Store.open(disk / "store") as store:
            state = {f"k{number}": f"w{number}" for number in range(5)}
            for key, word in state.items():
                store.add(*world.document(key, word, 2))
            store.checkpoint()
            ballast = mounts.fill_with_files(disk)
            store.add(*world.document("new", "w", 1))  # needs no new file
            assert world.observed(store) == {**state, "new": "w"}
            for work in (store.checkpoint, lambda: store.delete(document_id("default", "k0"))):
                with pytest.raises(StoreFull, match="free some and try again"):
                    work()
        with Store.open(disk / "store") as store:
            assert len(world.observed(store)) == 5
        shutil.rmtree(ballast)
        with Store.open(disk / "store") as store:
            assert store.rebuilt == () and store.verify() == []
            assert store.delete(document_id("default", "k1")).remaining == 0
            assert world.observed(store) == {"k2": "w2", "k3": "w3", "k4": "w4", "new": "w"}


def test_a_store_that_turns_read_only_answers_and_takes_nothing(
    empty_store: Store, run_rag: Rag, make_document: Any
) -> None:
    empty_store.add(*make_document("A cat.", key="1"))
    with mounts.read_only(empty_store.path):
        # Files that are open for writing stay so; whoever opens the store now cannot write.
        with pytest.raises(StoreUnwritable, match="writer.lock cannot be opened for writing: Read-only"):
            empty_store.add(*make_document("A dog.", key="2"))
        with empty_store.read() as reader:
            assert reader.counts() == (1, 1)
        assert run_rag("list", "--store", empty_store.path)[0] == 0
    assert empty_store.add(*make_document("A dog.", key="2")).outcome == "added"
    assert empty_store.verify() == []
    empty_store.close()
    with mounts.read_only(empty_store.path):
        code, out, err = run_rag("list", "--store", empty_store.path)
        assert code == 0 and len(out.splitlines()) == 3 and err == ""
    with Store.open(empty_store.path) as store:
        assert store.verify() == []


def test_the_test_finds_a_writer_that_goes_on_without_its_lock(
    empty_store: Store, run_rag: Rag, make_document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that were open before the file system turned read-only can be written: what keeps a writer out is the lock."""

    @contextmanager
    def held(self: lock.WriterLock, timeout_s: float) -> Iterator[None]:
        yield

    monkeypatch.setattr(lock.WriterLock, "held", held)
    monkeypatch.setattr(lock.WriterLock, "_write", lambda self, acknowledged: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_a_store_that_turns_read_only_answers_and_takes_nothing(empty_store, run_rag, make_document)


def test_a_clock_that_jumps_back_changes_nothing(
    empty_store: Store, make_document: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Times are noted for people; order, replay and snapshots go by numbers."""
    years = cycle([2031, 2009, 2040, 1999, 2026])

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Jumping":
            return cls(next(years), 1, 1, tzinfo=tz)

    monkeypatch.setattr(clock, "datetime", Jumping)
    for number in range(6):
        empty_store.add(*make_document(f"Text {number}.", key=str(number)))
        if number == 2:
            empty_store.checkpoint()
    empty_store.delete(empty_store.add(*make_document("Text 1, again.", key="1")).document.id)
    taken = snapshot.take(empty_store, tmp_path / "copy")
    empty_store.add(*make_document("Text 7.", key="7"))
    empty_store.close()
    with Store.open(empty_store.path) as store, store.read() as reader:
        assert [document.key for document in reader.documents()] == ["0", "2", "3", "4", "5", "7"]
        assert len({document.added_at for document in reader.documents()}) > 1
        assert store.verify() == [] and store.rebuilt == () and reader.generation == taken.generation + 1
    snapshot.restore(tmp_path / "copy", empty_store.path, overwrite=True)
    with Store.open(empty_store.path) as store, store.read() as reader:
        assert [document.key for document in reader.documents()] == ["0", "2", "3", "4", "5"]
        assert store.verify() == []


def test_the_test_finds_an_order_that_goes_by_the_clock(
    empty_store: Store, make_document: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    right = Reader.documents
    monkeypatch.setattr(
        Reader,
        "documents",
        lambda self, **options: sorted(right(self, **options), key=lambda document: document.added_at),
    )
    with pytest.raises(AssertionError):
        test_a_clock_that_jumps_back_changes_nothing(empty_store, make_document, monkeypatch, tmp_path)
