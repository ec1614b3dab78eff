"""Milvus proposes, PostgreSQL decides: what is lost there is put again, and what is away is done without."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from index.backend import without_password
from index.errors import StoreUnreachable
from index.local.database.rows import hash_term
from index.local.views.lexical import analyze
from index.postgres.store import PostgresStore
from index.stores import open_store
from index.types import Scope
from tests.conftest import Make
from tests.index.conftest import is_filled
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
WORDS = "harbour ship captain storm cargo light river winter engine map".split()


@pytest.fixture
def viewed(address: str, milvus: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresStore]:
    """A store with a view that is asked whatever the size of a scope, and waits for nothing."""
    for name in ("_SETTLED_S", "_EVERY_S", "_KEPT_S", "_AWAY_S"):
        monkeypatch.setattr(f"index.postgres.milvus.{name}", 0.0)
    with PostgresStore.create(
        f"{address}?milvus={milvus.address}", dim=16, fingerprint="fake", settings={"model": "fake"}
    ) as made:
        made.searching = replace(made.searching, scan_vectors=-1, scan_words=-1)
        yield made


def fill(store: PostgresStore, make_document: Make, n: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(n):
        text = " ".join(" ".join(rng.choice(WORDS, 3)).capitalize() + "." for _ in range(4))
        store.add(*make_document(text, key=f"{number}", collection="ab"[number % 2]))


def lists(store: PostgresStore, make_document: Make) -> list[Any]:
    """Both lists of some questions, by Milvus and by PostgreSQL alone: the second must be the first."""
    searching = store.searching
    made = []
    for view in (searching.view, None):
        store.searching = replace(searching, view=view)
        with store.read() as reader:
            scopes = [Scope("a"), Scope("b"), Scope("a", where={"kind": ["x"]})]
            vectors = [make_document(f"{word}.")[1][0].vector for word in WORDS]
            made.append(
                [
                    [array.tolist() for array in found]
                    for scope in scopes
                    for vector, word in zip(vectors, WORDS, strict=True)
                    for found in (reader.nearest(vector, 5, scope), reader.matching([word], 5, scope))
                ]
            )
    store.searching = searching
    assert made[0] == made[1]
    return made[0]


def proposed(store: PostgresStore, word: str = "ship") -> list[int] | None:
    """What Milvus itself proposes for a word, None where it is not asked."""
    view = store.searching.view
    assert view is not None
    words = " ".join(f"x{hash_term(term):08x}" for term in analyze(word, "en"))
    with store.read() as reader:
        ids = view.matching(reader._connection, "a", None, words, 100)
    return None if ids is None else sorted(ids)


def test_it_fills_itself_and_follows_what_changes(viewed: PostgresStore, make_document: Make) -> None:
    fill(viewed, make_document, 20)
    assert proposed(viewed) is None
    wait_until(lambda: proposed(viewed))
    before = lists(viewed, make_document)
    assert any(ids for _, ids in before)
    view = viewed.searching.view
    assert view is not None
    with viewed.read() as reader:
        one, other, third = [document.id for document in reader.documents(collection="a", limit=3)]
    # Before the view follows, what changed is a candidate as well, and what is gone is none.
    viewed.delete(one)
    viewed.add(*make_document("A ship. A storm.", key="2", collection="a"))
    viewed.add(*make_document("A new ship.", key="new", collection="a", metadata={"kind": "x"}))
    assert lists(viewed, make_document) != before
    wait_until(lambda: is_filled(view))
    after = lists(viewed, make_document)
    with viewed.read() as reader:
        state = reader._connection.execute("SELECT value FROM meta WHERE key = 'view'").fetchone()
        live = sorted(id_ for id_ in proposed(viewed) or [])
        assert {reader.document(document.id).collection for document in reader.documents_of(live).values()} == {"a"}
        assert len(reader.passages(live)) == len(live) and '"put": 23, "dropped": 23' in str(state)
    assert after == lists(viewed, make_document) and viewed.verify() == []


def test_an_address_of_another_form_is_refused_and_a_password_is_not_said(store: PostgresStore, address: str) -> None:
    with pytest.raises(StoreUnreachable, match="http://milvus.example:19530"):
        open_store(f"{address}?milvus=user:secret@milvus")
    assert without_password("postgresql://h/d?milvus=http://u:secret@m:1&x=1") == "postgresql://h/d?x=1"


def test_questions_go_on_without_it_and_it_is_filled_again(
    viewed: PostgresStore,
    make_document: Make,
    milvus: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(viewed, make_document, 10)
    filled = wait_until(lambda: proposed(viewed))
    expected = lists(viewed, make_document)
    milvus.kill()
    monkeypatch.setattr("index.postgres.milvus._TIMEOUT_S", 2.0)
    with caplog.at_level(logging.WARNING, "index.postgres.milvus"):
        assert lists(viewed, make_document) == expected and proposed(viewed) is None
        viewed.add(*make_document("Another ship.", key="0", collection="a"))
    assert "does not answer, PostgreSQL does" in caplog.text
    milvus.start()
    milvus.wipe()
    with_another = wait_until(lambda: proposed(viewed))
    assert with_another != filled and lists(viewed, make_document) != expected


def test_a_view_that_lost_passages_is_filled_again(viewed: PostgresStore, make_document: Make, milvus: Any) -> None:
    fill(viewed, make_document, 10)
    whole = wait_until(lambda: proposed(viewed))
    view = viewed.searching.view
    assert view is not None
    with viewed.read() as reader:
        row = reader._connection.execute("SELECT value::json ->> 'name' FROM meta WHERE key = 'view'").fetchone()
        assert row is not None
        view.drop(row[0], reader.documents(collection="a")[0].id, [])
    assert proposed(viewed) != whole
    wait_until(lambda: is_filled(view))
    wait_until(lambda: proposed(viewed) == whole)
