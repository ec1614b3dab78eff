"""A service whose store is restored under it goes on with the new one, and loses no write in the old."""

from pathlib import Path

import pytest

from index.errors import StoreMissing
from index.local.store import Store
from index.local.upkeep import snapshot
from rag.service import Service
from rag.shared.config import Config
from tests.conftest import Make


def test_a_service_goes_on_with_the_restored_store(empty_store: Store, make_document: Make, tmp_path: Path) -> None:
    empty_store.add(*make_document("A cat.", key="1"))
    snapshot.take(empty_store, tmp_path / "copy")
    empty_store.add(*make_document("A dog.", key="2"))
    empty_store.close()
    with Service(Store.open(empty_store.path), Config(cache=tmp_path / "cache")) as service:
        assert service.counts() == (2, 2)
        snapshot.restore(tmp_path / "copy", empty_store.path, overwrite=True)
        assert service.counts() == (1, 1)
        assert service.store.add(*make_document("A cow.", key="3")).outcome == "added"
        [gone] = service.find(service.documents()[0].id)
        assert service.store.delete(gone.id).remaining == 0
    with Store.open(empty_store.path) as store, store.read() as reader:
        assert [document.key for document in reader.documents()] == ["3"] and store.verify() == []


def test_a_service_whose_store_was_moved_answers_and_is_not_ready(
    empty_store: Store, make_document: Make, tmp_path: Path
) -> None:
    empty_store.add(*make_document("A cat.", key="1"))
    empty_store.close()
    with Service(Store.open(empty_store.path), Config(cache=tmp_path / "cache")) as service:
        service.require_ready()
        empty_store.path.rename(tmp_path / "moved")
        assert service.counts() == (1, 1)
        with pytest.raises(StoreMissing, match="start again with the place it has now"):
            service.require_ready()


def test_a_moved_store_takes_no_more_writes_where_it_was_and_works_where_it_is(
    empty_store: Store, make_document: Make, tmp_path: Path
) -> None:
    empty_store.add(*make_document("A cat.", key="1"))
    empty_store.path.rename(tmp_path / "moved")
    for _ in ("nothing is in its place", "an empty directory is"):
        with pytest.raises(StoreMissing, match="moved or removed"):
            empty_store.add(*make_document("A dog.", key="2"))
        (tmp_path / "store").mkdir(exist_ok=True)
    empty_store.close()
    with Store.open(tmp_path / "moved") as store, store.read() as reader:
        assert reader.counts() == (1, 1) and store.verify() == []
