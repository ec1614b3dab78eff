"""Something else lies where a file or a directory of the store belongs: mended, or refused in a line that says what to do."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from index.errors import StoreDamaged, StoreError, StoreUnwritable
from index.local.database.rows import document_id
from index.local.store import Store
from index.local.upkeep import snapshot
from index.local.upkeep.repair import repair
from tests.reliability import world
from tests.reliability.programs import ran

pytestmark = pytest.mark.medium

VIEWS = {"manifest.json", "views", "views/*", "views/*/vectors.faiss", "views/*/lexical", "views/*/lexical/meta.json"}
LOCKS = {"views/*/lexical/.tantivy-meta.lock"}
BESIDE = {"store.db-wal", "store.db-shm"}
USELESS = {"manifest.json.new", "replacement", "restoring", "rebuilding", "store.db.new", "views/stray", "STORE"}
ARRAYS = {"views/*/arrays", "views/*/arrays/*", "views/*/arrays/*/rows", "views/*/arrays/*/terms"}
NAMES = sorted({"store.db", "writer.lock"} | VIEWS | BESIDE | USELESS | ARRAYS | LOCKS)
KINDS: dict[str, Callable[[Path], object]] = {
    "file": lambda path: path.write_text("x"),
    "directory": lambda path: (path / "x").mkdir(parents=True),
    "dangling": lambda path: path.symlink_to("/nowhere/at/all"),
    "loop": lambda path: path.symlink_to(path.name),
    "pipe": os.mkfifo,
}
# Of each name what once went wrong; the long form has all.
SHORT = [
    ("views", "file"), ("views", "dangling"), ("views", "loop"), ("manifest.json", "directory"), ("manifest.json", "pipe"),
    ("manifest.json.new", "dangling"), ("store.db", "directory"), ("store.db-wal", "dangling"), ("store.db-shm", "directory"),
    ("writer.lock", "directory"), ("writer.lock", "pipe"), ("replacement", "file"), ("views/*/vectors.faiss", "pipe"),
    ("views/*/lexical/.tantivy-meta.lock", "pipe"), ("views/*/arrays/*/rows", "directory"), ("rebuilding", "file"),
]  # fmt: skip
STATE = {f"k{number}": f"w{number}" for number in range(1, 5)}


def path_of(store: Path, name: str) -> Path:
    path = store
    for part in name.split("/"):
        path = min(path.iterdir()) if part == "*" else path / part
    return path


def put(store: Path, name: str, kind: str) -> None:
    path = path_of(store, name)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    KINDS[kind](path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a store and a snapshot of it. One of its documents came after the checkpoint."""
    place = tmp_path_factory.mktemp("made")
    world.create(place / "store")
    with Store.open(place / "store") as store:
        for key, word in STATE.items():
            if key == "k4":
                store.checkpoint()
            store.add(*world.document(key, word, 2))
        snapshot.take(store, place / "saved")
    return place


@pytest.mark.slow
def test_nothing_is_answered_wrong_and_all_can_be_mended(made: Path, tmp_path: Path, long: bool) -> None:
    path = tmp_path / "store"
    for name, kind in [(name, kind) for name in NAMES for kind in KINDS] if long else SHORT:
        case = f"{name} is a {kind}"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(made / "store", path)
        put(path, name, kind)
        try:
            with Store.open(path) as store:
                assert world.observed(store) == STATE, case
                findings = store.verify()
                repair(store, findings)
                if name == "writer.lock" and kind != "file":
                    assert [finding.kind for finding in findings] == ["lock"], case
                    with pytest.raises(StoreUnwritable, match=r"writer\.lock is not a file.* remove it"):
                        store.add(*world.document("k5", "w5", 1))
                    continue
                assert findings or name not in VIEWS | ARRAYS, case
                store.add(*world.document("k5", "w5", 1))
                assert store.delete(document_id("default", "k1")).remaining == 0, case
                snapshot.take(store, tmp_path / "taken")
            after = {key: word for key, word in {**STATE, "k5": "w5"}.items() if key != "k1"}
            for place in (path, tmp_path / "taken"):
                with Store.open(place) as store:
                    assert store.rebuilt == () and store.verify() == [], case
                    assert world.observed(store) == after, case
            shutil.rmtree(tmp_path / "taken")
        except StoreError as error:
            assert name in {"store.db"} | BESIDE and kind != "file" or name == "store.db", (case, error)
            assert isinstance(error, StoreDamaged) == (name == "store.db"), (case, error)
            assert "\n" not in str(error) and ("remove it" in str(error) or "rag restore" in str(error)), case
        snapshot.restore(made / "saved", path, overwrite=True)
        with Store.open(path) as store:
            assert store.rebuilt == () and store.verify() == [] and world.observed(store) == STATE, case


def test_views_that_are_lost_while_the_store_is_open_are_found_and_mended(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "store", tmp_path / "store")
    with Store.open(tmp_path / "store") as store:
        put(store.path, "views", "file")
        assert {finding.kind for finding in store.verify()} == {"view-file"}
        assert repair(store, store.verify()) and store.verify() == []
        put(store.path, "views", "dangling")
        assert store.delete(document_id("default", "k1")).remaining == 0
        assert store.verify() == [] and "k1" not in world.observed(store)


def test_a_database_behind_a_link_is_written_where_it_lies(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "store", tmp_path / "store")
    (tmp_path / "store" / "store.db").rename(tmp_path / "elsewhere.db")
    (tmp_path / "store" / "store.db").symlink_to(tmp_path / "elsewhere.db")
    for key in ("k5", "k6"):
        with Store.open(tmp_path / "store") as store:
            store.add(*world.document(key, "w" + key, 1))
            assert store.verify() == [] and world.observed(store)[key] == "w" + key


@pytest.mark.slow
def test_views_that_may_not_be_read_are_named_and_left_out(made: Path, tmp_path: Path) -> None:
    for lost in ("views", "views/*/arrays"):
        shutil.copytree(made / "store", tmp_path / "store")
        path = path_of(tmp_path / "store", lost)
        mode = path.stat().st_mode
        path.chmod(0)
        ran("test_wrong_kind", tmp_path, before=without_privilege())
        if path.exists():
            path.chmod(mode)
        with Store.open(tmp_path / "store") as store:
            assert store.delete(document_id("default", "k1")).remaining == 0
            assert store.verify() == []
        shutil.rmtree(tmp_path / "store")
        shutil.rmtree(tmp_path / "taken")


def without_privilege() -> list[str]:
    """The start of a command that runs the rest of it as someone who may not read what its mode forbids."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv here")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def use(place: Path) -> None:
    """Ask, add and take a snapshot; a delete, which must remove what cannot be removed, says so."""
    with Store.open(place / "store") as store:
        assert world.observed(store) == STATE
        assert store.verify()
        store.add(*world.document("k5", "w5", 1))
        snapshot.take(store, place / "taken")
        try:
            store.delete(document_id("default", "k2"))
        except StoreUnwritable as error:
            assert "views" in str(error)
    with Store.open(place / "taken") as store:
        assert world.observed(store) == {**STATE, "k5": "w5"}


if __name__ == "__main__":
    use(Path(sys.argv[1]))
