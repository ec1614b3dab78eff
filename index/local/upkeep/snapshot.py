"""A consistent copy of a store taken while it is used, and a store brought back from one: each of them all or nothing.

A snapshot is a directory like a store's, with the SHA-256 of each file in ``snapshot.json``. It is made aside, checked like a store
that is verified, and gets its name when it is complete and on disk.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from index.backend import Progress, Snapshot, require_healthy
from index.errors import NoPlace, StoreDamaged, StoreMissing, StoreUnwritable
from index.local.database.errors import translated_files
from index.local.opening import swap as replacement
from index.local.opening.catalogue import CATALOGUE, files_of, read_catalogue, require_whole, write_catalogue
from index.local.opening.layout import holds_store
from index.local.store import Store
from index.local.system import files
from index.local.system.lock import WriterLock, try_lock
from index.local.system.names import LOCK, ORIGINALS, RESTORING

_LOCK_TIMEOUT_S = 30.0
_ASIDE = re.compile(r"\..+\.[0-9a-f]{8}\.partial")  # a directory that holds one that is half made
_COPY = "copy"


def take(store: Store, target: Path, progress: Progress | None = None) -> Snapshot:
    """As ``index.stores.snapshot``."""
    if target.resolve().is_relative_to(store.path.resolve()):
        raise StoreUnwritable(f"{target} lies in the store itself: choose a place outside of {store.path}")
    return made(store.place, target, store.copy_to, progress)


def made(place: str, target: Path, write: Callable[[Path], int], progress: Progress | None = None) -> Snapshot:
    """A snapshot of the store at ``place``. write: writes a store into a directory, and gives the last change that it holds."""
    with translated_files(target):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise StoreUnwritable(f"{target} exists and is not an empty directory: choose a new place for the snapshot")
        target = target.absolute()
        files.make_directory(target.parent)
        _remove_killed(target.parent)
        aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
        with _working_in(aside):
            copy = aside / _COPY
            files.system.mkdir(copy)
            generation = write(copy)
            documents, passages = _check(copy, progress)
            snapshot = Snapshot(target, place, generation, documents, passages, write_catalogue(copy, generation))
            files.replace(copy, target)
    return snapshot


def restore(source: Path, target: Path, *, overwrite: bool = False, progress: Progress | None = None) -> Snapshot:
    """As ``index.stores.restore``. Nobody writes to a store that is there meanwhile, readers go on with the old one.

    Raises StoreLocked and StoreFull too.
    """
    _require_snapshot(source)
    if target.resolve().is_relative_to(source.resolve()):
        raise StoreUnwritable(f"{target} lies in what is to be restored: choose another place for the store")
    with translated_files(target):
        occupied = _occupied(target)
        if occupied and not overwrite:
            raise StoreUnwritable(
                f"{target} holds a store: choose another place, or say with --overwrite that it may be replaced"
            )
        files.make_directory(target)
        lock = WriterLock(target / LOCK)
        with lock.held(_LOCK_TIMEOUT_S):
            replacement.finish(target, lock)
            building = target / RESTORING
            files.remove(building)
            with files.removed_on_failure(building):
                files.system.mkdir(building)
                generation = _copy(source, building)
                documents, passages = _check(building, progress)
                size = sum(path.stat().st_size for path in files_of(building))
                replacement.install(target, building, lock)
        if not occupied:
            files.sync_directory(target.absolute().parent)
    return Snapshot(source, str(target), generation, documents, passages, size)


def _occupied(target: Path) -> bool:
    """Whether there is a store, be it a damaged one; raises StoreUnwritable for other files."""
    if not target.exists():
        return False
    try:
        return holds_store(target)
    except StoreDamaged:
        return True


@contextmanager
def checked_copy(source: Path, building: Path, progress: Progress | None) -> Iterator[tuple[Store, int]]:
    """The store of a snapshot, or of another directory, copied into a new directory and checked there, and its last change.

    Raises StoreMissing when ``source`` is neither, StoreDamaged when it is not as it was made.
    """
    _require_snapshot(source)
    with translated_files(building):
        files.make_directory(building)
        generation = _copy(source, building)
        _check(building, progress)
    with Store.open(building) as store:
        yield store, generation


def _require_snapshot(source: Path) -> None:
    """Raises StoreMissing unless there is a snapshot or a store, StoreDamaged when a snapshot's files are not as they were made."""
    if not source.is_dir():
        raise StoreMissing(f"no snapshot at {source}: make one with `rag snapshot DEST`")
    if not (source / CATALOGUE).exists():
        with translated_files(source):
            try:
                is_store = holds_store(source)
            except NoPlace:
                is_store = False
            if not is_store:
                raise StoreMissing(f"no snapshot at {source}: make one with `rag snapshot DEST`")
        return
    require_whole(source)


def _copy(source: Path, building: Path) -> int:
    if not (source / CATALOGUE).exists():
        with Store.open(source) as store:
            return store.copy_to(building)
    generation, catalogue = read_catalogue(source)
    files.make_directory(building / ORIGINALS)  # also where it has none: then there are none after the restore
    for name in catalogue:
        files.make_directory((building / name).parent)
        files.copy(source / name, building / name)
    return generation


def _check(copy: Path, progress: Progress | None) -> tuple[int, int]:
    """Verify a copy and bring its views up to date; documents and passages. Raises StoreDamaged with what was found first."""
    # Views that could not be copied are built, which is no finding of the copy.
    Store.open(copy).close()
    with Store.open(copy) as store:
        require_healthy(store.verify(progress), "the copy", "see `rag verify`")
        store.checkpoint()
        with store.read() as reader:
            counts = reader.counts()
    replacement.settle(copy)
    return counts


@contextmanager
def _working_in(aside: Path) -> Iterator[None]:
    """A new directory within the block, locked so that nobody takes it for one which a killed process left."""
    files.system.mkdir(aside)
    fd = files.system.open(aside, os.O_RDONLY)
    try:
        try_lock(fd)
        yield
    finally:
        with suppress(OSError):
            files.remove(aside)
        os.close(fd)


def _remove_killed(place: Path) -> None:
    """Remove what is left of snapshots that were half made when their process was killed."""
    for left in place.iterdir():
        if _ASIDE.fullmatch(left.name) and left.is_dir() and {path.name for path in left.iterdir()} <= {_COPY}:
            fd = files.system.open(left, os.O_RDONLY)
            try:
                if try_lock(fd):
                    files.remove(left)
            finally:
                os.close(fd)
