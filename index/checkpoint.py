"""The views on disk: immutable numbered directories, the current one named by a manifest with a SHA-256 of each file.

A checkpoint is built beside the last one, synced, and comes into force when the manifest is renamed. Whatever is found missing or
changed when it is loaded is not used: everything here can be built again from SQLite.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index import files as disk
from index.changes import history, last_sequence
from index.database import Connection, translated_files
from index.errors import StoreUnwritable
from index.lexical import LexicalIndex, LexicalRow, segment_files
from index.types import Ids
from index.vectors import VectorIndex
from index.views import Base, Views

MANIFEST = "manifest.json"
VIEWS = "views"
_FORMAT = 2
_VECTORS = "vectors.faiss"
_LEXICAL = "lexical"


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file of a checkpoint must be. bytes: its size."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The current checkpoint. checkpoint: its directory, relative to the store; n_terms: of all passages; files: by path in it.

    history: of the database at this sequence, by which the views of another store, or of other days of this one, are told.
    """

    checkpoint: str
    sequence: int
    history: str
    n_passages: int
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
        counts = content["n_passages"], content["n_terms"]
        return Manifest(content["checkpoint"], content["sequence"], content["history"], *counts, files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointDamaged(("vectors", "lexical"), f"{MANIFEST} cannot be used: {error}") from error


def load(store: Path, dim: int, connection: Connection) -> Base:
    """The views of the current checkpoint, each file checked. Raises CheckpointDamaged.

    connection: of a transaction that tells whether the checkpoint is of this database; not asked for changes that it does not see.
    """
    while True:
        manifest = read_manifest(store)
        if manifest.sequence <= last_sequence(connection) and manifest.history != history(
            connection, manifest.sequence
        ):
            raise CheckpointDamaged(
                ("vectors", "lexical"), f"{MANIFEST} belongs to another store or to another time of it"
            )
        try:
            return _load(store, manifest, dim)
        except CheckpointDamaged:
            # Another process may have replaced this checkpoint between the two reads.
            if read_manifest(store) == manifest:
                raise


def damaged_files(store: Path, manifest: Manifest) -> dict[str, str]:
    """Files of the checkpoint that are not what the manifest says, with the reason."""
    problems = {}
    for name, expected in manifest.files.items():
        try:
            found = _state(store / manifest.checkpoint / name)
        except OSError as error:
            problems[name] = f"cannot be read: {error.strerror}"
            continue
        if found != expected:
            problems[name] = (
                f"has {found.bytes} bytes and SHA-256 {found.sha256}, not {expected.bytes} and {expected.sha256}"
            )
    return problems


def write(store: Path, views: Views, connection: Connection) -> Base:
    """Make this state the current checkpoint, and remove every other. The caller holds the writer lock.

    connection: of a transaction that sees the same state, for the terms of what was in the base when some of it is gone.
    Raises StoreFull or StoreUnwritable, and then the last checkpoint is still in force.
    """
    name = f"{views.sequence:06d}-{secrets.token_hex(4)}"
    directory = store / VIEWS / name
    with translated_files(directory):
        try:
            manifest = _build(store, directory, views, connection)
        except BaseException:
            with suppress(OSError):
                disk.remove(directory)
            raise
        # Nothing is cleaned up when this fails: the new manifest may already be in force.
        _write_manifest(store, manifest)
    remove_others(store, name)
    try:
        return _load(store, manifest, views.base.vectors.dim)
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


def remove_others(store: Path, name: str) -> list[Path]:
    """Remove the checkpoints other than the named one, replaced or interrupted; those that could not be. Under the writer lock."""
    directory = store / VIEWS
    others = [path for path in directory.iterdir() if path.name != name] if directory.exists() else []
    for path in others:
        with suppress(OSError):
            disk.remove(path)
    return [path for path in others if path.exists()]


def _load(store: Path, manifest: Manifest, dim: int) -> Base:
    directory = store / manifest.checkpoint
    problems = damaged_files(store, manifest)
    if problems:
        parts = sorted({"vectors" if name == _VECTORS else "lexical" for name in problems}, reverse=True)
        raise CheckpointDamaged(tuple(parts), "; ".join(f"{name} {problem}" for name, problem in problems.items()))
    try:
        vectors = VectorIndex.load(disk.system.read(directory / _VECTORS))
        lexical = LexicalIndex.open(directory / _LEXICAL, manifest.n_passages, manifest.n_terms)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointDamaged(("vectors", "lexical"), str(error)) from error
    if vectors.dim != dim or len(vectors.ids) != manifest.n_passages:
        raise CheckpointDamaged(("vectors",), f"{_VECTORS} holds {len(vectors.ids)} vectors of length {vectors.dim}")
    return Base(directory.name, manifest.sequence, vectors, lexical)


def _build(store: Path, directory: Path, views: Views, connection: Connection) -> Manifest:
    disk.make_directory(directory / _LEXICAL)
    disk.write(directory / _VECTORS, _merged_vectors(views).dump())
    linked: dict[str, FileState] = {}
    old = read_manifest(store) if views.base.name and not len(views.gone) else None
    # What has been damaged since it was loaded must not be carried on.
    if old and not damaged_files(store, old):
        linked = _link_segments(store, old, directory)
        base = LexicalIndex.open(directory / _LEXICAL, views.base.lexical.n_passages, views.base.lexical.n_terms)
        lexical = base.extended(row.lexical for row in views.rows.values())
    else:
        lexical = LexicalIndex.create(directory / _LEXICAL, _all_lexical_rows(connection))
    files = {}
    for path in [directory / _VECTORS, *_synced_files(directory / _LEXICAL)]:
        name = str(path.relative_to(directory))
        # What was linked keeps the state it had when it was written: reading it once more might vouch for a flipped bit.
        files[name] = linked.get(name) or _state(path)
    for synced in (directory / _LEXICAL, directory, store / VIEWS):
        disk.sync_directory(synced)
    return Manifest(
        f"{VIEWS}/{directory.name}",
        views.sequence,
        history(connection, views.sequence),
        lexical.n_passages,
        lexical.n_terms,
        files,
    )


def _link_segments(store: Path, old: Manifest, directory: Path) -> dict[str, FileState]:
    """Give a new checkpoint the lexical files of an old one; the state of those that never change."""
    source = store / old.checkpoint
    linked = {}
    for path in segment_files(source / _LEXICAL):
        name = f"{_LEXICAL}/{path.name}"
        disk.link_or_copy(path, directory / name)
        linked[name] = old.files[name]
    # These two tantivy replaces; segment files it only adds and unlinks, so that the old checkpoint stays as it is.
    for name in ("meta.json", ".managed.json"):
        disk.copy(source / _LEXICAL / name, directory / _LEXICAL / name)
    return linked


def _merged_vectors(views: Views) -> VectorIndex:
    kept = ~np.isin(views.base.vectors.ids, views.gone)
    ids: Ids = np.concatenate([views.base.vectors.ids[kept], views.vectors.ids])
    codes = views.base.vectors.codes()[kept].tobytes() + views.vectors.codes().tobytes()
    return VectorIndex.build(ids, codes, views.base.vectors.dim)


def _all_lexical_rows(connection: Connection) -> Iterable[LexicalRow]:
    query = (
        "SELECT p.id, p.document, d.collection, e.terms FROM passages p"
        " JOIN documents d ON d.number = p.document JOIN embeddings e ON e.passage = p.id ORDER BY p.id"
    )
    return (LexicalRow(*row) for row in connection.execute(query))


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
