"""Readers see one state each, the latest, whoever wrote it."""

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.local.checkpoint import follower
from index.local.store import Store
from index.local.views.state import replayed
from index.types import Scope
from tests.conftest import Embed, Make

pytestmark = pytest.mark.medium

TESTS = Path(__file__).parents[3]
WORKERS = 3  # that write, and as many that read
CHANGES = 10  # of each writer
READS = 10  # of each reader, at least
WRITER = """
import sys
from conftest import build_document
from index.local.store import Store
path, first, last, checkpoint = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
with Store.open(path) as store:
    for number in range(first, last):
        store.add(*build_document(f"Foreign text {number}. Of two. Passages.", key=str(number)))
    if checkpoint:
        store.checkpoint()
"""


def write_elsewhere(store: Store, first: int, last: int, *checkpoint: str) -> None:
    """Add documents from another process."""
    command = [sys.executable, "-c", WRITER, str(store.path), str(first), str(last), *checkpoint]
    subprocess.run(command, check=True, env={"PYTHONPATH": f"{TESTS.parent}:{TESTS}"}, timeout=300)


def holding(store: Store, term: str) -> list[int]:
    with store.read() as reader:
        return sorted(reader.matching([term], 1000, Scope())[1].tolist())


@pytest.mark.slow
def test_what_another_process_writes_is_seen_by_the_next_reader(empty_store: Store, make_document: Make) -> None:
    empty_store.add(*make_document("Own text.", key="own"))
    assert holding(empty_store, "foreign") == []
    write_elsewhere(empty_store, 0, 3)
    assert holding(empty_store, "foreign") == [2, 4, 6]
    write_elsewhere(empty_store, 3, 5, "checkpoint")
    assert holding(empty_store, "foreign") == [2, 4, 6, 8, 10]
    empty_store.add(*make_document("More foreign text.", key="own"))
    assert empty_store.checkpoint() is True
    assert holding(empty_store, "foreign") == [2, 4, 6, 8, 10, 12]
    assert empty_store.verify() == []


def test_a_checkpoint_of_another_process_is_taken_over_when_it_saves_a_long_replay(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "_RELOAD_PASSAGES", 5)
    write_elsewhere(empty_store, 0, 4, "checkpoint")
    assert holding(empty_store, "foreign") == [1, 3, 5, 7]
    assert empty_store._follower.base.sequence == 4
    assert empty_store.verify() == []


def test_a_reader_keeps_its_state_while_others_write(
    empty_store: Store, make_document: Make, fake_embed: Embed
) -> None:
    first = empty_store.add(*make_document("A cat.", key="1")).document
    with empty_store.read() as reader:
        empty_store.add(*make_document("A cat again.", key="2"))
        empty_store.add(*make_document("A cat no more.", key="1"))
        with empty_store.read() as newer:
            assert newer.generation == 3 and newer.matching(["cat"], 9, Scope())[1].tolist() != [1]
        assert reader.generation == 1 and reader.documents() == [first]
        assert reader.matching(["cat"], 9, Scope())[1].tolist() == [1]
        assert reader.nearest(fake_embed("q"), 9, Scope())[1].tolist() == [1]
        assert reader.text(first.id) == "A cat."


def test_replaying_the_log_twice_equals_once(empty_store: Store, make_document: Make, fake_embed: Embed) -> None:
    ids = [empty_store.add(*make_document(f"Text {n}. And so on. Again.", key=str(n))).document.id for n in range(6)]
    empty_store.checkpoint()
    old = empty_store._follower.views()
    empty_store.delete(ids[0])
    empty_store.add(*make_document("Text changed.", key="1"))
    empty_store.add(*make_document("Text new.", key="7"))
    with empty_store._follower.state() as (connection, views):
        once = replayed(old, connection, views.sequence)
        for again in (replayed(once, connection, views.sequence), replayed(views, connection, views.sequence)):
            assert (
                again.nearest(fake_embed("q"), 99, None)[1].tolist()
                == once.nearest(fake_embed("q"), 99, None)[1].tolist()
            )
            assert sorted(again.rows) == sorted(once.rows) == again.lexical.ids().tolist()
        # As from a base that holds changes which the log names again.
        from_start = replayed(replace(once, sequence=0), connection, views.sequence)
        assert sorted(from_start.rows) == sorted(once.rows) and from_start.gone.tolist() == once.gone.tolist()


@pytest.mark.slow
def test_threads_that_write_and_read_at_once_never_see_half_a_change(
    empty_store: Store, make_document: Make, fake_embed: Embed
) -> None:
    """Each version of a document has its own word in each of its passages: whoever sees one must see exactly all."""
    reads = [0] * WORKERS

    def write(worker: int) -> None:
        rng = random.Random(worker)
        for version in range(CHANGES):
            key = f"{worker}-{rng.randrange(4)}"
            word = f"w{worker}v{version}"
            text = " ".join([f"Common {word} words."] * rng.randint(1, 5))
            change = empty_store.add(*make_document(text, key=key, source=word, sentences_per_passage=1))
            if rng.random() < 0.2:
                empty_store.delete(change.document.id)
            if rng.random() < 0.1:
                empty_store.checkpoint()

    def read(worker: int) -> None:
        generation = 0
        while not all(writer.done() for writer in writers) or reads[worker] < READS:
            with empty_store.read() as reader:
                assert reader.generation >= generation
                generation = reader.generation
                documents = reader.documents()
                for document in documents:
                    _, ids = reader.matching([document.source or ""], 99, Scope())
                    assert {p.document_id for p in reader.passages(ids)} == {document.id}
                    assert len(ids) == document.n_passages
                n = sum(document.n_passages for document in documents)
                _, nearest = reader.nearest(fake_embed("q"), 999, Scope())
                _, matching = reader.matching(["common"], 999, Scope())
                assert len(nearest) == n == len(matching) == reader.statistics("default", ["common"]).n_passages
                assert np.array_equal(np.sort(nearest), np.sort(matching))
            reads[worker] += 1

    with ThreadPoolExecutor(2 * WORKERS) as pool:
        writers = [pool.submit(write, worker) for worker in range(WORKERS)]
        readers = [pool.submit(read, worker) for worker in range(WORKERS)]
    for work in (*writers, *readers):
        work.result()
    with empty_store.read() as reader:
        assert reader.generation >= WORKERS * CHANGES and min(reads) >= READS
    assert empty_store.verify() == []


def test_parallel_repeats_are_as_if_done_once(empty_store: Store, make_document: Make) -> None:
    made = make_document("The same. For all.", key="k")
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: empty_store.add(*made).outcome, range(8)))
    assert sorted(outcomes) == ["added"] + ["skipped"] * 7
    with empty_store.read() as reader:
        assert reader.counts() == (1, 1) and reader.generation == 1
