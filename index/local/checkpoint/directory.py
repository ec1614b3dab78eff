"""The views on disk: immutable numbered directories, the current one named by a manifest with a SHA-256 of each file.

A checkpoint is built beside the last one, synced, and comes into force when the manifest is renamed. Whatever is found missing or
changed when it is loaded is not used: everything here can be built again from SQLite. The files under ``arrays`` are not hashed
when they are loaded, only measured: every row of them is checked whenever it is read (see ``index.local.views.arrays``).

A large store is not written anew with each checkpoint: its lists, segments and postings get a second name in the new directory,
what came since is written beside them, and what is gone stays in them, noted as buried, until a delete or a tenth of them makes it
pay.
"""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from index.errors import StoreUnwritable
from index.local.checkpoint import clustering
from index.local.checkpoint.clustering import LISTS
from index.local.checkpoint.draft import CheckpointDraft, passage_ids
from index.local.checkpoint.manifest import (
    ARRAYS,
    BURIED,
    LEXICAL,
    MANIFEST,
    PARTS,
    VECTORS,
    VIEWS,
    CheckpointDamaged,
    Manifest,
    part_of,
    read_manifest,
    write_manifest,
)
from index.local.database.connection import Connection
from index.local.database.documents import history, last_sequence
from index.local.database.errors import translated_files
from index.local.system import files as disk
from index.local.system.names import DATABASE
from index.local.views.arrays import PassageArrays, Segment
from index.local.views.base import Base, BaseVectors, empty_base
from index.local.views.ids import NO_IDS, without
from index.local.views.lexical import LexicalIndex
from index.local.views.vectors import CODES, ClusteredIndex, VectorIndex
from index.types import Ids

_log = logging.getLogger(__name__)


def load(store: Path, dim: int, connection: Connection) -> Base:
    """The views of the current checkpoint, each file checked. Raises CheckpointDamaged.

    connection: of a transaction that tells whether the checkpoint is of this database; not asked for changes that it does not see.
    """
    while True:
        manifest = read_manifest(store)
        if manifest.sequence <= last_sequence(connection) and manifest.history != history(
            connection, manifest.sequence
        ):
            raise CheckpointDamaged(PARTS, f"{MANIFEST} belongs to another store or to another time of it")
        try:
            return _load(store, manifest, dim)
        except CheckpointDamaged:
            # Another process may have replaced this checkpoint between the two reads.
            if read_manifest(store) == manifest:
                raise


def load_whole(store: Path, dim: int, connection: Connection, damage: CheckpointDamaged) -> Base:
    """What is whole of the current checkpoint when ``load`` raised this, with the rest named in its ``missing``.

    connection: of a transaction, in which the passages of missing vectors are looked up.
    """
    sequence = last_sequence(connection)
    try:
        manifest = read_manifest(store)
        if manifest.sequence <= sequence and manifest.history == history(connection, manifest.sequence):
            return _load(store, manifest, dim, damage.parts, connection)
    except CheckpointDamaged:
        pass
    missing = BaseVectors(VectorIndex.build(NO_IDS, b"", dim), None, NO_IDS, passage_ids(connection))
    return empty_base(dim)._replace(sequence=sequence, vectors=missing, missing=PARTS)


def lists_undamaged(store: Path, manifest: Manifest) -> bool:
    """Whether the files of the lists, one of which is read as long as it is mapped, still are what the manifest says."""
    return not manifest.problems(store, [name for name in manifest.files if name in (LISTS, CODES)])


def write(
    store: Path, base: Base, connection: Connection, *, large: int, lists: Path | None = None, purge: bool = False
) -> Base:
    """Make the state that this transaction sees the current checkpoint, and remove every other. The caller holds the writer lock.

    base: of the checkpoint on disk, from which is taken what can be, or the empty one.  large: passages from which on what is gone
    may stay buried.  lists: a file that ``clustering`` made, which is moved.  purge: leave nothing that is gone in any file.
    Raises StoreFull or StoreUnwritable, and then the last checkpoint is still in force.
    """
    sequence = last_sequence(connection)
    name = f"{sequence:06d}-{secrets.token_hex(4)}"
    directory = store / VIEWS / name
    with translated_files(directory):
        disk.clear_for_directory(store / VIEWS)
        with disk.removed_on_failure(directory):
            manifest = CheckpointDraft(store, directory, base, connection, large, purge).manifest(sequence, lists)
            disk.let_read([store / VIEWS, directory, *directory.rglob("*")], store / DATABASE)
        # Nothing is cleaned up when this fails: the new manifest may already be in force.
        write_manifest(store, manifest)
    remove_others(store, name, keep_builds=True)
    try:
        return _load(store, manifest, base.vectors.dim)
    except CheckpointDamaged as damage:
        raise StoreUnwritable(f"{store} does not keep what is written to it: {damage}") from damage


def copy(store: Path, target: Path, connection: Connection) -> None:
    """Copy the current checkpoint into another directory, unless it is damaged, replaced meanwhile or too new for this transaction.

    Without it, the views are built from the database when the copy is opened.
    """
    try:
        manifest = read_manifest(store)
        if manifest.sequence > last_sequence(connection):
            return
        for name in manifest.files:
            path = target / manifest.checkpoint / name
            disk.make_directory(path.parent)
            disk.copy(store / manifest.checkpoint / name, path)
    except (CheckpointDamaged, disk.SourceUnreadable):
        disk.remove(target / VIEWS)
        return
    if manifest.problems(target, manifest.files, anew=True):
        disk.remove(target / VIEWS)
        return
    disk.sync_directories(target / VIEWS)
    write_manifest(target, manifest)


def remove_others(store: Path, name: str, *, keep_builds: bool = False) -> list[Path]:
    """Remove the checkpoints other than the named one, replaced or interrupted; those that could not be. Under the writer lock.

    keep_builds: leave the directories in which ``clustering`` is at work.  Raises StoreUnwritable when they cannot be looked for.
    """
    directory = store / VIEWS
    others: list[Path] = []
    if directory.is_dir():
        with translated_files(directory):
            others = [path for path in directory.iterdir() if path.name != name]
    if keep_builds:
        others = [path for path in others if not path.name.startswith(clustering.PREFIX)]
    for path in others:
        with suppress(OSError):
            disk.remove(path)
    return [path for path in others if os.path.lexists(path)]


def _load(
    store: Path, manifest: Manifest, dim: int, missing: tuple[str, ...] = (), connection: Connection | None = None
) -> Base:
    """missing: parts to leave out; with "vectors", ids come from the connection's transaction."""
    directory = store / manifest.checkpoint
    hashed = [name for name in manifest.files if not name.startswith(ARRAYS + "/") and part_of(name) not in missing]
    problems = manifest.problems(store, hashed)
    if problems:
        parts = sorted({part_of(name) for name in problems}, reverse=True)
        raise CheckpointDamaged(tuple(parts), "; ".join(f"{name} {problem}" for name, problem in problems.items()))
    try:
        lexical = LexicalIndex.in_memory()
        if "lexical" not in missing:
            lexical = LexicalIndex.open(directory / LEXICAL, manifest.n_entries, manifest.n_terms)
        if connection is not None and "vectors" in missing:
            ids = without(passage_ids(connection), _added(connection, manifest.sequence))
            vectors = BaseVectors(VectorIndex.build(NO_IDS, b"", dim), None, NO_IDS, ids)
            arrays = PassageArrays(_segments(directory, manifest, dim), dim)
            # Without a name: nothing is taken over from it into the next checkpoint.
            return Base("", manifest.sequence, vectors, lexical, arrays, NO_IDS, missing)
        recent = VectorIndex.load(disk.system.read(directory / VECTORS))
        lists = ClusteredIndex(directory / LISTS) if LISTS in manifest.files else None
        buried: Ids = np.frombuffer(disk.system.read(directory / BURIED), dtype="<i8").astype(np.int64)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointDamaged(PARTS, str(error)) from error
    vectors = BaseVectors(recent, lists, buried)
    if vectors.dim != dim or len(vectors.ids) != manifest.n_passages:
        raise CheckpointDamaged(("vectors",), f"{VECTORS} holds {len(vectors.ids)} vectors of length {vectors.dim}")
    arrays = PassageArrays(_segments(directory, manifest, dim), dim)
    return Base(directory.name, manifest.sequence, vectors, lexical, arrays, buried, missing)


def _added(connection: Connection, after: int) -> Ids:
    """All passages that came after a change, whether they are still there or not."""
    query = "SELECT first_passage, last_passage + 1 FROM log WHERE sequence > ? AND first_passage IS NOT NULL"
    ranges = [np.arange(first, end) for first, end in connection.execute(query, (after,))]
    return np.concatenate(ranges) if ranges else NO_IDS


def _segments(directory: Path, manifest: Manifest, dim: int) -> Iterator[Segment]:
    """The segments up to the first that is not there as it should be: what they lack is read from SQLite."""
    names = sorted({name.split("/")[1] for name in manifest.files if name.startswith(ARRAYS + "/")})
    for name in names:
        try:
            yield Segment(directory / ARRAYS / name, dim)
        except (OSError, ValueError) as error:
            _log.warning("%s cannot be used, what it holds is read from SQLite: %s", directory / ARRAYS / name, error)
            return
