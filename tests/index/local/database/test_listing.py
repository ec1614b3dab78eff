from pathlib import Path
from typing import Any

import pytest

from index.local.database.connection import Database
from index.local.database.listing import read_rows
from index.local.store import Store
from index.local.system.lock import WriterLock
from index.local.system.names import DATABASE, LOCK, REPLACEMENT
from index.types import FailedFile


@pytest.fixture
def filled_store(empty_store: Store, make_document: Any) -> Store:
    for key, collection in (("1", "b"), ("2", "a"), ("3", "b")):
        empty_store.add(*make_document(f"A cat, {key}.", key=key, collection=collection))
    empty_store.note_failures([FailedFile(collection, "9", "9.pdf", None, "damaged") for collection in "ab"])
    return empty_store


def test_rows_alone_say_what_a_reader_says(filled_store: Store) -> None:
    with filled_store.read() as reader, read_rows(filled_store.path) as rows:
        assert rows is not None and rows.settings == filled_store.settings
        assert rows.collections() == reader.collections() == ["a", "b"]
        for collection in (None, "a", "b", "c"):
            assert list(rows.every_document(collection)) == list(reader.every_document(collection))
            assert rows.failures(collection) == reader.failures(collection)


def says_nothing(path: Path) -> bool:
    with read_rows(path) as rows:
        return rows is None


def test_rows_of_a_store_that_must_be_opened_first_say_nothing(filled_store: Store, tmp_path: Path) -> None:
    path = filled_store.path
    (path / REPLACEMENT).mkdir()
    assert says_nothing(path)
    (path / REPLACEMENT).rmdir()
    assert not says_nothing(path)
    lock = WriterLock(path / LOCK)
    acknowledged = lock.acknowledged()
    with lock.held(1):
        lock.acknowledge(acknowledged + 1)  # of which the database knows nothing
    assert says_nothing(path)
    with lock.held(1):
        lock.acknowledge(acknowledged)
    assert not says_nothing(path)
    assert says_nothing(tmp_path / "nowhere")


def test_rows_of_another_format_say_nothing(filled_store: Store) -> None:
    filled_store.close()
    database = Database(filled_store.path / DATABASE)
    version = database.format_version
    for other in (version - 1, version + 1):
        with database.writing() as connection:
            connection.pragma("user_version", other)
            database.format_version = other
        assert says_nothing(filled_store.path)
    database.close()
