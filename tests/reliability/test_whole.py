"""Snapshots under load are whole, and verify has nothing to say of healthy stores."""

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from index.errors import StoreError
from index.local.database import connection as database
from index.local.database.rows import document_id
from index.local.opening import layout
from index.local.store import Store
from index.local.upkeep import snapshot
from tests.reliability import bugs, world
from tests.reliability.programs import served
from tests.reliability.test_real_kill import found_in

pytestmark = pytest.mark.medium

Change = Callable[[str, str | None], None]  # a key and its new word, None to delete


class Writer:
    """Adds, replaces and deletes documents of its own, one change after another.

    states: what they are after each change, the one under way included.  n_acknowledged: changes that are done.
    """

    def __init__(self, name: str, change: Change) -> None:
        self.name = name
        self.states: list[world.State] = [{}]
        self.n_acknowledged = 0
        self._change = change
        self._rng = random.Random(name)

    def work(self, stop: threading.Event) -> None:
        while True:
            state = dict(self.states[-1])
            key = f"{self.name}{self._rng.randrange(8)}"
            word = None if key in state and self._rng.random() < 0.4 else f"{key}w{len(self.states)}"
            if word is None:
                del state[key]
            else:
                state[key] = word
            self.states.append(state)
            self._change(key, word)
            self.n_acknowledged += 1
            if stop.wait(0.005):  # after one change at least
                return

    def own(self, observed: world.State) -> world.State:
        return {key: word for key, word in observed.items() if key.startswith(self.name)}


@contextmanager
def working(writers: list[Writer]) -> Iterator[None]:
    """Within the block all of them work, each in a thread."""
    stop = threading.Event()
    problems: list[BaseException] = []

    def work(writer: Writer) -> None:
        try:
            writer.work(stop)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert problems == [] and all(writer.n_acknowledged for writer in writers)


def store_writer(name: str, store: Store) -> Writer:
    def change(key: str, word: str | None) -> None:
        if word is None:
            assert store.delete(document_id("default", key)).remaining == 0
        else:
            store.add(*world.document(key, word, 1 + len(word) % 4))
        if word and word.endswith("9"):
            store.checkpoint()

    return Writer(name, change)


def http_writer(name: str, client: httpx.Client) -> Writer:
    ids: dict[str, str] = {}

    def change(key: str, word: str | None) -> None:
        if word is None:
            reply = client.delete(f"/v1/documents/{ids[key]}")
            assert reply.status_code == 200 and reply.json()["remaining"] == 0, reply.text
            return
        reply = client.post("/v1/documents", json={"text": f"The {word} waited for the tide.", "source": key})
        assert reply.status_code == 201, reply.text
        ids[key] = reply.json()["documents"][0]["id"]

    return Writer(name, change)


def observed_by_world(place: Path) -> world.State:
    with Store.open(place) as store:
        assert store.rebuilt == () and store.verify() == []
        return world.observed(store)


def observed_served(place: Path) -> world.State:
    return {source: text.split()[1] for source, text in found_in(place).items()}


def take_all(store: Path, place: Path, writers: list[Writer], observed: Callable[[Path], world.State], n: int) -> None:
    """Snapshots, each of which holds of each writer's changes all up to one, which was under way meanwhile."""
    with Store.open(store) as opened:
        # A database that is larger than SQLite's cache of a copy.
        opened.set_note("ballast", "x" * 3_000_000)
    for number in range(n):
        before = [writer.n_acknowledged for writer in writers]
        with Store.open(store) as opened:
            snapshot.take(opened, place / "copy")
        after = [len(writer.states) for writer in writers]
        snapshot.restore(place / "copy", place / "back", overwrite=number > 0)
        state = observed(place / "back")
        for writer, first, end in zip(writers, before, after, strict=True):
            assert writer.own(state) in writer.states[first:end]
        assert sum(len(writer.own(state)) for writer in writers) == len(state)
        shutil.rmtree(place / "copy")


def take_under_load(tmp_path: Path, n_snapshots: int, n_writers: int) -> None:
    world.create(tmp_path / "store")
    with ExitStack() as stores:
        writers = [
            store_writer(name, stores.enter_context(Store.open(tmp_path / "store"))) for name in "ab"[:n_writers]
        ]
        with working(writers):
            take_all(tmp_path / "store", tmp_path, writers, observed_by_world, n_snapshots)


@pytest.mark.parametrize("n_writers", [1, 2])
def test_snapshots_under_load_are_what_was_acknowledged_up_to_some_change(
    tmp_path: Path, long: bool, n_writers: int
) -> None:
    take_under_load(tmp_path, 50 if long else 2, n_writers)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize("n_writers", [1, 2])
def test_snapshots_of_a_served_store_are_what_was_acknowledged_up_to_some_change(
    tmp_path: Path, long: bool, n_writers: int
) -> None:
    with served(tmp_path) as (_, url), ExitStack() as clients:
        writers = [
            http_writer(name, clients.enter_context(httpx.Client(base_url=url, timeout=300, trust_env=False)))
            for name in "ab"[:n_writers]
        ]
        with working(writers):
            take_all(tmp_path / "store", tmp_path, writers, observed_served, 50 if long else 3)


@pytest.mark.slow
@pytest.mark.parametrize("bug", ["snapshot_without_the_log", "copy_into_an_empty_file"])
def test_the_snapshot_test_finds_a_copy_that_is_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    monkeypatch.setattr(layout, "copy_database", database.copy_database)  # brought back at the end
    monkeypatch.setattr(database, "_connect_new", database._connect_new)
    bugs.plant(bug)
    with pytest.raises((AssertionError, StoreError)):
        take_under_load(tmp_path, 50, 1)  # until it is found


@pytest.mark.slow
def test_verify_is_silent_about_healthy_stores(tmp_path: Path, seed: int) -> None:
    """A hundred states of stores that were changed, checkpointed, copied, restored and opened again at random."""
    rng = random.Random(seed)
    for number in range(100):
        if number % 10 == 0:
            place = tmp_path / str(number)
            place.mkdir()
            world.create(place / "store")
            state: world.State = {}
            saved: world.State | None = None
        with Store.open(place / "store") as store:
            for _ in range(rng.randrange(1, 8)):
                step = world.operation(seed, rng.randrange(1_000_000))
                store = world.perform(store, step, place / "saved")
                state, saved = world.apply(state, step, saved), dict(state) if step.kind == "snapshot" else saved
            assert store.verify() == [] and world.observed(store) == state
            store.close()
