"""A store that one may only read is read: silently, without a lock, from the checkpoint that is there."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from index.errors import StoreLocked
from index.local.store import Store
from index.local.system import files
from index.local.upkeep import snapshot
from tests.reliability import mounts, world
from tests.reliability.programs import ROOT

pytestmark = pytest.mark.medium

NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder to which other users get, which pytest's own do not let in."""
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o755)
        yield Path(made)


def fill(path: Path) -> Store:
    """Three documents of seven passages in all, the last of them newer than the checkpoint."""
    world.create(path)
    store = Store.open(path)
    store.add(*world.document("a", "w1", 3))
    store.add(*world.document("b", "w2", 3))
    store.checkpoint()
    store.add(*world.document("c", "w3", 1))
    return store


def share(path: Path) -> None:
    subprocess.run(["chmod", "-R", "go+rX", path], check=True)


class Other:
    """A process of a user who looks at a store when told."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def look(self) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, self._process.stderr and self._process.stderr.read()
        seen: dict[str, Any] = json.loads(line)
        return seen

    def end(self) -> str:
        """What it said on stderr in all."""
        _, errors = self._process.communicate(timeout=300)
        return errors


@contextmanager
def other(store: Path, uid: int = NOBODY) -> Iterator[Other]:
    if os.getuid():
        pytest.skip("only root can become another user")
    command = [sys.executable, "-m", "tests.reliability.reader", str(store), str(uid)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield Other(process)
        finally:
            process.kill()


WHOLE = {"keys": ["a", "b", "c"], "rebuilt": [], "found": [7, 7, 7]}


def listing(path: Path) -> dict[str, tuple[int, int]]:
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in path.rglob("*")}


def test_another_user_reads_a_store_that_nobody_has_open(place: Path) -> None:
    fill(place / "store").close()
    with other(place / "store") as reader:
        share(place / "store")
        before = listing(place / "store")
        assert reader.look() == WHOLE
        assert reader.end() == "" and listing(place / "store") == before


def test_another_user_reads_a_store_that_its_owner_has_open(place: Path) -> None:
    with fill(place / "store") as store:
        with other(place / "store") as reader:
            share(place / "store")
            assert reader.look() == WHOLE
            store.add(*world.document("d", "w4", 2))
            assert reader.look() == {"keys": ["a", "b", "c", "d"], "rebuilt": [], "found": [9, 9, 9]}
            assert reader.end() == ""


def test_a_store_on_a_read_only_file_system_is_read(place: Path) -> None:
    fill(place / "store").close()
    with other(place / "store", 0) as reader, mounts.read_only(place / "store"):
        assert reader.look() == WHOLE
        assert reader.end() == ""


def test_what_was_written_while_it_was_read_without_a_lock_is_not_answered_from(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(place / "store").close()
    writable = files.writable
    monkeypatch.setattr(files, "writable", lambda directory: False)
    with Store.open(place / "store") as store:
        with pytest.raises(StoreLocked, match="try again"), store.read() as reader:
            reader.documents()
            with monkeypatch.context() as owner:
                owner.setattr(files, "writable", writable)
                with Store.open(place / "store") as writing:
                    writing.add(*world.document("d", "w4", 2))
        assert world.observed(store).keys() == {"a", "b", "c", "d"}


def modes(*paths: Path) -> set[str]:
    """Of files and directories, as octal digits."""
    return {f"{entry.stat().st_mode & 0o777:o}" for path in paths for entry in [path, *path.rglob("*")]}


@pytest.mark.slow
@pytest.mark.parametrize("large", [1, 1000])
def test_a_store_its_copies_and_what_is_restored_are_for_their_owner_alone(tmp_path: Path, large: int) -> None:
    umask = os.umask(0o022)
    try:
        Store.create(tmp_path / "store", dim=world.DIM, fingerprint="fake", settings={}, large=large).close()
        with Store.open(tmp_path / "store", large=large) as store:
            for number in range(60):
                store.add(*world.document(f"k{number}", f"w{number}", 1))
            store.checkpoint()
            assert (store.path / "manifest.json").read_text().count("lists.faiss") == (large == 1)
            store.add(*world.document("later", "w", 1))
            snapshot.take(store, tmp_path / "copy")
            assert modes(store.path, tmp_path / "copy") == {"700", "600"}
        snapshot.restore(tmp_path / "copy", tmp_path / "back")
        assert modes(tmp_path / "back") == {"700", "600"}
    finally:
        os.umask(umask)


def test_a_store_that_is_shared_stays_so(tmp_path: Path) -> None:
    with fill(tmp_path / "store") as store:
        share(store.path)
        store.add(*world.document("d", "w4", 2))
        store.checkpoint()
        assert modes(store.path) == {"755", "644"}
        assert world.observed(store).keys() == {"a", "b", "c", "d"}
