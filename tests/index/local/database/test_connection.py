"""A damaged truth is refused, never mended by guessing."""

import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from index.errors import StoreDamaged, StoreError, StoreFull, StoreTooNew
from index.local.database import connection as database
from index.local.database import scrub
from index.local.store import Store
from index.types import Scope
from tests.conftest import Make
from tests.index.tampering import change_rows

pytestmark = pytest.mark.medium

TESTS = Path(__file__).parents[3]


@pytest.fixture
def closed(empty_store: Store, make_document: Make) -> Path:
    """A store of thirty documents that nobody has open."""
    for number in range(30):
        empty_store.add(*make_document(f"Text number {number}. And more of it. " * 20, key=str(number)))
    empty_store.checkpoint()
    empty_store.close()
    return empty_store.path


def test_a_newer_format_is_refused(closed: Path) -> None:
    change_rows(closed, "PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew, match="99.*upgrade"):
        Store.open(closed)


def use_everything(path: Path) -> None:
    with Store.open(path) as store, store.read() as reader:
        for document in reader.documents(limit=1000):
            reader.text(document.id)
        ids = range(1, 1000)
        reader.passages(ids)
        reader.candidates(ids)
        reader.documents_of(ids)
        reader.statistics("default", ["text"])
        reader.matching(["text"], 100, Scope())


def test_a_flipped_bit_in_any_page_is_an_error_or_harmless_and_never_another_answer(closed: Path) -> None:
    """Pages that are not read here, such as those of an index that no query used, are found by verify."""
    path = closed / "store.db"
    healthy = path.read_bytes()
    refused = 0
    pages = range(0, len(healthy), 4096)
    for page in list(pages)[:: max(1, len(pages) // 20)]:
        damaged = bytearray(healthy)
        damaged[page + 200] ^= 1
        path.write_bytes(damaged)
        try:
            use_everything(closed)
        except StoreDamaged as error:
            assert "rag restore" in str(error)
            refused += 1
        else:
            with Store.open(closed) as store:
                assert "database" in {finding.kind for finding in store.verify()}
    assert refused > 10


@pytest.mark.parametrize("offset", [0, 16, 18, 20, 28, 60, 68, 100])
def test_a_damaged_header_is_refused(closed: Path, offset: int) -> None:
    path = closed / "store.db"
    damaged = bytearray(path.read_bytes())
    damaged[offset] ^= 0x41
    path.write_bytes(damaged)
    with pytest.raises(StoreError):
        use_everything(closed)


@pytest.mark.slow
@pytest.mark.parametrize("keep", [0, 100, 4096, 20_000])
def test_a_truncated_database_is_refused(closed: Path, keep: int) -> None:
    path = closed / "store.db"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StoreDamaged):
        use_everything(closed)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_a_truncated_database_is_refused_also_beside_a_log(closed: Path, make_document: Make, share: float) -> None:
    copy = closed.with_name("copy")
    with Store.open(closed) as store:
        store.add(*make_document("One more."))
        with Store.open(closed):  # a healthy one, with its log, opens
            shutil.copytree(closed, copy)
    assert (copy / "store.db-wal").stat().st_size > 0
    content = (copy / "store.db").read_bytes()
    (copy / "store.db").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(StoreDamaged):
        use_everything(copy)


def test_another_database_in_its_place_is_refused(closed: Path) -> None:
    path = closed / "store.db"
    path.unlink()
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE mine (a)")
    connection.close()
    with pytest.raises(StoreDamaged, match="not the database of a store"):
        Store.open(closed)


def test_a_lost_write_ahead_log_is_noticed(store_path: Path) -> None:
    script = (
        "import os, sys; from conftest import build_document; from index.local.store import Store\n"
        "store = Store.create(sys.argv[1], dim=16, fingerprint='f', settings={})\n"
        "[store.add(*build_document(f'Text {n}.')) for n in range(3)]; os._exit(0)"
    )
    env = {"PYTHONPATH": f"{TESTS.parent}:{TESTS}"}
    subprocess.run([sys.executable, "-c", script, str(store_path)], check=True, env=env, timeout=300)
    (store_path / "store.db-wal").unlink()
    (store_path / "store.db-shm").unlink()
    with pytest.raises(StoreDamaged, match="up to 0, but 3 were acknowledged"):
        Store.open(store_path)


@pytest.mark.slow
def test_a_full_disk_changes_nothing(empty_store: Store, make_document: Make) -> None:
    with empty_store._database.reading() as connection:
        limit = connection.pragma("page_count")
    # SQLite's own way to have a full disk.
    empty_store._database._write_connection().pragma("max_page_count", limit)
    big = make_document("A long text. " * 5000, key="big")
    with pytest.raises(StoreError, match="no space"):
        empty_store.add(*big)
    with empty_store.read() as reader:
        assert reader.counts() == (0, 0)
    empty_store._database._write_connection().pragma("max_page_count", 1 << 30)
    assert empty_store.add(*big).outcome == "added"
    assert empty_store.verify() == []


def test_a_commit_holds_when_the_log_cannot_be_moved_into_the_database(
    store_path: Path, make_document: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: apsw.VFSFile, data: bytes, offset: int) -> None:
        raise apsw.FullError("no space")

    store = Store.create(store_path, dim=16, fingerprint="fake", settings={})
    with monkeypatch.context() as patch:
        patch.setattr(database, "_WAL_PAGES", 0)
        patch.setattr(scrub._ScrubbedFile, "xWrite", refuse)
        document = store.add(*make_document("A cat.")).document
        assert store.add(*make_document("A dog.")).outcome == "added"
        with pytest.raises(StoreFull):  # no receipt: its bytes are still there
            store.delete(document.id)
        store.close()
    with Store.open(store_path) as store, store.read() as reader:
        assert [document.title for document in reader.documents()] == ["Title"]
        assert store.verify() == []
    assert b"A cat." not in (store_path / "store.db").read_bytes()


def test_a_copy_has_a_checksum_on_every_page_however_many_of_them_the_log_holds(
    empty_store: Store, make_document: Make, tmp_path: Path
) -> None:
    """Of so large a database SQLite writes pages before the first: the cache of a copy holds 2 MB."""
    empty_store.set_note("ballast", "x" * 3_000_000)
    document = empty_store.add(*make_document("A cat. And a dog.", key="1")).document
    empty_store.delete(document.id)
    for number in range(3):
        empty_store.add(*make_document(f"Text {number}.", key=str(number)))
    with empty_store._database.reading() as connection:
        database.copy_database(connection, tmp_path / "copy.db")
    pages = (tmp_path / "copy.db").read_bytes()
    with empty_store._database.reading() as connection:
        check = "SELECT verify_checksum(?)"
        unsealed = [
            start // 4096 + 1
            for start in range(0, len(pages), 4096)
            if not connection.execute(check, (pages[start : start + 4096],)).get
        ]
    assert len(pages) > 3_000_000 and unsealed == []
