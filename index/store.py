"""The store: one directory, one truth in SQLite, two views that follow it."""

import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import numpy as np

from index import checkpoint
from index.changes import Removed, find_document, last_sequence, remove_document, write_document
from index.checkpoint import CheckpointDamaged, Manifest
from index.database import Connection, Database, create_database, damaged, sync_directory, translated_files
from index.errors import DocumentNotFound, StoreError, StoreMismatch, StoreMissing, StoreUnwritable
from index.lexical import analyze
from index.lock import WriterLock
from index.reader import Reader
from index.records import document_id, pack_document, pack_metadata
from index.types import Change, Document, Finding, Ids, JsonScalar, Metadata, NewDocument, NewPassage, Receipt
from index.verify import check_store
from index.views import Base, Views, empty_base, replayed, views_of

DATABASE = "store.db"
LOCK = "writer.lock"
MARKER = "STORE"

_SIGNS = (DATABASE, checkpoint.MANIFEST, checkpoint.VIEWS, MARKER, DATABASE + "-wal")
_CREATION_LEFTOVERS = {DATABASE + ".new", DATABASE + ".new-wal", DATABASE + ".new-shm", DATABASE + ".new-journal", LOCK}
_DUE_PASSAGES = 1000
_DUE_SHARE = 0.05
# From so many changed passages on, reading another process's checkpoint is quicker than replaying.
_RELOAD_PASSAGES = 500
_log = logging.getLogger(__name__)


class Store:
    """Documents, passages and their views; used by any number of threads, beside any number of processes.

    dim: length of the vectors.  fingerprint: of the model that made them.  settings: what the store was created with.
    rebuilt: views ("vectors", "lexical") that were missing or damaged at open and were rebuilt from SQLite.
    lock_timeout_s: how long a write waits for other writers before it raises StoreLocked.
    """

    def __init__(self, path: Path) -> None:
        """Use ``Store.open`` or ``Store.create``."""
        self.path = path
        self.lock_timeout_s = 30.0
        self.rebuilt: tuple[str, ...] = ()
        self._lock = WriterLock(path / LOCK)
        acknowledged = self._lock.acknowledged()
        self._database = Database(path / DATABASE)
        try:
            if self._database.outdated:
                with self._lock.held(self.lock_timeout_s):
                    self._database.migrate()
            self._read_meta(acknowledged)
            self._refreshing = threading.Lock()
            self._load()
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def create(
        cls, path: Path | str, *, dim: int, fingerprint: str, settings: Mapping[str, JsonScalar]
    ) -> "Store":
        """A new store in a missing or empty directory; the one that is there if another process has just made an equal one.

        Raises StoreUnwritable where other files are, StoreDamaged where a store has lost its database, StoreMismatch where another is.
        """
        path = Path(path)
        if dim < 1:
            raise ValueError(f"dim must be at least 1, not {dim}")
        with translated_files(path):
            path.mkdir(parents=True, exist_ok=True)
            if not _holds_store(path):
                with WriterLock(path / LOCK).held(30.0):
                    if not _holds_store(path):
                        _create_files(path, dim, fingerprint, settings)
        store = cls.open(path)
        if (store.dim, store.fingerprint, store.settings) != (dim, fingerprint, dict(settings)):
            store.close()
            raise StoreMismatch(f"{path} already holds a store with another model or other settings: choose another directory")
        return store

    @classmethod
    def open(cls, path: Path | str) -> "Store":
        """The store in a directory. Raises StoreMissing, StoreDamaged, StoreTooNew or StoreUnwritable.

        Views that are missing or damaged are rebuilt from SQLite, logged as a warning and named in ``rebuilt``.
        """
        path = Path(path)
        with translated_files(path):
            there = path.exists() and _holds_store(path)
        if not there:
            raise StoreMissing(f"no store at {path}: create one with `rag add PATH --store {path}`")
        return cls(path)

    @property
    def format_version(self) -> int:
        """Version of the tables."""
        return self._database.format_version

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A reader of the latest state, which stays as it is within the block whatever is written meanwhile."""
        with self._state() as (connection, views):
            yield Reader(connection, views)

    def unchanged(self, collection: str, key: str, content_sha256: str, metadata: Metadata) -> Document | None:
        """The stored document of that name if its content and metadata are these; asked before parsing and embedding."""
        with self._database.reading() as connection:
            document = find_document(connection, document_id(collection, key))
        if document is None or document.content_sha256 != content_sha256:
            return None
        return document if pack_metadata(document.metadata) == pack_metadata(metadata) else None

    def add(self, document: NewDocument, passages: Sequence[NewPassage]) -> Change:
        """Write one document, replacing the one of the same collection and key; on disk and searchable when this returns.

        The outcome is "skipped", and nothing is written, when text, content, metadata, title and source are what is stored.
        Raises ValueError for spans, sentences, vectors or text that do not fit together, DimensionMismatch, StoreFull, StoreLocked,
        StoreUnwritable; then nothing was changed.
        """
        row = pack_document(document, passages, self.dim, analyze)
        with self._lock.held(self.lock_timeout_s):
            with self._database.writing() as connection:
                outcome = write_document(connection, row)
                stored = find_document(connection, row.id)
                sequence = last_sequence(connection)
            self._lock.acknowledge(sequence)
        if stored is None:
            raise ValueError(f"document {row.id} is not there after it was written")
        return Change(stored, outcome)

    def delete(self, document_id: str) -> Receipt:
        """Remove a document so that no byte of its text, terms or vectors is left in the directory. Raises DocumentNotFound."""
        return self.delete_many([document_id])[0]

    def delete_many(self, document_ids: Sequence[str]) -> list[Receipt]:
        """Remove several documents, all or none, in one go: the files are cleaned once for all of them.

        Raises DocumentNotFound when one of them does not exist. Raises StoreLocked or StoreUnwritable when old bytes could not be removed
        in time: the documents are gone from every search then, and the next ``delete`` or ``open`` removes the bytes.
        """
        wanted = list(dict.fromkeys(document_ids))
        if not wanted:
            return []
        with self._lock.held(self.lock_timeout_s):
            before = self._views_now()
            with self._database.writing() as connection:
                removed = [remove_document(connection, identifier) for identifier in wanted]
                sequence = last_sequence(connection)
            self._lock.acknowledge(sequence)
            self._purge()
            with self._state() as (connection, views):
                return [
                    _receipt(connection, before, views, identifier, document)
                    for identifier, document in zip(wanted, removed, strict=True)
                ]

    @property
    def checkpoint_due(self) -> bool:
        """Whether so much has changed since the last checkpoint that a new one pays."""
        base = self._views.base
        with self._database.reading() as connection:
            return _n_changed(connection, base.sequence) > max(_DUE_PASSAGES, _DUE_SHARE * len(base.vectors.ids))

    def checkpoint(self) -> bool:
        """Write the views to disk as they are now, so that the next start replays nothing; False when that is already so.

        Raises StoreLocked, StoreFull or StoreUnwritable; the last checkpoint is in force then.
        """
        with self._lock.held(self.lock_timeout_s):
            return self._checkpoint()

    def verify(self, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
        """Everything in the store that does not fit together, found by comparing all of it; empty for a healthy store.

        progress: called with passages checked and passages in all.
        """
        with self._state() as (connection, views):
            return check_store(self.path, connection, views, self.dim, self.rebuilt, progress)

    def close(self) -> None:
        """Let go of all files. Readers that are open in other threads may finish."""
        self._database.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_meta(self, acknowledged: int) -> None:
        with self._database.reading() as connection:
            meta: dict[str, str] = dict(connection.execute("SELECT key, value FROM meta").fetchall())
            sequence = last_sequence(connection)
        if sequence < acknowledged:
            raise damaged(
                self._database.path,
                f"holds changes up to {sequence}, but {acknowledged} were acknowledged: its write-ahead log was lost or damaged"
                f" (to go on without the last changes, delete {self.path / LOCK})",
            )
        try:
            self.id = meta["id"]
            self.dim = int(meta["dim"])
            self.fingerprint = meta["fingerprint"]
            self.settings: dict[str, JsonScalar] = json.loads(meta["settings"])
        except (KeyError, ValueError) as error:
            raise damaged(self._database.path, f"does not say what it was made with ({error})") from error

    def _load(self) -> None:
        """Bring up the views; rebuild what is damaged; finish what a crash interrupted."""
        try:
            base = checkpoint.load(self.path, self.dim)
        except CheckpointDamaged as damage:
            base = empty_base(self.dim)
            self.rebuilt = damage.parts
            _log.warning("%s: %s; rebuilding %s from %s", self.path, damage, " and ".join(damage.parts), DATABASE)
        self._views = views_of(base)
        with self._state() as (connection, views):
            query = "SELECT EXISTS (SELECT 1 FROM log WHERE operation = 'delete' AND sequence > ?)"
            unfinished = connection.execute(query, (views.base.sequence,)).get
        if self.rebuilt or unfinished:
            try:
                with self._lock.held(0):
                    self._checkpoint()
                    self._database.empty_wal(0)
            except StoreError as error:  # reading works without; the next writer will do it
                _log.warning("%s: the views were not written: %s", self.path, error)

    @contextmanager
    def _state(self) -> Iterator[tuple[Connection, Views]]:
        """A read transaction and the views at exactly its state."""
        while True:
            seen = self._views.sequence
            with self._database.reading() as connection:
                sequence = last_sequence(connection)
                if sequence < seen:
                    raise damaged(self._database.path, f"holds changes up to {sequence}, but {seen} were already seen")
                views = self._views_at(connection, sequence)
                # None: another thread has brought the views past this transaction.
                if views is not None:
                    yield connection, views
                    return

    def _views_now(self) -> Views:
        with self._state() as (_, views):
            return views

    def _views_at(self, connection: Connection, sequence: int) -> Views | None:
        views = self._views
        if views.sequence < sequence:
            with self._refreshing:
                views = self._views
                if views.sequence < sequence:
                    if views.n_changes + _n_changed(connection, views.sequence) > _RELOAD_PASSAGES:
                        views = self._newer_base(views, sequence)
                    views = self._views = replayed(views, connection, sequence) if views.sequence < sequence else views
        return views if views.sequence == sequence else None

    def _newer_base(self, views: Views, sequence: int) -> Views:
        """The state of the checkpoint on disk if it is nearer to ``sequence``, else the state given."""
        manifest = self._manifest()
        if manifest is None or not views.sequence < manifest.sequence <= sequence:
            return views
        base = self._reloaded()
        return views_of(base) if base and base.sequence <= sequence else views

    def _manifest(self) -> Manifest | None:
        try:
            return checkpoint.read_manifest(self.path)
        except CheckpointDamaged:
            return None

    def _reloaded(self) -> Base | None:
        try:
            return checkpoint.load(self.path, self.dim)
        except CheckpointDamaged as damage:
            _log.warning("%s: %s; the views in memory are used instead", self.path, damage)
            return None

    def _purge(self) -> None:
        """Remove every byte of removed documents from the files. The writer lock is held."""
        self._database.empty_wal(self.lock_timeout_s)
        views = self._views_now()
        if len(views.gone):
            self._checkpoint()
        left = checkpoint.remains(self.path, self._views.base.name)
        if left:
            raise StoreUnwritable(f"{left[0]} cannot be removed and may hold what was deleted: remove it")

    def _checkpoint(self) -> bool:
        """Write the state that SQLite holds now; no other can come while the writer lock is held."""
        with self._state() as (connection, views):
            manifest = self._manifest()
            if manifest and manifest.sequence == views.sequence and self._is_base(manifest, views.base):
                return False
            if manifest is None or not self._is_base(manifest, views.base):
                base = self._reloaded() if manifest else None
                if base is None:
                    base = empty_base(self.dim)
                views = replayed(views_of(base), connection, views.sequence)
            if views.sequence == views.base.sequence and views.base.name:
                written = views.base
            else:
                try:
                    written = checkpoint.write(self.path, views, connection)
                except CheckpointDamaged as damage:
                    raise StoreUnwritable(f"{self.path} does not keep what is written to it: {damage}") from damage
            with self._refreshing:
                self._views = views_of(written)
        return True

    def _is_base(self, manifest: Manifest, base: Base) -> bool:
        return manifest.checkpoint == f"{checkpoint.VIEWS}/{base.name}"


def _holds_store(path: Path) -> bool:
    """Whether a store's database is there; False for an empty directory. Raises StoreUnwritable or StoreDamaged for anything else."""
    if not path.is_dir():
        raise StoreUnwritable(f"{path} is not a directory: choose another place for the store")
    names = {entry.name for entry in path.iterdir()} - _CREATION_LEFTOVERS
    if DATABASE in names:
        return True
    if names.intersection(_SIGNS):
        raise damaged(path / DATABASE, "is missing, though this directory once was a store")
    if names:
        raise StoreUnwritable(f"{path} is not a store and holds other files: choose an empty or new directory")
    return False


def _create_files(path: Path, dim: int, fingerprint: str, settings: Mapping[str, JsonScalar]) -> None:
    meta = {
        "id": str(uuid.uuid4()),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dim": str(dim),
        "fingerprint": fingerprint,
        "settings": json.dumps(dict(settings), sort_keys=True),
    }
    create_database(path / DATABASE, meta)
    # By this file a directory is still known as a store when it has lost everything else.
    (path / MARKER).write_text("This directory is a store of Footnote. Change nothing in it by hand.\n")
    database = Database(path / DATABASE)
    try:
        with database.reading() as connection:
            checkpoint.write(path, views_of(empty_base(dim)), connection)
    finally:
        database.close()
    sync_directory(path.absolute().parent)


def _n_changed(connection: Connection, after: int) -> int:
    """Passages that came or went after a change, by the log."""
    query = (
        "SELECT coalesce(sum(coalesce(last_passage - first_passage + 1, 0) + coalesce(removed_last - removed_first + 1, 0)), 0)"
        " FROM log WHERE sequence > ?"
    )
    n_changed: int = connection.execute(query, (after,)).get
    return n_changed


def _receipt(connection: Connection, before: Views, now: Views, document_id: str, removed: Removed) -> Receipt:
    ids: Ids = np.array(removed.passages, dtype=np.int64)
    vectors, lexical = before.found(ids)
    rows = connection.execute(
        "SELECT (SELECT count(*) FROM documents WHERE id = ?1) + (SELECT count(*) FROM texts WHERE document = ?2)"
        " + (SELECT count(*) FROM metadata WHERE document = ?2) + (SELECT count(*) FROM passages WHERE document = ?2)"
        " + (SELECT count(*) FROM embeddings WHERE passage BETWEEN ?3 AND ?4)",
        (document_id, removed.number, removed.passages.start, removed.passages.stop - 1),
    ).get
    return Receipt(document_id, removed.n_passages, vectors, lexical, rows + sum(now.found(ids)))
