"""A database's store as a directory's, and back: the same documents, and the same answers to the last bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from index.backend import Store
from index.errors import StoreDamaged, StoreMissing, StoreReplaced, StoreUnwritable
from index.local.store import Store as LocalStore
from index.postgres.store import PostgresStore
from index.stores import open_store, restore, snapshot
from index.types import FailedFile, Scope
from tests.conftest import Make

pytestmark = pytest.mark.slow
WORDS = "cat dog bird fish moon river stone light winter".split()


def fill(store: Store, make_document: Make) -> None:
    for number in range(12):
        text = ". ".join(f"The {WORDS[(number + i) % 9]} and the {WORDS[(number * i) % 9]}" for i in range(5)) + "."
        metadata: dict[str, Any] = {"number": number, "tags": ["a", str(number % 3)]}
        collection = "other" if number % 4 == 0 else "default"
        store.add(
            *make_document(text, key=str(number), collection=collection, metadata=metadata, source=f"{number}.txt")
        )
    store.note_failures([FailedFile("default", "bad", "bad.pdf", "0" * 64, "is broken", "2026-01-01")])
    store.set_note("colour", "blue")


def everything(store: Store, fake_embed: Callable[..., np.ndarray]) -> list[Any]:
    """What a store says of its documents and answers, without the numbers that passages have."""
    said: list[Any] = []
    with store.read() as reader:
        for document in reader.documents():
            stored = reader.passages_of(document.id)
            passages = [(one.span, one.text, one.sentences, one.section, one.page) for one in stored]
            said.append((document, reader.text(document.id), passages, reader.contexts_of(document.id)))
            found = reader.candidates([one.id for one in stored])
            said.append([one.tolist() for one in (found.vectors, found.terms, found.term_counts)])
        said += [reader.failures(), reader.note("colour"), reader.counts(), reader.collections()]
        for scope in (Scope(), Scope("other"), Scope(where={"tags": ["1"]})):
            for scores, ids in (reader.nearest(fake_embed("q"), 9, scope), reader.matching(["cat", "moon"], 9, scope)):
                said.append((scores.tolist(), [one.text for one in reader.passages(ids)]))
        said.append(reader.statistics("default", [*WORDS, "the", "and", "none"]).df)
    return said


def test_a_snapshot_is_a_store_in_a_directory_and_comes_back(
    store: PostgresStore,
    databases: Callable[[], str],
    make_document: Make,
    fake_embed: Callable[..., Any],
    tmp_path: Path,
) -> None:
    fill(store, make_document)
    expected = everything(store, fake_embed)
    taken = snapshot(store, tmp_path / "copy")
    assert (taken.documents, taken.passages, taken.generation) == (12, 36, 12)
    with open_store(tmp_path / "copy") as copied:
        assert everything(copied, fake_embed) == expected and copied.verify() == []
        assert copied.id == store.id
    other = databases()
    restore(tmp_path / "copy", other)
    with open_store(other) as restored:
        assert everything(restored, fake_embed) == expected and restored.verify() == []
    with psycopg.connect(other) as connection:  # the planner knows of the rows from the start
        rows = connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'passages'").fetchall()
    assert rows == [(36.0,)]


def test_a_directory_s_store_with_nul_comes_in_as_documents_with_nul_do(
    address: str, make_document: Make, tmp_path: Path
) -> None:
    made = make_document("A\0cat. On\0a mat.", key="a\0b", title="T\0", source="s\0", metadata={"k\0": ["v\0", 1]})
    with LocalStore.create(tmp_path / "store", dim=16, fingerprint="fake", settings={"model": "fake"}) as local:
        local.add(*made)
        local.add(*make_document("A dog.", key="dog"))
    restore(tmp_path / "store", address)
    with open_store(address) as restored:
        assert restored.verify() == [] and restored.add(*made).outcome == "skipped"
        with restored.read() as reader:
            assert reader.counts() == (2, 2) and len(reader.find("s\ufffd")) == 1


def test_a_restore_over_a_store_is_asked_for_and_noticed(
    store: PostgresStore, address: str, make_document: Make, tmp_path: Path
) -> None:
    fill(store, make_document)
    snapshot(store, tmp_path / "copy")
    store.add(*make_document("Later.", key="later"))
    with pytest.raises(StoreUnwritable, match="--overwrite"):
        restore(tmp_path / "copy", address)
    with pytest.raises(StoreMissing):
        restore(tmp_path / "nothing", address, overwrite=True)
    (tmp_path / "copy" / "store.db").write_bytes(b"damaged")
    with pytest.raises(StoreDamaged):
        restore(tmp_path / "copy", address, overwrite=True)
    with store.read() as reader:
        assert reader.counts() == (13, 37)
    snapshot(store, tmp_path / "again")
    restore(tmp_path / "again", address, overwrite=True)
    assert not store.replaced
    with pytest.raises(StoreReplaced), store.read():
        pass
    with pytest.raises(StoreReplaced):
        store.add(*make_document("To the one before."))
    assert store.replaced
    with open_store(address) as now, now.read() as reader:
        assert reader.counts() == (13, 37)


def test_a_snapshot_that_cannot_be_made_leaves_nothing(store: PostgresStore, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(StoreUnwritable, match="not an empty directory"):
        snapshot(store, tmp_path / "full")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
