"""What a deleted document leaves in the tables."""

from collections.abc import Callable
from typing import Any

import pytest

from index.postgres.store import PostgresStore

pytestmark = pytest.mark.slow


def test_words_that_no_passage_holds_any_more_go(store: PostgresStore, make_document: Callable[..., Any]) -> None:
    gone = store.add(*make_document("A cat. A dog.", key="1")).document
    store.add(*make_document("A dog.", key="2"))
    store.delete(gone.id)
    with store.reading() as (connection, _):
        rows = connection.execute("SELECT term, df FROM terms ORDER BY term").fetchall()
    assert rows == [("a", 1), ("dog", 1)]
