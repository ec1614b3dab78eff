"""The shortest run of a store's promises over a database, for those who run no slow tests."""

from collections.abc import Callable

import numpy as np
import pytest

from index.stores import create_store, open_store
from index.types import Scope
from tests.conftest import Make

pytestmark = pytest.mark.medium


def test_a_database_keeps_finds_replaces_and_deletes(
    databases: Callable[[], str], make_document: Make, fake_embed: Callable[..., np.ndarray]
) -> None:
    place = databases()
    with create_store(place, dim=16, fingerprint="fake", settings={"model": "fake"}) as store:
        kept = store.add(*make_document("A cat. On a mat.", key="kept")).document
        gone = store.add(*make_document("A dog.", key="gone")).document
        assert store.add(*make_document("A cat. On a mat.", key="kept")).outcome == "skipped"
        assert store.add(*make_document("A bird.", key="kept")).outcome == "updated"
        receipt = store.delete(gone.id)
        assert (receipt.passages, receipt.vectors, receipt.lexical, receipt.remaining) == (1, 1, 1, 0)
    with open_store(place) as store, store.read() as reader:
        assert [document.id for document in reader.documents()] == [kept.id]
        ids = reader.matching(["bird"], 5, Scope())[1]
        assert reader.nearest(fake_embed("A bird."), 5, Scope())[1].tolist() == ids.tolist() != []
        assert reader.text(kept.id) == "A bird." and len(reader.matching(["dog"], 5, Scope())[1]) == 0
        assert store.verify() == []
