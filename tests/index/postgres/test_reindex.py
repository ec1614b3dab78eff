"""A store changed over to other vectors beside its use."""

from functools import partial

import psycopg
import pytest

from index.backend import Reindexing
from index.errors import StoreLocked, StoreReplaced, StoreUnreachable
from index.postgres.connection import LOCK_SPACE
from index.postgres.store import PostgresStore
from index.stores import abandon_reindexing, open_store, reindexing
from index.types import Scope
from tests.conftest import Make

pytestmark = pytest.mark.slow


def test_the_new_vectors_take_over_with_what_changed_meanwhile(
    store: PostgresStore, address: str, make_document: Make
) -> None:
    kept, gone, changed = (store.add(*make_document(f"A {word}.", key=word)).document for word in ("cat", "dog", "cow"))
    store.set_note("colour", "blue")
    with reindexing(store, dim=8, fingerprint="new", settings={"model": "new"}) as making:

        def take_over(identifier: str) -> bool:
            loaded = making.load(identifier)
            assert loaded is not None
            return making.add(loaded, make_document(loaded.text, dim=8)[1])

        assert making.outstanding() == [kept.id, gone.id, changed.id]
        assert take_over(kept.id) and take_over(gone.id)
        stale = making.load(changed.id)
        store.delete(gone.id)
        store.add(*make_document("A horse.", key="cow"))
        assert stale is not None and not making.add(stale, make_document(stale.text, dim=8)[1])
        assert not making.install()
        with pytest.raises(StoreLocked, match="another process"):
            abandon_reindexing(store)
    with reindexing(store, dim=8, fingerprint="new", settings={"model": "new"}) as making:  # it goes on
        assert making.outstanding() == [changed.id]
        loaded = making.load(changed.id)
        assert loaded is not None and making.add(loaded, make_document(loaded.text, dim=8)[1])
        making.check()
        assert making.install()
    with pytest.raises(StoreReplaced), store.read():
        pass
    with open_store(address) as new, new.read() as reader:
        assert (new.dim, new.fingerprint, new.id) == (8, "new", store.id)
        assert [document.key for document in reader.documents()] == ["cat", "cow"]
        assert reader.document(kept.id).added_at == kept.added_at and reader.note("colour") == "blue"
        assert len(reader.matching(["hors"], 5, Scope())[1]) == 1 and reader.generation == 6
        assert new.verify() == [] and not abandon_reindexing(new)


def test_who_has_lost_the_lock_stops_and_another_goes_on(
    store: PostgresStore, address: str, make_document: Make
) -> None:
    store.add(*make_document("A cat.", key="1"))
    store.add(*make_document("A dog.", key="2"))

    def take_over(making: Reindexing) -> None:
        loaded = making.load(making.outstanding()[0])
        assert loaded is not None and making.add(loaded, make_document(loaded.text, dim=8)[1])

    for n_left in (1, 0):
        with reindexing(store, dim=8, fingerprint="new", settings={}) as making:
            take_over(making)
            end_locks(address)
            step = partial(take_over, making) if n_left else making.install
            with pytest.raises(StoreUnreachable, match="nothing was changed; the same command goes on"):
                step()
        with store.read() as reader:
            assert reader.counts() == (2, 2)
    with reindexing(store, dim=8, fingerprint="new", settings={}) as making:
        assert making.outstanding() == [] and making.install()
    with open_store(address) as new:
        assert new.fingerprint == "new" and new.verify() == []


def end_locks(address: str) -> None:
    """End the sessions that hold locks of ours, as a network or a restart does."""
    query = "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = %s"
    with psycopg.connect(address, autocommit=True) as opened:
        assert opened.execute(query, (LOCK_SPACE,)).fetchall() == [(True,)]
