"""What readers of a database's store know, and what a deleted document leaves in its tables."""

from typing import Any

import pytest

from index.postgres.store import PostgresStore
from tests.conftest import Make

pytestmark = pytest.mark.slow


def test_words_that_no_passage_holds_any_more_go(store: PostgresStore, make_document: Make) -> None:
    gone = store.add(*make_document("A cat. A dog.", key="1")).document
    store.add(*make_document("A dog.", key="2"))
    store.delete(gone.id)
    with store.reading() as (connection, _):
        rows = connection.execute("SELECT term, df FROM terms ORDER BY term").fetchall()
    assert rows == [("a", 1), ("dog", 1)]


class Overtaken(PostgresStore):
    """A store in which another reader sees a later state each time that one looks at what is known."""

    changes: list[Any] = []

    def __getattribute__(self, name: str) -> Any:
        if name == "_known" and self.changes:
            (change, self.changes), left = (self.changes[0], []), self.changes[1:]
            self.add(*change)
            with self.read():
                self.changes = left
        return super().__getattribute__(name)


def test_what_one_reader_counts_is_not_taken_for_a_later_state(
    store: PostgresStore, address: str, make_document: Make
) -> None:
    store.add(*make_document("A cat.", key="0"))
    with Overtaken.open(address) as overtaken:
        overtaken.changes = [make_document("A cat.", key=key) for key in "12"]
        with overtaken.read() as reader:
            assert reader.statistics("default", ["cat"]).n_passages == 1
        overtaken.changes = []
        with overtaken.read() as reader:
            assert reader.statistics("default", ["cat"]).n_passages == reader.counts()[1]
