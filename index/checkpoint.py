"""The views on disk: immutable numbered directories, the current one named by a manifest with a SHA-256 of each file.

A checkpoint is built beside the last one, synced, and comes into force when the manifest is renamed. Whatever is found missing or
changed when it is loaded is not used: everything here can be built again from SQLite. The files under ``arrays`` are not hashed
when they are loaded, only measured: every row of them is checked whenever it is read (see ``index.arrays``).

A large store is not written anew with each checkpoint: its lists, segments and postings get a second name in the new directory,
what came since is written beside them, and what is gone stays in them, noted as buried, until a delete or a tenth of them makes it
pay.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from index import clustering
from index import files as disk
from index.arrays import SEGMENT_PASSAGES, PassageArrays, PassageRows, Segment, write_segment
from index.base import NO_IDS, Base, BaseVectors, empty_base, without
from index.changes import history, last_sequence
from index.database import Connection, id_array, translated_files
from index.errors import StoreUnwritable
from index.lexical import LexicalIndex, LexicalRow, segment_files
from index.types import Ids
from index.vectors import CODES, ClusteredIndex, VectorIndex

MANIFEST = "manifest.json"
VIEWS = "views"
PARTS = ("vectors", "lexical")
_FORMAT = 3
_VECTORS = "vectors.faiss"
_LISTS = clustering.LISTS
_BURIED = "buried.i64"
_LEXICAL = "lexical"
_ARRAYS = "arrays"
# Where more than this share of the files of a large store is buried, they are written anew.
_MOST_BURIED = 0.1
_READ_TOGETHER = 1000
# Files that are hashed side by side when a checkpoint is loaded.
_HASHED_TOGETHER = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file of a checkpoint must be. bytes: its size."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The current checkpoint. checkpoint: its directory, relative to the store; files: by path in it.

    n_passages: that existed.  n_entries, n_terms: of the postings, with what is buried in them.

    history: of the database at this sequence, by which the views of another store, or of other days of this one, are told.
    """

    checkpoint: str
    sequence: int
    history: str
    n_passages: int
    n_entries: int
    n_terms: int
    files: Mapping[str, FileState]


class CheckpointDamaged(Exception):
    """A part of the checkpoint is missing or changed. parts: "vectors", "lexical" or both."""

    def __init__(self, parts: tuple[str, ...], detail: str) -> None:
        super().__init__(detail)
        self.parts = parts


def read_manifest(store: Path) -> Manifest:
    """The current manifest. Raises CheckpointDamaged when it is missing or not what was written."""
    try:
        content = json.loads(disk.system.read(store / MANIFEST))
        checksum = content.pop("sha256")
        if content["format"] != _FORMAT or checksum != _checksum(content):
            raise ValueError("its checksum does not fit")
        files = {path: FileState(**state) for path, state in content["files"].items()}
        counts = content["n_passages"], content["n_entries"], content["n_terms"]
        return Manifest(content["checkpoint"], content["sequence"], content["history"], *counts, files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointDamaged(PARTS, f"{MANIFEST} cannot be used: {error}") from error


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
    return replace(empty_base(dim), sequence=sequence, vectors=missing, missing=PARTS)


def damaged_files(store: Path, manifest: Manifest) -> dict[str, str]:
    """Files of the checkpoint that are not what the manifest says, with the reason; all are read."""
    return _problems(store, manifest, list(manifest.files), _state)


def _problems(
    store: Path, manifest: Manifest, names: Iterable[str], state: Callable[[Path], FileState]
) -> dict[str, str]:
    problems = {}

    def check(name: str) -> tuple[str, str | None]:
        expected = manifest.files[name]
        try:
            found = state(store / manifest.checkpoint / name)
        except OSError as error:
            return name, f"cannot be read: {error.strerror}"
        if found == expected:
            return name, None
        return name, f"has {found.bytes} bytes and SHA-256 {found.sha256}, not {expected.bytes} and {expected.sha256}"

    with ThreadPoolExecutor(_HASHED_TOGETHER) as pool:
        for name, problem in pool.map(check, names):
            if problem:
                problems[name] = problem
    return problems


def lists_undamaged(store: Path, manifest: Manifest) -> bool:
    """Whether the files of the lists, one of which is read as long as it is mapped, still are what the manifest says."""
    return not _problems(store, manifest, [name for name in manifest.files if name in (_LISTS, CODES)], _state_once)


def write(
    store: Path,
    base: Base,
    connection: Connection,
    *,
    large: int,
    lists: Path | None = None,
    purge: bool = False,
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
        try:
            manifest = _Writing(store, directory, base, connection, large, purge).manifest(sequence, lists)
        except BaseException:
            with suppress(OSError):
                disk.remove(directory)
            raise
        # Nothing is cleaned up when this fails: the new manifest may already be in force.
        _write_manifest(store, manifest)
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
    except (CheckpointDamaged, FileNotFoundError):
        disk.remove(target / VIEWS)
        return
    if damaged_files(target, manifest):
        disk.remove(target / VIEWS)
        return
    disk.sync_directories(target / VIEWS)
    _write_manifest(target, manifest)


def remove_others(store: Path, name: str, *, keep_builds: bool = False) -> list[Path]:
    """Remove the checkpoints other than the named one, replaced or interrupted; those that could not be. Under the writer lock.

    keep_builds: leave the directories in which ``clustering`` is at work.
    """
    directory = store / VIEWS
    others = [path for path in directory.iterdir() if path.name != name] if directory.exists() else []
    if keep_builds:
        others = [path for path in others if not path.name.startswith(clustering.PREFIX)]
    for path in others:
        with suppress(OSError):
            disk.remove(path)
    return [path for path in others if path.exists()]


def _load(
    store: Path, manifest: Manifest, dim: int, missing: tuple[str, ...] = (), connection: Connection | None = None
) -> Base:
    """missing: parts to leave out; with "vectors", ids come from the connection's transaction."""
    directory = store / manifest.checkpoint
    hashed = [name for name in manifest.files if not name.startswith(_ARRAYS + "/") and _part(name) not in missing]
    problems = _problems(store, manifest, hashed, _state_once)
    if problems:
        parts = sorted({_part(name) for name in problems}, reverse=True)
        raise CheckpointDamaged(tuple(parts), "; ".join(f"{name} {problem}" for name, problem in problems.items()))
    try:
        lexical = LexicalIndex.in_memory()
        if "lexical" not in missing:
            lexical = LexicalIndex.open(directory / _LEXICAL, manifest.n_entries, manifest.n_terms)
        if connection is not None and "vectors" in missing:
            ids = without(passage_ids(connection), _added(connection, manifest.sequence))
            vectors = BaseVectors(VectorIndex.build(NO_IDS, b"", dim), None, NO_IDS, ids)
            arrays = PassageArrays(_segments(directory, manifest, dim), dim)
            # Without a name: nothing is taken over from it into the next checkpoint.
            return Base("", manifest.sequence, vectors, lexical, arrays, NO_IDS, missing)
        recent = VectorIndex.load(disk.system.read(directory / _VECTORS))
        lists = ClusteredIndex(directory / _LISTS) if _LISTS in manifest.files else None
        buried: Ids = np.frombuffer(disk.system.read(directory / _BURIED), dtype="<i8").astype(np.int64)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointDamaged(PARTS, str(error)) from error
    vectors = BaseVectors(recent, lists, buried)
    if vectors.dim != dim or len(vectors.ids) != manifest.n_passages:
        raise CheckpointDamaged(("vectors",), f"{_VECTORS} holds {len(vectors.ids)} vectors of length {vectors.dim}")
    arrays = PassageArrays(_segments(directory, manifest, dim), dim)
    return Base(directory.name, manifest.sequence, vectors, lexical, arrays, buried, missing)


def _part(name: str) -> str:
    """Which view a file belongs to."""
    return "lexical" if name.startswith(_LEXICAL + "/") else "vectors"


def _added(connection: Connection, after: int) -> Ids:
    """All passages that came after a change, whether they are still there or not."""
    query = "SELECT first_passage, last_passage + 1 FROM log WHERE sequence > ? AND first_passage IS NOT NULL"
    ranges = [np.arange(first, end) for first, end in connection.execute(query, (after,))]
    return np.concatenate(ranges) if ranges else NO_IDS


def _segments(directory: Path, manifest: Manifest, dim: int) -> Iterator[Segment]:
    """The segments up to the first that is not there as it should be: what they lack is read from SQLite."""
    names = sorted({name.split("/")[1] for name in manifest.files if name.startswith(_ARRAYS + "/")})
    for name in names:
        try:
            yield Segment(directory / _ARRAYS / name, dim)
        except (OSError, ValueError) as error:
            _log.warning("%s cannot be used, what it holds is read from SQLite: %s", directory / _ARRAYS / name, error)
            return


class _Writing:
    """One checkpoint on its way to disk, in an own directory."""

    def __init__(
        self, store: Path, directory: Path, base: Base, connection: Connection, large: int, purge: bool
    ) -> None:
        self.old: Manifest | None = None
        if base.name:
            try:
                self.old = read_manifest(store)
            except CheckpointDamaged:  # nothing on disk can be vouched for: all is written from the database
                base = empty_base(base.vectors.dim)
        self.store, self.directory, self.base, self.connection = store, directory, base, connection
        self.alive = passage_ids(connection)
        held = np.sort(np.concatenate([base.vectors.ids, base.buried]))
        self.dead: Ids = without(held, self.alive)
        self.fresh: Ids = without(self.alive, base.vectors.ids)
        incomplete = without(self.fresh, _complete(connection, self.fresh))
        if len(incomplete):  # of a damaged database; ``verify`` tells of them
            self.alive, self.fresh = without(self.alive, incomplete), without(self.fresh, incomplete)
        self.bury = not purge and len(self.alive) >= large and len(self.dead) <= _MOST_BURIED * len(self.alive)
        self.buried = NO_IDS
        # What was linked keeps the state it had when it was written: reading it once more might vouch for a flipped bit.
        self.files: dict[str, FileState] = {}

    def manifest(self, sequence: int, lists: Path | None) -> Manifest:
        """Write and sync everything."""
        disk.make_directory(self.directory / _LEXICAL)
        self._write_vectors(lists)
        lexical = self._write_lexical()
        self._write_arrays()
        buried = np.intersect1d(self.buried, self.buried)
        disk.write(self.directory / _BURIED, buried.astype("<i8").tobytes())
        for path in (self.directory / _BURIED, self.directory / _VECTORS):
            self.files[path.name] = _state(path)
        for synced in (self.directory / _LEXICAL, self.directory, self.store / VIEWS):
            disk.sync_directory(synced)
        return Manifest(
            f"{VIEWS}/{self.directory.name}",
            sequence,
            history(self.connection, sequence),
            len(self.alive),
            lexical.n_passages,
            lexical.n_terms,
            self.files,
        )

    def _write_vectors(self, made: Path | None) -> None:
        target = self.directory / _LISTS
        lists = self.base.vectors.lists
        if made is not None and made.exists():
            disk.system.rename(made, target)
            if made.with_name(CODES).exists():
                disk.system.rename(made.with_name(CODES), self.directory / CODES)
            lists = self._lists_written()
        elif lists is not None:
            dead = lists.ids[np.isin(lists.ids, self.dead)]
            if len(dead) and not self.bury:
                clustering.purge(lists.path, target, dead)
                lists = self._lists_written()
            else:
                for name in lists.files:
                    self._link(name)
        in_lists = lists.ids if lists is not None else NO_IDS
        self._bury(in_lists)
        ids: Ids = without(self.alive, in_lists)
        recent = self.base.vectors.recent
        known = np.isin(recent.ids, ids)
        unknown: Ids = without(ids, recent.ids)
        packed = [recent.codes()[known].tobytes(), *(row[0] for row in _rows(self.connection, unknown, "vector"))]
        index = VectorIndex.build(np.concatenate([recent.ids[known], unknown]), b"".join(packed), self.base.vectors.dim)
        disk.write(self.directory / _VECTORS, index.dump())

    def _lists_written(self) -> ClusteredIndex:
        lists = ClusteredIndex(self.directory / _LISTS)
        self.files.update((name, _state(self.directory / name)) for name in lists.files)
        return lists

    def _write_lexical(self) -> LexicalIndex:
        directory = self.directory / _LEXICAL
        old = self.old
        linked: dict[str, FileState] = {}
        # What has been damaged since it was loaded must not be carried on.
        if (
            old
            and (self.bury or not len(self.dead))
            and not _problems(
                self.store, old, [name for name in old.files if name.startswith(_LEXICAL + "/")], _state_once
            )
        ):
            linked = self._link_postings(old)
            base = LexicalIndex.open(directory, self.base.lexical.n_passages, self.base.lexical.n_terms)
            lexical = base.extended(_lexical_rows(self.connection, self.fresh))
            self.buried = np.concatenate([self.buried, self.dead])
        else:
            lexical = LexicalIndex.create(directory, _lexical_rows(self.connection, self.alive))
        for path in _synced_files(directory):
            name = f"{_LEXICAL}/{path.name}"
            self.files[name] = linked.get(name) or _state(path)
        return lexical

    def _write_arrays(self) -> None:
        """Keep the segments that need no change, and write the rest, merged with what is smaller, from SQLite."""
        pending: list[Ids] = []
        for segment in self.base.arrays.segments:
            kept = segment.ids[np.isin(segment.ids, self.alive)]
            rest = int(np.count_nonzero(self.alive > segment.ids[-1]))
            small = len(kept) < SEGMENT_PASSAGES // 2 and len(kept) <= 2 * rest
            changed = len(kept) < len(segment.ids) and not self.bury
            if pending or small or changed or not segment.path.is_dir():
                pending.append(kept)
            else:
                disk.make_directory(self.directory / _ARRAYS / segment.path.name)
                for path in sorted(segment.path.iterdir()):
                    self._link(f"{_ARRAYS}/{segment.path.name}/{path.name}")
        pending.append(self.alive[self.alive > self.base.arrays.last])
        columns = "passage, terms, term_counts, vector, sentence_vectors"
        ids = np.concatenate(pending)
        for start in range(0, len(ids), SEGMENT_PASSAGES):
            chosen = ids[start : start + SEGMENT_PASSAGES]
            blocks = (
                PassageRows.of(list(_rows(self.connection, part, columns)), self.base.vectors.dim)
                for part in np.array_split(chosen, -(-len(chosen) // _READ_TOGETHER))
            )
            directory = self.directory / _ARRAYS / f"{int(chosen[0]):012d}"
            write_segment(directory, blocks, self.base.vectors.dim)
            for path in sorted(directory.iterdir()):
                self.files[f"{_ARRAYS}/{directory.name}/{path.name}"] = _state(path)
        if (self.directory / _ARRAYS).exists():
            disk.sync_directory(self.directory / _ARRAYS)

    def _link(self, name: str) -> None:
        """Give the new checkpoint a file of the old one."""
        if self.old is None:
            raise ValueError("there is no checkpoint to take files from")
        disk.link_or_copy(self.store / self.old.checkpoint / name, self.directory / name)
        self.files[name] = self.old.files[name]

    def _link_postings(self, old: Manifest) -> dict[str, FileState]:
        """Give the new checkpoint the postings of the old one; the state of the files that never change."""
        source = self.store / old.checkpoint / _LEXICAL
        linked = {}
        for path in segment_files(source):
            name = f"{_LEXICAL}/{path.name}"
            disk.link_or_copy(path, self.directory / name)
            linked[name] = old.files[name]
        # These two tantivy replaces; segment files it only adds and unlinks, so that the old checkpoint stays as it is.
        for name in ("meta.json", ".managed.json"):
            disk.copy(source / name, self.directory / _LEXICAL / name)
        return linked

    def _bury(self, held: Ids) -> None:
        self.buried = np.concatenate([self.buried, without(held, self.alive)])


def passage_ids(connection: Connection) -> Ids:
    """All passages, int64 ascending."""
    query = "SELECT first_passage, n_passages FROM documents WHERE first_passage IS NOT NULL ORDER BY first_passage"
    ranges = [np.arange(first, first + n) for first, n in connection.execute(query)]
    return np.concatenate(ranges) if ranges else NO_IDS


def _complete(connection: Connection, ids: Ids) -> Ids:
    """Those of the passages of which all rows are there."""
    query = (
        "SELECT p.id FROM carray(?) c CROSS JOIN passages p ON p.id = c.value JOIN embeddings e ON e.passage = p.id"
        " JOIN documents d ON d.number = p.document"
    )
    found = [
        passage
        for start in range(0, len(ids), _READ_TOGETHER)
        for (passage,) in connection.execute(query, (id_array(ids[start : start + _READ_TOGETHER]),))
    ]
    return np.array(found, dtype=np.int64)


def _rows(connection: Connection, ids: Ids, columns: str) -> Iterator[tuple[Any, ...]]:
    """Columns of the embeddings of these passages, in their order."""
    query = f"SELECT {columns} FROM carray(?) c CROSS JOIN embeddings e ON e.passage = c.value"
    for start in range(0, len(ids), _READ_TOGETHER):
        yield from connection.execute(query, (id_array(ids[start : start + _READ_TOGETHER]),))


def _lexical_rows(connection: Connection, ids: Ids) -> Iterator[LexicalRow]:
    query = (
        "SELECT p.id, p.document, d.collection, e.terms FROM carray(?) c CROSS JOIN passages p ON p.id = c.value"
        " JOIN documents d ON d.number = p.document JOIN embeddings e ON e.passage = p.id"
    )
    for start in range(0, len(ids), _READ_TOGETHER):
        for row in connection.execute(query, (id_array(ids[start : start + _READ_TOGETHER]),)):
            yield LexicalRow(*row)


def _synced_files(directory: Path) -> list[Path]:
    """The files of a lexical index, on disk; its lock files, which have no content, are removed."""
    files = []
    for path in sorted(directory.iterdir()):
        if path.suffix == ".lock":
            disk.system.unlink(path)
            continue
        disk.sync(path)
        files.append(path)
    return files


def _write_manifest(store: Path, manifest: Manifest) -> None:
    content: dict[str, object] = {
        "format": _FORMAT,
        "checkpoint": manifest.checkpoint,
        "sequence": manifest.sequence,
        "history": manifest.history,
        "n_passages": manifest.n_passages,
        "n_entries": manifest.n_entries,
        "n_terms": manifest.n_terms,
        "files": {path: {"sha256": state.sha256, "bytes": state.bytes} for path, state in manifest.files.items()},
    }
    draft = store / (MANIFEST + ".new")
    disk.write(draft, json.dumps({**content, "sha256": _checksum(content)}, indent=1).encode())
    disk.replace(draft, store / MANIFEST)


def _checksum(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _state(path: Path) -> FileState:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileState(digest.hexdigest(), file.tell())


def _state_once(path: Path) -> FileState:
    """As ``_state``, without reading a file again that has not changed since this process read it last."""
    found = path.stat()
    key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    if key not in _states:
        _states[key] = _state(path)
    return _states[key]


# By device, inode, size and time of the last change; a few for each checkpoint, so small that none is ever dropped.
_states: dict[tuple[int, int, int, int], FileState] = {}
