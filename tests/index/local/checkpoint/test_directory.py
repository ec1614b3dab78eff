"""Checkpoints: what they keep, what damage does to them, and what they leave alone."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from index.errors import StoreDamaged
from index.local.checkpoint import directory as checkpoint
from index.local.store import Store
from index.local.system.sealed import seal
from index.types import Scope
from tests.conftest import Make
from tests.index.tampering import Damage, delete_manifest, delete_views, flip_in

pytestmark = pytest.mark.medium


def fill(store: Store, make_document: Make, numbers: range) -> None:
    for number in numbers:
        store.add(*make_document(f"Text number {number}. Second sentence. Third.", key=str(number)))


def current(path: Path) -> Path:
    return path / str(json.loads((path / "manifest.json").read_text())["checkpoint"])


def hashes(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def test_a_checkpoint_is_written_once_for_one_state(empty_store: Store, make_document: Make) -> None:
    fill(empty_store, make_document, range(5))
    assert empty_store.checkpoint() is True
    first = current(empty_store.path)
    assert empty_store.checkpoint() is False
    assert current(empty_store.path) == first and list((empty_store.path / "views").iterdir()) == [first]
    empty_store.add(*make_document("More."))
    assert empty_store.checkpoint() is True
    assert current(empty_store.path) != first and not first.exists()


def test_a_start_after_a_checkpoint_replays_nothing(empty_store: Store, make_document: Make) -> None:
    fill(empty_store, make_document, range(5))
    empty_store.checkpoint()
    with Store.open(empty_store.path) as store, store.read() as reader:
        assert store.rebuilt == () and store._follower.views().rows == {}
        assert len(reader.matching(["second"], 9, Scope())[1]) == 5


@pytest.mark.slow
def test_the_new_checkpoint_shares_files_with_the_old_and_leaves_them_as_they_are(
    empty_store: Store, make_document: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(empty_store, make_document, range(40))
    empty_store.checkpoint()
    old = current(empty_store.path)
    before = hashes(old)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "remove_others", lambda store, name, **_: [])  # keep the old one, to be looked at
        # More than tantivy's merge policy lets stand side by side, so that segments are merged and removed from the new one.
        for number in range(40, 60):
            fill(empty_store, make_document, range(number, number + 1))
            empty_store.checkpoint()
            assert hashes(old) == before
            if number == 40:
                inodes = {path.stat().st_ino for path in old.rglob("*")}
                shared = [path for path in current(empty_store.path).rglob("*") if path.stat().st_ino in inodes]
                assert shared and all({"lexical", "arrays"} & {*path.parts} for path in shared)
    assert {finding.kind for finding in empty_store.verify()} == {"leftover"}  # the old ones
    assert len(list((empty_store.path / "views").iterdir())) == 21
    fill(empty_store, make_document, range(60, 61))
    empty_store.checkpoint()
    assert list((empty_store.path / "views").iterdir()) == [current(empty_store.path)]


def test_without_hard_links_files_are_copied(
    empty_store: Store, make_document: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    fill(empty_store, make_document, range(3))
    empty_store.checkpoint()
    fill(empty_store, make_document, range(3, 6))
    empty_store.checkpoint()
    with Store.open(empty_store.path) as store:
        assert store.rebuilt == () and store.verify() == []


def edit_manifest(path: Path) -> None:
    manifest = path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"sequence": 20', '"sequence": 10'))


def age_manifest(path: Path) -> None:
    """Search files of an earlier program, which this one makes again."""
    content = json.loads((path / "manifest.json").read_text())
    del content["sha256"]
    (path / "manifest.json").write_bytes(seal({**content, "format": content["format"] - 1}))


def truncate_terms(path: Path) -> None:
    for file in current(path).rglob("*.term"):
        file.write_bytes(file.read_bytes()[:-3])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "rebuilt"),
    [
        (delete_views, ("vectors", "lexical")),
        (delete_manifest, ("vectors", "lexical")),
        (edit_manifest, ("vectors", "lexical")),
        (age_manifest, ("vectors", "lexical")),
        (flip_in("vectors.faiss"), ("vectors",)),
        (flip_in("lexical/*.idx"), ("lexical",)),
        (truncate_terms, ("lexical",)),
    ],
)
def test_damaged_views_are_rebuilt_and_named(
    empty_store: Store,
    make_document: Make,
    damage: Damage,
    rebuilt: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
    fake_embed: Callable[..., object],
) -> None:
    def answers(store: Store) -> list[object]:
        with store.read() as reader:
            rankings = reader.nearest(fake_embed("q"), 9, Scope()), reader.matching(["number", "7"], 9, Scope())  # type: ignore[arg-type]
        return [array.tolist() for pair in rankings for array in pair]

    fill(empty_store, make_document, range(20))
    empty_store.checkpoint()
    expected = answers(empty_store)
    empty_store.close()
    damage(empty_store.path)
    with Store.open(empty_store.path) as store:
        assert store.rebuilt == rebuilt and answers(store) == expected
        assert "rebuilding" in caplog.text
        assert {finding.kind for finding in store.verify()} == {"view-rebuilt"}
    with Store.open(empty_store.path) as store:
        assert store.rebuilt == () and answers(store) == expected and store.verify() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage", [delete_views, flip_in("vectors.faiss"), flip_in("lexical/*.idx"), truncate_terms, delete_manifest]
)
def test_damage_since_the_start_is_not_carried_into_the_next_checkpoint(
    empty_store: Store, make_document: Make, damage: Damage
) -> None:
    fill(empty_store, make_document, range(20))
    empty_store.checkpoint()
    damage(empty_store.path)
    fill(empty_store, make_document, range(20, 22))
    assert empty_store.checkpoint() is True
    with Store.open(empty_store.path) as store, store.read() as reader:
        assert store.rebuilt == () and store.verify() == []
        assert len(reader.matching(["number"], 99, Scope())[1]) == 22


def test_leftovers_of_an_interrupted_checkpoint_go_with_the_next(empty_store: Store, make_document: Make) -> None:
    orphan = empty_store.path / "views" / "000099-deadbeef"
    orphan.mkdir()
    (orphan / "vectors.faiss").write_bytes(b"half")
    fill(empty_store, make_document, range(2))
    with Store.open(empty_store.path) as store:
        assert store.rebuilt == ()
    empty_store.checkpoint()
    assert not orphan.exists()


def test_a_failed_checkpoint_leaves_the_last_one_in_force(
    empty_store: Store, make_document: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(empty_store, make_document, range(3))
    empty_store.checkpoint()
    before = hashes(empty_store.path / "views")
    fill(empty_store, make_document, range(3, 6))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(Exception, match="cannot be written"):
            empty_store.checkpoint()
    assert hashes(empty_store.path / "views") == before
    assert empty_store.checkpoint() is True and empty_store.verify() == []


def test_checkpoints_become_due(empty_store: Store, make_document: Make) -> None:
    text = "Word. " * 700
    empty_store.add(*make_document(text, key="1", sentences_per_passage=1))
    assert not empty_store.checkpoint_due
    empty_store.add(*make_document(text + "Again.", key="1", sentences_per_passage=1))
    assert empty_store.checkpoint_due
    empty_store.checkpoint()
    assert not empty_store.checkpoint_due


def test_views_that_know_more_than_the_database_mean_that_it_lost_something(
    empty_store: Store, make_document: Make
) -> None:
    fill(empty_store, make_document, range(3))
    empty_store.close()
    early = empty_store.path.with_name("early.db")
    shutil.copyfile(empty_store.path / "store.db", early)
    with Store.open(empty_store.path) as store:
        fill(store, make_document, range(3, 6))
        store.checkpoint()
    shutil.copyfile(early, empty_store.path / "store.db")
    (empty_store.path / "writer.lock").unlink()
    with pytest.raises(StoreDamaged, match="up to 3, but 6"):
        Store.open(empty_store.path)
