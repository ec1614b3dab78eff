"""What lies where in a store's directory, and how a new one comes to be."""

import json
import os
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from index.errors import NoPlace
from index.local import originals
from index.local.checkpoint import directory as checkpoint
from index.local.checkpoint.manifest import MANIFEST, VIEWS, CheckpointDamaged, read_manifest
from index.local.database.connection import Connection, Database, copy_database, create_database
from index.local.database.documents import last_sequence
from index.local.database.errors import damaged, translated_files
from index.local.system import files
from index.local.system.clock import now
from index.local.system.names import DATABASE, LOCK, MARKER, ORIGINALS, REBUILD_LOCK, REBUILDING, REPLACEMENT, RESTORING
from index.local.views.base import empty_base
from index.types import JsonScalar

_SIGNS = {DATABASE, DATABASE + "-wal", MANIFEST, VIEWS, MARKER, ORIGINALS, REPLACEMENT, REBUILDING}
_LEFTOVERS = {
    LOCK,
    REBUILD_LOCK,
    RESTORING,
    *(DATABASE + suffix for suffix in (".new", ".new-wal", ".new-shm", ".new-journal")),
}


class StoreMeta(NamedTuple):
    """What a store is and was made with, as long as it lives. dim: length of its vectors."""

    id: str
    dim: int
    fingerprint: str
    settings: dict[str, JsonScalar]


def holds_store(path: Path) -> bool:
    """Whether a store's database is there; False for an empty directory, or one in which making a store was interrupted.

    Raises StoreDamaged for a directory that once was a store, NoPlace for one with other files or for no directory.
    """
    if not path.is_dir():
        raise NoPlace(f"{path} is not a directory: choose another place for the store")
    names = {entry.name for entry in path.iterdir()} - _LEFTOVERS
    if DATABASE in names or (path / REPLACEMENT / DATABASE).exists():
        return True
    if names & _SIGNS:
        raise damaged(path / DATABASE, "is missing, though this directory once was a store")
    if names:
        raise NoPlace(f"{path} is not a store and holds other files: choose an empty or new directory")
    return False


def create_files(
    path: Path, dim: int, fingerprint: str, settings: Mapping[str, JsonScalar], identifier: str | None = None
) -> None:
    """Make a store without documents in an empty directory, with an id of its own or the one given.

    The caller holds the writer lock.
    """
    import uuid  # 5 ms, for new stores alone

    files.remove(path / RESTORING)
    meta = {
        "id": identifier or str(uuid.uuid4()),
        "created_at": now(),
        "dim": str(dim),
        "fingerprint": fingerprint,
        "settings": json.dumps(dict(settings), sort_keys=True),
    }
    create_database(path / DATABASE, meta)
    mark(path)
    with closing(Database(path / DATABASE)) as database, database.reading() as connection:
        checkpoint.write(path, empty_base(dim), connection, large=0)
    files.sync_directory(path.absolute().parent)


def read_meta(database: Database, acknowledged: int) -> StoreMeta:
    """What a store was made with.  acknowledged: the last change that some writer was told is on disk.

    Raises StoreDamaged when that change is not there, or the store does not say.
    """
    with database.reading() as connection:
        meta = {str(key): str(value) for key, value in connection.execute("SELECT key, value FROM meta")}
        sequence = last_sequence(connection)
    if sequence < acknowledged:
        raise damaged(
            database.path,
            f"holds changes up to {sequence}, but {acknowledged} were acknowledged: its write-ahead log was lost or damaged"
            f" (to go on without the last changes, delete {database.path.with_name(LOCK)})",
        )
    try:
        return StoreMeta(meta["id"], int(meta["dim"]), meta["fingerprint"], json.loads(meta["settings"]))
    except (KeyError, ValueError) as error:
        raise damaged(database.path, f"does not say what it was made with ({error})") from error


def copy_parts(store: Path, target: Path, connection: Connection) -> None:
    """Copy what this transaction sees, the views as far as the checkpoint holds them, into an empty directory, durably."""
    copy_database(connection, target / DATABASE)
    checkpoint.copy(store, target, connection)
    originals.copy(store, target, connection)
    mark(target)
    files.sync_directory(target)


def mark(path: Path) -> None:
    """Leave the sign by which a directory is still known as a store when it has lost everything else."""
    marker = path / MARKER
    if not marker.exists():
        with suppress(OSError):
            files.write(marker, b"This directory is a store of Footnote. Change nothing in it by hand.\n")


def leftovers(store: Path) -> list[Path]:
    """Checkpoints that are not in force, half-made files, and what is of no use where it lies. The caller holds the writer lock."""
    left = [store / RESTORING, *store.glob("*.new")]
    left += [path for path in (store / REPLACEMENT, store / REBUILDING) if not path.is_dir()]
    with suppress(CheckpointDamaged, OSError):
        current = store / read_manifest(store).checkpoint
        left += [path for path in (store / VIEWS).iterdir() if path != current]
    return [path for path in left if os.path.lexists(path)]


def remove_leftovers(store: Path) -> None:
    """Remove what interrupted work left. The caller holds the writer lock."""
    with translated_files(store):
        for path in leftovers(store):
            files.remove(path)
