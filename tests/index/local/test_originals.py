"""Files that documents are made of are kept as long as their documents, whatever ends in the middle, and not a moment longer."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from index.errors import DocumentNotFound, StoreError
from index.local.store import Store
from index.local.system import files
from index.local.upkeep import snapshot
from index.local.upkeep.reindex import begun
from index.local.upkeep.repair import repair
from index.types import Document
from tests.conftest import Made, Make
from tests.index.tampering import Stop, Stopping


def made(make_document: Make, content: bytes, key: str = "a") -> Made:
    document, passages = make_document(f"Text of {key}.", key=key, title=key)
    return replace(document, content_sha256=hashlib.sha256(content).hexdigest()), passages


def add(store: Store, make_document: Make, content: bytes, key: str = "a") -> Document:
    return store.add(*made(make_document, content, key), content).document


def held(path: Path) -> set[bytes]:
    """What the files hold that are kept at this place."""
    return {path.read_bytes() for path in (path / "originals").glob("*")}


def test_a_file_is_kept_and_read_back_and_goes_with_its_document(empty_store: Store, make_document: Make) -> None:
    document = add(empty_store, make_document, b"%PDF canary")
    assert empty_store.original(document) == b"%PDF canary" and empty_store.verify() == []
    empty_store.delete(document.id)
    assert empty_store.original(document) is None
    assert not any(b"canary" in path.read_bytes() for path in empty_store.path.rglob("*") if path.is_file())


def test_a_file_of_two_documents_stays_until_both_are_gone(empty_store: Store, make_document: Make) -> None:
    first, second = (add(empty_store, make_document, b"same", key) for key in "ab")
    empty_store.delete(first.id)
    assert empty_store.original(second) == b"same"
    empty_store.delete(second.id)
    assert held(empty_store.path) == set()


def test_what_is_replaced_goes_at_once(empty_store: Store, make_document: Make) -> None:
    old = add(empty_store, make_document, b"old")
    new = add(empty_store, make_document, b"new")
    assert empty_store.original(new) == b"new" and empty_store.original(old) is None
    empty_store.add(*made(make_document, b"none"))  # this time without its file
    assert held(empty_store.path) == set()


def test_a_file_can_be_kept_later_and_under_a_digest_of_its_own(empty_store: Store, make_document: Make) -> None:
    digest = hashlib.sha256(b"read in another way").hexdigest()
    new, passages = make_document("Text.", key="a")
    document = empty_store.add(replace(new, content_sha256=digest), passages).document
    assert empty_store.original(document) is None
    empty_store.keep_original(document.id, b"scanned")
    empty_store.keep_original(document.id, b"scanned")
    assert empty_store.original(document) == b"scanned" and empty_store.verify() == []
    with pytest.raises(DocumentNotFound):
        empty_store.keep_original("nothing", b"x")
    empty_store.delete(document.id)
    assert held(empty_store.path) == set()


def test_a_damaged_file_is_found_and_not_given_out(empty_store: Store, make_document: Make) -> None:
    document = add(empty_store, make_document, b"whole")
    (path,) = (empty_store.path / "originals").iterdir()
    path.write_bytes(b"hole")
    assert empty_store.original(document) is None
    (finding,) = empty_store.verify()
    assert (finding.kind, finding.mendable) == ("original", False) and "rag rm" in finding.remedy


def test_a_file_of_no_document_is_found_and_removed(empty_store: Store, make_document: Make) -> None:
    document = add(empty_store, make_document, b"used")
    for name in ("0" * 64, "incoming.new", "note.txt"):
        (empty_store.path / "originals" / name).write_bytes(b"canary")
    findings = empty_store.verify()
    assert len(findings) >= 3 and {finding.mendable for finding in findings if "no document" in finding.detail} == {
        True
    }
    repair(empty_store, findings)
    assert held(empty_store.path) == {b"used"} and empty_store.original(document) == b"used"


# Of the calls that change files.
CHANGES = ("open", "write", "sync", "rename", "unlink", "write_at")


@pytest.mark.parametrize("error", [Stop, OSError])
@pytest.mark.parametrize("change", ["replace", "delete"])
def test_whatever_ends_in_the_middle_the_file_is_that_of_the_document(
    empty_store: Store,
    make_document: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    error: type[BaseException],
) -> None:
    document = add(empty_store, make_document, b"old")
    empty_store.close()
    n_stopped = 0
    for last in range(200):
        place = tmp_path / "place"
        shutil.copytree(empty_store.path, place)
        done = False
        with Store.open(place) as store, monkeypatch.context() as patch:
            patch.setattr(files, "system", Stopping(last, error, CHANGES))
            try:
                if change == "replace":
                    add(store, make_document, b"new")
                else:
                    store.delete(document.id)
                done = True
            except (Stop, StoreError):
                n_stopped += 1
        with Store.open(place) as store:
            with store.read() as reader:
                documents = reader.documents()
            contents = [store.original(left) for left in documents]
            assert (
                contents in ([[b"new"]] if done else [[b"old"], [b"new"]])
                if change == "replace"
                else (contents in ([[]] if done else [[b"old"], []]))
            )
            assert held(place) == set(contents) and store.verify() == []
        shutil.rmtree(place)
        if done:
            break
    assert done and n_stopped > 3


@pytest.mark.slow
def test_a_snapshot_has_the_files_and_a_restore_brings_them_back_and_no_others(
    empty_store: Store, make_document: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_file, without = tmp_path / "with", tmp_path / "without"
    snapshot.take(empty_store, without)
    document = add(empty_store, make_document, b"first")
    snapshot.take(empty_store, with_file)
    assert held(with_file) == {b"first"}
    add(empty_store, make_document, b"second")
    add(empty_store, make_document, b"third", "b")
    empty_store.close()
    for source, expected in ((with_file, {b"first"}), (without, set[bytes]())):
        for last in range(1000):
            place = tmp_path / "place"
            shutil.copytree(empty_store.path, place)
            done = False
            with monkeypatch.context() as patch:
                patch.setattr(files, "system", Stopping(last, calls=CHANGES))
                try:
                    snapshot.restore(source, place, overwrite=True)
                    done = True
                except Stop:
                    pass
            with Store.open(place) as store:
                with store.read() as reader:
                    documents = reader.documents()
                assert held(place) == {store.original(left) for left in documents}
                assert held(place) in (expected, {b"second", b"third"})
            shutil.rmtree(place)
            if done:
                break
        assert done and documents == ([document] if expected else [])


def test_another_model_leaves_the_files_where_they_are(empty_store: Store, make_document: Make) -> None:
    document = add(empty_store, make_document, b"kept")
    arguments: dict[str, Any] = {"dim": 16, "fingerprint": "other", "settings": {}}
    with begun(empty_store, **arguments) as making:
        loaded = making.load(document.id)
        assert loaded is not None and making.add(loaded, made(make_document, b"kept")[1])
        making.check()
        assert making.install()
    with Store.open(empty_store.path) as store:
        assert store.fingerprint == "other" and store.original(document) == b"kept" and store.verify() == []
