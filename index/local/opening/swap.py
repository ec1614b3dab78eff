"""Putting a complete store in the place of another, all or nothing, while other processes have the old one open.

The new one is built in a directory inside the store's, and decided upon by one rename, to ``replacement``. Whoever opens the store
from then on first moves what lies there into its place, which can be interrupted and begun again anywhere. (Two directories cannot
be exchanged at once everywhere, nor can one that is a mount point be renamed.) Those who have the old database open go on reading
it; each of their writes looks first whether it still is the one of that name.
"""

from pathlib import Path

from index.errors import StoreUnwritable
from index.local.checkpoint.directory import remove_others
from index.local.checkpoint.manifest import MANIFEST, VIEWS, CheckpointDamaged, read_manifest
from index.local.database.connection import beside
from index.local.database.errors import translated_files
from index.local.opening.layout import mark
from index.local.system import files
from index.local.system.lock import WriterLock
from index.local.system.names import DATABASE, ORIGINALS, REBUILDING, REPLACEMENT


def pending(store: Path) -> bool:
    """Whether a replacement was decided upon and is not yet in its place."""
    return (store / REPLACEMENT).is_dir()


def install(store: Path, built: Path, lock: WriterLock) -> None:
    """Put the store in the directory ``built``, closed, synced and below ``store``, in the place of what is there.

    The caller holds the writer lock. Raises StoreFull or StoreUnwritable: what is there is then one of the two, whole.
    """
    if not (built / MANIFEST).exists():
        raise ValueError(f"{built} has no checkpoint: the old one would be taken for its own")
    with translated_files(store):
        finish(store, lock)
        files.clear_for_directory(store / REPLACEMENT)
        files.replace(built, store / REPLACEMENT)
        finish(store, lock)


def settle(built: Path) -> None:
    """Leave of a store that was just closed only what it needs, synced.  Raises StoreUnwritable when something has it open."""
    for held in [*built.rglob("*.lock")]:  # the writer's and tantivy's
        files.remove(held)
    wal, shm = beside(built / DATABASE)
    if wal.exists() and wal.stat().st_size:
        raise StoreUnwritable(f"{wal} was not emptied: something else has {built} open")
    files.remove(wal)
    files.remove(shm)
    files.sync(built / DATABASE)
    files.sync_directories(built)


def finish(store: Path, lock: WriterLock) -> None:
    """Move a replacement that was decided upon into its place, if there is one. The caller holds the writer lock.

    Raises StoreFull or StoreUnwritable.
    """
    if pending(store):
        with translated_files(store):
            _move(store / REPLACEMENT, store, lock)


def _move(source: Path, store: Path, lock: WriterLock) -> None:
    if (source / DATABASE).exists():
        lock.reset()
        files.replace(source / DATABASE, store / DATABASE)
    # Nobody opens the new database while the replacement is there, so these can only be the old one's. (An empty directory is what
    # is left after all of this, and may be anybody's.)
    if any(source.iterdir()):
        for left in beside(store / DATABASE):
            files.remove(left)
    _move_views(source, store)
    if (source / ORIGINALS).is_dir():  # else those that are there are of the same documents
        files.remove(store / ORIGINALS)
        files.replace(source / ORIGINALS, store / ORIGINALS)
    files.remove(store / REBUILDING)  # made from the old one
    files.remove(source)
    files.sync_directory(store)
    mark(store)


def _move_views(source: Path, store: Path) -> None:
    """Move the checkpoint, unless that was done before an interruption."""
    if not (source / MANIFEST).exists():
        return
    try:
        manifest = read_manifest(source)
    except CheckpointDamaged:
        files.remove(store / MANIFEST)
        return
    name = Path(manifest.checkpoint).name
    if (source / VIEWS / name).exists():
        files.clear_for_directory(store / VIEWS)
        files.make_directory(store / VIEWS)
        files.remove(store / VIEWS / name)  # the same, when the snapshot was taken since
        files.replace(source / VIEWS / name, store / VIEWS / name)
    files.replace(source / MANIFEST, store / MANIFEST)
    remove_others(store, name)
