"""Where a directory's store may be and where not, and what an older version left."""

import dataclasses
from pathlib import Path

import pytest

from index.errors import StoreDamaged, StoreMissing, StoreUnwritable
from index.local.store import Store
from index.local.system.lock import WriterLock
from index.local.system.names import LOCK
from index.types import Scope
from tests.conftest import Make
from tests.index.tampering import change_rows


def test_a_missing_or_empty_directory_holds_no_store(store_path: Path) -> None:
    with pytest.raises(StoreMissing, match="rag add"):
        Store.open(store_path)
    store_path.mkdir()
    with pytest.raises(StoreMissing):
        Store.open(store_path)
    Store.create(store_path, dim=4, fingerprint="f", settings={}).close()


def create(path: Path) -> Store:
    return Store.create(path, dim=4, fingerprint="f", settings={})


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StoreUnwritable, match="other files"):
        create(tmp_path)
    for path in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(StoreMissing, match="something else is there"):
            Store.open(path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("left", ["STORE", "manifest.json", "views", "store.db-wal"])
def test_a_store_without_its_database_is_never_replaced(tmp_path: Path, left: str) -> None:
    (tmp_path / left).mkdir() if left == "views" else (tmp_path / left).write_text("")
    for use in (Store.open, create):
        with pytest.raises(StoreDamaged, match="missing.*rag restore"):
            use(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [left]


def test_an_interrupted_creation_is_made_again(store_path: Path) -> None:
    store_path.mkdir()
    (store_path / "store.db.new").write_bytes(b"half")
    (store_path / "writer.lock").write_text("{}")
    with Store.create(store_path, dim=4, fingerprint="f", settings={}) as store:
        assert store.verify() == []


def test_what_was_interrupted_is_left_to_whoever_writes_without_a_word(
    store_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    create(store_path).close()
    (store_path / "manifest.json").unlink()
    with WriterLock(store_path / LOCK).held(0), Store.open(store_path) as store:
        assert store._follower.needs_checkpoint
    assert caplog.text == ""
    Store.open(store_path).close()
    assert (store_path / "manifest.json").exists()


def test_a_creation_interrupted_before_its_first_checkpoint_is_finished(store_path: Path) -> None:
    Store.create(store_path, dim=4, fingerprint="f", settings={}).close()
    (store_path / "manifest.json").unlink()
    (store_path / "STORE").unlink()
    with Store.open(store_path) as store:
        assert store.rebuilt == () and store.verify() == []
    assert (store_path / "STORE").exists() and (store_path / "manifest.json").exists()


def test_a_store_from_before_languages_were_told_goes_on_as_it_is(store_path: Path, make_document: Make) -> None:
    with Store.create(store_path, dim=16, fingerprint="fake", settings={}) as store:
        store.add(*make_document("Die Häuser am Hafen.", key="old"))
        store.checkpoint()
    change_rows(
        store_path,
        "DROP INDEX documents_language; ALTER TABLE documents DROP COLUMN language;"
        "ALTER TABLE passages DROP COLUMN layout; PRAGMA user_version = 4",
    )
    with Store.open(store_path) as store:
        document, passages = make_document("Die Häuser am Markt.", key="new")
        store.add(dataclasses.replace(document, language="de"), passages)
        assert store.verify() == []
        with store.read() as reader:
            assert reader.languages("default") == ("de",) and reader.languages("other") == ()
            assert [document.language for document in reader.documents()] == ["en", "de"]
            counts = {term: len(reader.matching([term], 9, Scope())[1]) for term in ("hauser", "haus", "am")}
        assert counts == {"hauser": 1, "haus": 1, "am": 2}
