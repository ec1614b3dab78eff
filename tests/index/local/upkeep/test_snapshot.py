"""Snapshots and restores: whole or not at all."""

import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest

from index.errors import StoreDamaged, StoreMissing, StoreReplaced, StoreUnwritable
from index.local.opening import swap as replacement
from index.local.store import Store
from index.local.system import files
from index.local.upkeep import snapshot
from tests.conftest import Make
from tests.index.tampering import NAMES, Stop, Stopping

pytestmark = pytest.mark.medium


@pytest.fixture
def store(empty_store: Store, make_document: Make) -> Store:
    """Twelve documents, two of them newer than the checkpoint."""
    for number in range(12):
        empty_store.add(*make_document(f"Text {number}. More of it. And more.", key=str(number)))
        if number == 9:
            empty_store.checkpoint()
    return empty_store


def titles(path: Path) -> list[str]:
    with Store.open(path) as store, store.read() as reader:
        assert store.rebuilt == () and store.verify() == []
        return [document.key for document in reader.documents(limit=1000)]


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_no_copy_is_put_into_what_it_is_of_whatever_way_leads_there(store: Store, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(store.path)
    before = set(contents(store.path))
    for place in (store.path / "copy", tmp_path / "link" / "copy"):
        with pytest.raises(StoreUnwritable, match="lies in"):
            snapshot.take(store, place)
        with pytest.raises(StoreUnwritable, match="lies in"):
            snapshot.restore(store.path, place)
    assert set(contents(store.path)) == before


def test_a_snapshot_is_a_store_of_one_moment(store: Store, make_document: Make, tmp_path: Path) -> None:
    taken = snapshot.take(store, tmp_path / "deep" / "copy")
    assert (taken.generation, taken.documents, taken.passages) == (12, 12, 24)
    assert taken.bytes == sum(map(len, contents(tmp_path / "deep" / "copy").values())) - len(
        (tmp_path / "deep" / "copy" / "snapshot.json").read_bytes()
    )
    store.add(*make_document("Later."))
    assert titles(tmp_path / "deep" / "copy") == [str(number) for number in range(12)]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["copy"]


def test_what_a_killed_snapshot_left_is_removed_by_the_next_and_nothing_else(store: Store, tmp_path: Path) -> None:
    place = tmp_path / "copies"
    killed, working, mine = (place / f".{name}.0123abcd.partial" for name in ("monday", "tuesday", "mine"))
    for left in (killed, working):
        snapshot.take(store, left / "copy")
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    fd = os.open(working, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)  # as the process has that makes it
    snapshot.take(store, place / "copy")
    assert {path.name for path in place.iterdir()} == {"copy", working.name, mine.name}
    os.close(fd)


def test_a_snapshot_is_taken_beside_a_damaged_checkpoint(store: Store, tmp_path: Path) -> None:
    (store.path / "manifest.json").write_text("{}")
    snapshot.take(store, tmp_path / "copy")
    assert len(titles(tmp_path / "copy")) == 12


def test_a_place_that_holds_something_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    for target in (tmp_path / "full", tmp_path / "full" / "thesis.txt", store.path, store.path / "inside"):
        with pytest.raises(StoreUnwritable, match="choose"):
            snapshot.take(store, target)
    assert contents(tmp_path / "full") == {"thesis.txt": b"mine"}
    (tmp_path / "empty").mkdir()
    snapshot.take(store, tmp_path / "empty")
    with pytest.raises(StoreUnwritable):
        snapshot.take(store, tmp_path / "empty")


def test_an_inconsistent_store_gives_no_snapshot(store: Store, tmp_path: Path) -> None:
    with store.writers_waiting(), store._database.writing() as connection:
        connection.execute("UPDATE collections SET n_passages = 1")
    with pytest.raises(StoreDamaged, match="counters"):
        snapshot.take(store, tmp_path / "copy")
    assert not list(tmp_path.glob("*copy*"))


def test_a_restored_store_is_the_one_that_was_copied(store: Store, make_document: Make, tmp_path: Path) -> None:
    snapshot.take(store, tmp_path / "copy")
    restored = snapshot.restore(tmp_path / "copy", tmp_path / "new" / "store")
    assert (restored.generation, restored.documents) == (12, 12)
    assert titles(tmp_path / "new" / "store") == [str(number) for number in range(12)]
    with Store.open(tmp_path / "new" / "store") as again:
        assert again.id == store.id
        again.add(*make_document("One more."))
    assert len(titles(tmp_path / "copy")) == 12


def test_a_closed_store_can_be_restored_from_as_well(store: Store, tmp_path: Path) -> None:
    assert snapshot.restore(store.path, tmp_path / "new").documents == 12
    assert len(titles(tmp_path / "new")) == 12
    with pytest.raises(StoreUnwritable, match="lies in"):
        snapshot.restore(store.path, store.path / "inside")


def test_a_store_is_replaced_only_when_asked_and_others_notice(
    store: Store, make_document: Make, tmp_path: Path
) -> None:
    snapshot.take(store, tmp_path / "copy")
    store.checkpoint()
    snapshot.take(store, tmp_path / "same")  # with the very checkpoint that the store has
    snapshot.restore(tmp_path / "same", store.path, overwrite=True)
    store.close()
    store = Store.open(store.path)
    store.add(*make_document("Later.", key="later"))
    store.checkpoint()
    with pytest.raises(StoreUnwritable, match="--overwrite"):
        snapshot.restore(tmp_path / "copy", store.path)
    assert not store.replaced
    with store.read() as reader:
        snapshot.restore(tmp_path / "copy", store.path, overwrite=True)
        assert reader.counts() == (13, 25)  # who reads goes on with the old one
    assert store.replaced
    for write in (lambda: store.add(*make_document("Lost?")), store.checkpoint, lambda: store.delete("x" * 16)):
        with pytest.raises(StoreReplaced):
            write()
    store.close()
    assert titles(store.path) == [str(number) for number in range(12)]


def test_a_damaged_store_is_replaced_when_asked(store: Store, tmp_path: Path) -> None:
    snapshot.take(store, tmp_path / "copy")
    store.close()
    (store.path / "store.db").unlink()
    with pytest.raises(StoreUnwritable, match="--overwrite"):
        snapshot.restore(tmp_path / "copy", store.path)
    snapshot.restore(tmp_path / "copy", store.path, overwrite=True)
    assert len(titles(store.path)) == 12


def test_other_files_are_never_replaced(store: Store, tmp_path: Path) -> None:
    snapshot.take(store, tmp_path / "copy")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(StoreUnwritable, match="other files"):
            snapshot.restore(tmp_path / "copy", tmp_path / "mine", overwrite=overwrite)
    assert contents(tmp_path / "mine") == {"thesis.txt": b"mine"}


def test_nothing_is_restored_from_what_is_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    for source in ("none", "empty", "mine"):
        with pytest.raises(StoreMissing, match="no snapshot at"):
            snapshot.restore(tmp_path / source, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_snapshot_with_any_file_damaged_or_missing_is_refused(store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    snapshot.take(store, copy)
    before = contents(store.path)
    for name, content in contents(copy).items():
        flipped = content[:-1] + bytes([content[-1] ^ 1]) if content else b"x"
        for damaged in (content[:-1] if content else b"xy", flipped, None):
            (copy / name).unlink() if damaged is None else (copy / name).write_bytes(damaged)
            # Without its catalogue it is a store like any other, and whole.
            if name != "snapshot.json" or damaged is not None:
                with pytest.raises(StoreDamaged):
                    snapshot.restore(copy, store.path, overwrite=True)
            (copy / name).write_bytes(content)
    assert contents(store.path) == before
    snapshot.restore(copy, tmp_path / "new")


CHANGES = (*NAMES, "write_at")


@pytest.mark.slow
def test_a_restore_stopped_anywhere_leaves_the_old_store_or_the_new(
    store: Store, make_document: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, place = tmp_path / "copy", tmp_path / "place"
    snapshot.take(store, copy)
    new = [str(number) for number in range(12)]
    store.add(*make_document("Later.", key="later"))
    store.close()
    old = titles(store.path)
    seen = []
    for last in range(1000):
        shutil.copytree(store.path, place)
        with monkeypatch.context() as patch:
            patch.setattr(files, "system", Stopping(last, calls=CHANGES))
            try:
                snapshot.restore(copy, place, overwrite=True)
            except Stop:
                pass
            else:
                break
        left = titles(place)
        assert left in (old, new)
        seen.append(left)
        assert not replacement.pending(place)
        # Once more, stopped in the middle of finishing, is tried by every later n.
        shutil.rmtree(place)
    assert titles(place) == new
    assert seen == sorted(seen, key=new.__eq__) and old in seen and new in seen


def test_a_stopped_restore_to_a_new_place_leaves_no_store(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot.take(store, tmp_path / "copy")
    with monkeypatch.context() as patch:
        patch.setattr(files, "system", Stopping(0))
        with pytest.raises(Stop):
            snapshot.restore(tmp_path / "copy", tmp_path / "new")
    with pytest.raises(StoreMissing):
        Store.open(tmp_path / "new")
    snapshot.restore(tmp_path / "copy", tmp_path / "new")
    assert len(titles(tmp_path / "new")) == 12


def test_the_views_of_another_store_are_not_used(store: Store, make_document: Make, tmp_path: Path) -> None:
    """Every file of such a checkpoint is what its manifest says."""
    with Store.create(tmp_path / "other", dim=16, fingerprint="fake", settings={"model": "fake"}) as other:
        for number in range(12):
            other.add(*make_document(f"Else {number}. More. Again. Yes.", key=str(number)))
        other.checkpoint()
    store.close()
    shutil.rmtree(store.path / "views")
    for name in ("views", "manifest.json"):
        (tmp_path / "other" / name).rename(store.path / name)
    with Store.open(store.path) as again:
        assert again.rebuilt == ("vectors", "lexical")
        assert {finding.kind for finding in again.verify()} == {"view-rebuilt"}
    assert json.loads((store.path / "manifest.json").read_text())["sequence"] == 12
