"""A reader sees one generation: clients add, replace, delete and ask at once, and a model of the store checks every answer.

Each client has the store open on its own, and writes documents that no other writes. So of each document the versions follow one
another, and an answer must show one that was begun when it ended and not replaced, with a reply, before it began.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from index.errors import DocumentNotFound, StoreError
from index.local.checkpoint.follower import Follower
from index.local.database.rows import document_id
from index.local.store import Store
from tests.reliability import world
from tests.reliability.world import Violation

pytestmark = pytest.mark.medium

N_WRITERS, N_ASKERS, N_KEYS = 2, 2, 5


class Model:
    """versions: by document, its word in each version, None where it was deleted.

    begun, done: by document, the number of its last version that was begun, and that was acknowledged.
    seen: by generation, what the first answer of it showed.
    """

    def __init__(self) -> None:
        self.versions: dict[str, list[str | None]] = {
            f"{writer} {key}": [None] for writer in range(N_WRITERS) for key in range(N_KEYS)
        }
        self.begun = dict.fromkeys(self.versions, 0)
        self.done = dict.fromkeys(self.versions, 0)
        self.seen: dict[int, world.State] = {}
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()

    @contextmanager
    def change(self, key: str, word: str | None) -> Iterator[None]:
        """Carry out, within the block, a change of a document of which it is then known that it was done."""
        with self.lock:
            self.versions[key].append(word)
            self.begun[key] += 1
        yield
        with self.lock:
            self.done[key] = self.begun[key]
            self.counts["deleted" if word is None else "added"] += 1

    @contextmanager
    def answer(self) -> Iterator[dict[str, object]]:
        """What is put into the dictionary within the block, as "generation" and "state", is checked at its end."""
        with self.lock:
            oldest = dict(self.done)
        seen: dict[str, object] = {}
        yield seen
        generation, state = seen["generation"], seen["state"]
        assert isinstance(generation, int) and isinstance(state, dict)
        with self.lock:
            for key, versions in self.versions.items():
                if state.get(key) not in versions[oldest[key] : self.begun[key] + 1]:
                    raise Violation(f"{key} is {state.get(key)}, may be {versions[oldest[key] : self.begun[key] + 1]}")
            if self.seen.setdefault(generation, state) != state:
                raise Violation(f"generation {generation} was {self.seen[generation]} and is {state}")
            if state.keys() - self.versions.keys():
                raise Violation(f"{state.keys() - self.versions.keys()} were never sent")
            self.counts["asked"] += 1


def write(store: Store, model: Model, writer: int, number: int, rng: random.Random) -> None:
    key = f"{writer} {rng.randrange(N_KEYS)}"
    if model.versions[key][-1] is not None and rng.random() < 0.3:
        with model.change(key, None):
            try:
                assert store.delete(document_id("default", key)).remaining == 0
            except DocumentNotFound:
                raise Violation(f"{key} was acknowledged and is not there") from None
        return
    word = f"w{writer}x{number}"
    with model.change(key, word):
        store.add(*world.document(key, word, rng.choice((1, 1, 2, 4))))
    if rng.random() < 0.05:
        store.checkpoint()


def ask(store: Store, model: Model) -> None:
    with model.answer() as seen:
        try:
            seen["state"], seen["generation"] = world.observed_at(store)
        except AssertionError as error:
            raise Violation(f"an answer does not fit itself: {error}") from error


def run(place: Path, seed: int, n_operations: int) -> Counter[str]:
    """At least so many operations of all clients together; how many there were of each kind. Raises Violation."""
    world.create(place / "store")
    model = Model()
    problems: list[BaseException] = []
    share = n_operations // (N_WRITERS + N_ASKERS)
    together = threading.Barrier(N_WRITERS + N_ASKERS)

    def client(number: int) -> None:
        rng = random.Random(f"{seed} {number}")
        try:
            with Store.open(place / "store") as store:
                together.wait()
                operation = 0
                # Who asks goes on as long as there is someone who writes.
                while operation < share or number >= N_WRITERS and any(thread.is_alive() for thread in writers):
                    if problems:
                        return
                    if number < N_WRITERS:
                        write(store, model, number, operation, rng)
                    else:
                        ask(store, model)
                        time.sleep(0.005)  # lets the others have their turn
                    operation += 1
        except (Violation, StoreError, AssertionError) as problem:
            problems.append(problem)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(N_WRITERS + N_ASKERS)]
    writers = clients[:N_WRITERS]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    if problems:
        raise problems[0]
    with Store.open(place / "store") as store:
        ask(store, model)
        assert store.verify() == []
    return model.counts


def test_every_answer_shows_one_state_that_the_store_had_meanwhile(tmp_path: Path, seed: int, long: bool) -> None:
    counts = run(tmp_path, seed, 20_000 if long else 80)
    print(f"{dict(counts)}: 0 violations")
    assert all(counts[kind] for kind in ("added", "deleted", "asked"))


def test_the_model_finds_views_that_lag_behind_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Follower, "_views_at", lambda self, connection, sequence: self._views)  # as it was when opened
    with pytest.raises(Violation):
        run(tmp_path, 7, 300)


def test_the_model_finds_an_acknowledgement_before_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "add", lambda self, document, passages: None)
    with pytest.raises(Violation):
        run(tmp_path, 7, 300)
