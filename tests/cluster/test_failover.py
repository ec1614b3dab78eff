"""Whole primary nodes are killed or cut off under load: nothing acknowledged is lost, half there, back again or stale.

``make test-cluster`` brings what is needed. Words are answered by scan: the wheel's pg_textsearch is refused beside standbys.
"""

import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from index.errors import DocumentNotFound, StoreError
from index.postgres.store import PostgresStore
from index.postgres.words import has_all_words
from index.types import NewDocument, NewPassage, Scope
from tests.cluster.nodes import Cluster, Network, cluster, wait_for
from tests.conftest import Make

# A cursor whose server is gone cannot be closed any more.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
Made = tuple[NewDocument, list[NewPassage]]
KILLS, LONG_KILLS = 3, 50
CUTS, LONG_CUTS = 2, 10
WRITERS = 2
_END_S = 60.0


@dataclass
class Load:
    """Clients that add, replace, delete and ask. Each writer numbers its changes.

    acknowledged: by key the last change that was, and whether the document is there since.  deletions: by key the last that began.
    """

    store: PostgresStore
    make_document: Make
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[str, tuple[int, bool]] = field(default_factory=dict)
    deletions: dict[str, int] = field(default_factory=dict)
    n_changes: int = 0
    n_reads: int = 0
    n_asked: int = 0
    n_again: int = 0
    gaps_s: list[float] = field(default_factory=list)
    longest_question_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def write(self, writer: int) -> None:
        rng = random.Random(writer)
        last = time.monotonic()
        version = 0
        while not self.stop.is_set():
            version += 1
            key = f"{writer}-{rng.randrange(20)}"
            delete = self.acknowledged.get(key, (0, False))[1] and rng.random() < 0.3
            if delete:
                self.deletions[key] = version
            while True:
                try:
                    if delete:
                        self.delete(key)
                    else:
                        self.store.add(*document(self.make_document, key, version))
                    break
                except StoreError:
                    time.sleep(0.1)  # the same again, until it is acknowledged
                except Exception as error:
                    self.wrong.append(f"a change raised {error!r}")
                    return
            self.acknowledged[key] = version, not delete
            self.n_changes += 1
            if (gap_s := time.monotonic() - last) > 5:
                self.gaps_s.append(gap_s)
            last = time.monotonic()

    def delete(self, key: str) -> None:
        identifier = document(self.make_document, key, 0)[0]
        with self.store.read() as reader:
            found = [one for one in reader.below("default", identifier.key) if one.key == key]
        try:
            if found and self.store.delete(found[0].id).remaining:
                self.wrong.append(f"rows of {key} remained")
        except DocumentNotFound:
            pass  # by an attempt that was not acknowledged

    def read(self) -> None:
        rng = random.Random(99)
        while not self.stop.is_set():
            key = f"{rng.randrange(WRITERS)}-{rng.randrange(20)}"
            last, is_there = self.acknowledged.get(key, (0, False))
            try:
                version = self.version(key)
            except StoreError:
                continue
            except Exception as error:
                self.wrong.append(f"a read raised {error!r}")
                return
            # What is not acknowledged may be there by now; what was before this read began must not be undone.
            if version is not None and version < last:
                self.wrong.append(f"{key} is back at {version}, after change {last} was acknowledged")
            if version is None and is_there and self.deletions.get(key, 0) <= last:
                self.wrong.append(f"{key} is not there, though change {last} was acknowledged")
            self.n_reads += 1

    def ask(self, elsewhere: PostgresStore) -> None:
        """Ask as a service that writes nothing, at standbys: it goes on whatever becomes of the primary."""
        vector = np.eye(1, elsewhere.dim, dtype=np.float32)[0]
        while not self.stop.is_set():
            began = time.monotonic()
            while True:
                try:
                    with elsewhere.read() as reader:
                        _, ids = reader.nearest(vector, 5, Scope())
                        if len(reader.passages(ids)) != len(ids):
                            self.wrong.append("a question was answered from a half of a document")
                    break
                except StoreError:  # its server went away under it: HTTP says so, and it is asked again
                    self.n_again += 1
            self.n_asked += 1
            self.longest_question_s = max(self.longest_question_s, time.monotonic() - began)
            time.sleep(0.05)

    def version(self, key: str) -> int | None:
        """The version of a document that is stored, None where there is none; what is half there is noted."""
        with self.store.read() as reader:
            found = [one for one in reader.below("default", key) if one.key == key]
            if not found:
                return None
            text, passages = reader.text(found[0].id), reader.passages_of(found[0].id)
            version = int(text.split()[1].rstrip("."))
            if len(passages) != found[0].n_passages or any(f"Version {version}." not in one.text for one in passages):
                self.wrong.append(f"{key} is half there")
            if not len(reader.matching(["version"], 5, Scope())[1]):
                self.wrong.append(f"{key} is found by no word")
            return version


def document(make_document: Make, key: str, version: int) -> Made:
    return make_document(" ".join(f"Version {version}. Part {part}." for part in range(3)), key=key)


@contextmanager
def load(nodes: Cluster, make_document: Make) -> Iterator[Load]:
    """Clients at work within the block; what they saw is judged at its end."""
    with PostgresStore.create(nodes.address, dim=16, fingerprint="fake", settings={}) as store:
        with store.reading() as (opened, _):
            assert not has_all_words(opened)
        store.lock_timeout_s = 60.0
        wait_for(lambda: store.reached(0), "the tables at a standby")
        with PostgresStore.open(nodes.address + "?target_session_attrs=prefer-standby") as elsewhere:
            clients = Load(store, make_document)
            work: list[Callable[[], None]] = [partial(clients.write, n) for n in range(WRITERS)]
            work += [clients.read, partial(clients.ask, elsewhere)]
            threads = [threading.Thread(target=target, daemon=True) for target in work]
            for thread in threads:
                thread.start()
            try:
                yield clients
            finally:
                clients.stop.set()
                for thread in threads:
                    thread.join(_END_S)
        assert not any(thread.is_alive() for thread in threads), "a client waits for ever"
        lost = [
            key
            for key, (last, is_there) in clients.acknowledged.items()
            if clients.version(key) != (last if is_there else None)
        ]
        print(
            f"{clients.n_changes} changes, {clients.n_reads} reads, writers waited {[round(s, 1) for s in clients.gaps_s]} s;"
            f" {clients.n_asked} questions at standbys, {clients.n_again} of them asked again,"
            f" the longest {clients.longest_question_s:.1f} s"
        )
        assert (lost, clients.wrong) == ([], [])
        assert clients.n_reads and clients.n_asked and store.verify() == []


def primary(nodes: Cluster) -> int:
    node: int = wait_for(lambda: (node := nodes.primary()) is not None and [node], "a primary")[0]
    return node


def wait_for_changes(clients: Load, nodes: Cluster, lost: int) -> None:
    """Until another node than that is written to."""
    done = clients.n_changes
    wait_for(lambda: nodes.primary() not in (None, lost), "another primary")
    wait_for(lambda: clients.n_changes > done + WRITERS, "a change after the loss")


def test_whole_primaries_are_killed_under_load(nodes: Cluster, make_document: Make, long: bool) -> None:
    with load(nodes, make_document) as clients:
        for _ in range(LONG_KILLS if long else KILLS):
            time.sleep(3)
            killed = primary(nodes)
            nodes.kill(killed)
            wait_for_changes(clients, nodes, killed)
            nodes.start_node(killed)
            wait_for(nodes.is_whole, "the node to come back")


@pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run(["ip", "netns"], capture_output=True).returncode != 0,
    reason="networks of their own need root and ip",
)
def test_primaries_are_cut_off_under_load(make_document: Make, long: bool) -> None:
    with Network() as network, cluster(network) as nodes:
        with load(nodes, make_document) as clients:
            for round_ in range(LONG_CUTS if long else CUTS):
                time.sleep(3)
                cut, from_clients = primary(nodes), round_ % 2 == 0
                network.cut(cut, from_clients=from_clients)
                wait_for_changes(clients, nodes, cut)
                network.cut(cut, from_clients=from_clients, healed=True)
                wait_for(nodes.is_whole, "the node to come back")
