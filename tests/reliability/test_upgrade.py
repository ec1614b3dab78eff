"""A store of an older format is brought to the new one after a copy of it was kept, or stays as it was."""

import logging
import random
import shutil
from pathlib import Path

import apsw
import pytest

from index.errors import StoreFull, StoreTooNew
from index.local.database import migrations
from index.local.store import Store
from index.local.system import files
from index.local.upkeep import snapshot
from tests.index.tampering import change_rows
from tests.reliability import newer, world
from tests.reliability.programs import ran

pytestmark = pytest.mark.medium

FORMAT = migrations.FORMAT_VERSION
STATE = {f"k{number}": f"w{number}" for number in range(6)}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of this program's format, with a checkpoint and changes since: to the later program it is an older one."""
    path = tmp_path_factory.mktemp("older") / "store"
    world.create(path)
    with Store.open(path) as store:
        for number in range(6):
            store.add(*world.document(f"k{number}", f"w{number}", 1 + number % 3))
            if number == 3:
                store.checkpoint()
    return path


def copied(older: Path, place: Path) -> Path:
    return Path(shutil.copytree(older, place / "store"))


def kept(store: Path) -> list[Path]:
    """What lies beside a store."""
    return sorted(path for path in store.parent.iterdir() if path != store)


def read(store: Path) -> world.State:
    with Store.open(store) as opened:
        assert opened.verify() == [] and opened.rebuilt == ()
        return world.observed(opened)


def test_an_older_store_is_kept_as_it_was_and_brought_to_the_new_format(
    older: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = copied(older, tmp_path)
    with newer.program() as new_format:
        with caplog.at_level(logging.WARNING):
            assert read(store) == STATE
        [copy] = kept(store)
        assert copy.name == f"store.before-format-{new_format}" and f"it is kept in {copy}" in caplog.text
        with Store.open(store) as opened:
            assert opened.format_version == new_format
            opened.add(*world.document("k9", "w9", 1))
        snapshot.restore(copy, tmp_path / "in-new-format")
        assert read(tmp_path / "in-new-format") == STATE
        assert kept(store) == [tmp_path / "in-new-format", copy]  # and no copy of a copy anywhere
    with pytest.raises(StoreTooNew):
        Store.open(store)
    snapshot.restore(copy, store, overwrite=True)
    assert read(store) == STATE


def test_a_store_of_format_3_can_be_used(older: Path, tmp_path: Path) -> None:
    """Its tables were these without the one of failed files (since format 4) and the language of documents (since 5).

    Passages had no layout (since 6).
    """
    store = copied(older, tmp_path)
    change_rows(
        store,
        "DROP INDEX documents_language; ALTER TABLE documents DROP COLUMN language;"
        "ALTER TABLE passages DROP COLUMN layout; DROP TABLE failures; PRAGMA user_version = 3",
    )
    assert read(store) == STATE
    [copy] = kept(store)
    assert copy.name == f"store.before-format-{FORMAT}"
    snapshot.restore(copy, tmp_path / "back")
    assert read(tmp_path / "back") == STATE


def test_a_step_that_fails_changes_nothing_and_a_second_attempt_keeps_no_second_copy(
    older: Path, tmp_path: Path
) -> None:
    def fail(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO owners VALUES ('no number', '')")

    store = copied(older, tmp_path)
    with newer.program(fail):
        for _ in range(2):
            with pytest.raises(apsw.Error):
                Store.open(store)
    [copy] = kept(store)
    assert read(store) == STATE
    snapshot.restore(copy, tmp_path / "back")
    assert read(tmp_path / "back") == STATE


def test_another_state_is_kept_beside_the_one_before(older: Path, tmp_path: Path) -> None:
    store = copied(older, tmp_path)
    with newer.program():
        Store.open(store).close()
    [first] = kept(store)
    snapshot.restore(first, store, overwrite=True)
    with Store.open(store) as opened:
        opened.add(*world.document("k9", "w9", 1))
    with newer.program():
        Store.open(store).close()
    assert [path.name for path in kept(store)] == [first.name, first.name + "-2"]
    snapshot.restore(kept(store)[1], tmp_path / "back")
    assert read(tmp_path / "back") == {**STATE, "k9": "w9"}


def test_no_copy_no_new_format(older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(files.System):
        def write(self, fd: int, data: memoryview) -> int:
            raise OSError(28, "No space left on device")

    store = copied(older, tmp_path)
    with newer.program() as new_format, monkeypatch.context() as full:
        full.setattr(files, "system", Full())
        with pytest.raises(StoreFull, match=f"has format {FORMAT} and is brought to {new_format} only after a copy"):
            Store.open(store)
    assert kept(store) == []
    assert read(store) == STATE


@pytest.mark.slow
def test_a_program_of_the_older_format_writes_no_more_into_the_upgraded_store(older: Path, tmp_path: Path) -> None:
    store = copied(older, tmp_path)
    with Store.open(store) as opened:
        ran("newer", store, 0)
        with pytest.raises(StoreTooNew, match="upgrade the program"):
            opened.add(*world.document("k9", "w9", 1))


def killed(store: Path, *arguments: str) -> bool:
    """Whether the later program was killed while it opened the store."""
    return ran("newer", store, *arguments, may_be_killed=True).returncode != 0


def require_old_or_new(store: Path, *more: newer.Step) -> str:
    """Which format is there after a kill: with the old one the older program must do, with the new one there must be a copy."""
    seen = store.with_name("seen")
    shutil.copytree(store, seen)
    try:
        assert read(seen) == STATE
        which = "old"
    except StoreTooNew:
        which = "new"
    shutil.rmtree(seen)
    assert which == "old" or [path for path in kept(store) if not path.name.endswith(".partial")]
    with newer.program(*more):
        assert read(store) == STATE
    copies = kept(store)
    assert len(copies) == 1
    snapshot.restore(copies[0], seen)
    assert read(seen) == STATE
    for path in (seen, *copies, store):
        shutil.rmtree(path)
    return which


@pytest.mark.slow
def test_a_killed_upgrade_leaves_one_format_or_the_other(older: Path, tmp_path: Path, seed: int, long: bool) -> None:
    """Killed in a step, and before calls to the file system: all of them in the long form."""
    assert killed(copied(older, tmp_path), "0", "step")
    formats = [require_old_or_new(tmp_path / "store", lambda connection: None)]
    at, rng = 0, random.Random(seed)
    while killed(copied(older, tmp_path), str(at := at + (1 if long else rng.randrange(25, 36)))):
        formats.append(require_old_or_new(tmp_path / "store"))
    shutil.rmtree(tmp_path / "store")
    print(f"{len(formats)} kills, before up to call {at}: {formats.count('new')} of them with the new format")
    assert formats[0] == "old" and len(formats) > 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "arguments", "which"),
    [("migrate_step_by_step", ("0", "step"), "old"), ("migrate_without_a_copy", ("0",), "new")],
)
def test_the_upgrade_test_finds_a_planted_bug(
    older: Path, tmp_path: Path, bug: str, arguments: tuple[str, ...], which: str
) -> None:
    killed(copied(older, tmp_path), *arguments, bug)
    with pytest.raises(AssertionError):
        assert require_old_or_new(tmp_path / "store", lambda connection: None) == which
