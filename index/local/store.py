"""The store: one directory, one truth in SQLite, two views that follow it."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Literal

import numpy as np

from index import backend
from index.errors import StoreError, StoreLocked, StoreMismatch, StoreMissing, StoreReplaced, StoreUnwritable
from index.local import originals
from index.local.checkpoint import directory as checkpoint
from index.local.checkpoint.follower import Follower
from index.local.checkpoint.rebuild import ViewRebuild
from index.local.database.connection import Connection
from index.local.database.documents import (
    Removed,
    find_document,
    has_removed,
    last_sequence,
    read_document,
    remove_document,
    rows_left,
    write_document,
)
from index.local.database.errors import translated_files
from index.local.database.failures import forget_failures, write_failures
from index.local.database.notes import write_notes
from index.local.database.rows import document_id as name_id
from index.local.database.rows import pack_document
from index.local.opening import swap as replacement
from index.local.opening.layout import copy_parts, create_files, holds_store, leftovers, mark, remove_leftovers
from index.local.opening.prepare import Prepared, prepare
from index.local.reader import Reader
from index.local.system import files
from index.local.system.lock import WriterLock
from index.local.system.names import LOCK, REBUILDING, RESTORING
from index.local.views.lexical import analyze
from index.local.views.state import Views
from index.types import Change, Document, FailedFile, Finding, Ids, JsonScalar, NewDocument, NewPassage, Receipt

_LOCK_TIMEOUT_S = 30.0
# Reading all vectors of so many takes about 2 ms, 35 ms for a million; more are sorted into lists.
LARGE_PASSAGES = 50_000
_log = logging.getLogger(__name__)


class Store(backend.Store):
    """Documents, passages and their views; used by any number of threads, beside any number of processes.

    format_version: of its tables.  rebuilt: views ("vectors", "lexical") that had to be rebuilt from SQLite when it was opened.
    lock_timeout_s: how long a write waits for other writers before it raises StoreLocked; may be set.
    """

    def __init__(self, path: Path, prepared: Prepared, follower: Follower) -> None:
        """Use ``Store.open`` or ``Store.create``."""
        self.path = path
        self.place = str(path)
        self.id, self.dim = prepared.meta.id, prepared.meta.dim
        self.fingerprint, self.settings = prepared.meta.fingerprint, prepared.meta.settings
        self.format_version = prepared.database.format_version
        self.rebuilt = follower.rebuilt
        self.lock_timeout_s = _LOCK_TIMEOUT_S
        self._lock = prepared.lock
        self._database = prepared.database
        self._follower = follower
        self._view_rebuild: ViewRebuild | None = None

    @classmethod
    def create(
        cls,
        path: Path | str,
        *,
        dim: int,
        fingerprint: str,
        settings: Mapping[str, JsonScalar],
        large: int = LARGE_PASSAGES,
    ) -> "Store":
        """A new store in a missing or empty directory; the one that is there, if it is an equal one. large: as for ``open``.

        Raises StoreUnwritable where other files are, StoreDamaged where a store has lost its database, StoreMismatch where there is
        one with another dim, fingerprint or settings.
        """
        path = Path(path)
        if dim < 1:
            raise ValueError(f"dim must be at least 1, not {dim}")
        with translated_files(path):
            files.make_directory(path)
            if not holds_store(path):
                with WriterLock(path / LOCK).held(_LOCK_TIMEOUT_S):
                    if not holds_store(path):  # another process may have been quicker
                        create_files(path, dim, fingerprint, settings)
        store = cls.open(path, large=large)
        if (store.dim, store.fingerprint, store.settings) != (dim, fingerprint, dict(settings)):
            store.close()
            raise StoreMismatch(f"{path} holds a store with another model or other settings: choose another directory")
        return store

    @classmethod
    def open(
        cls, path: Path | str, *, large: int = LARGE_PASSAGES, views: Literal["first", "behind", "none"] = "first"
    ) -> "Store":
        """The store in a directory. Raises StoreMissing, StoreDamaged, StoreTooNew or StoreUnwritable.

        A store of an older format is brought to this program's, after a copy was put beside it (``index.local.opening.upgrade``).
        large: passages above which ``nearest`` reads the likeliest vectors only; up to it all are read, and the result is exact.
        Views that are missing or damaged are rebuilt from SQLite, logged as a warning and named in ``rebuilt``.
        views: whether that is done "first", or "behind" what is asked, which is answered from the rows until then: as exactly, and
        slower; "none" leaves it to the caller.
        """
        path = Path(path)
        prepared = prepare(path, _LOCK_TIMEOUT_S)
        try:
            follower = Follower(path, prepared.database, prepared.meta.dim, large, whole_only=views == "first")
            store = cls(path, prepared, follower)
            if not store.rebuilding:
                store._finish_interrupted()
            elif views == "behind":
                store._view_rebuild = ViewRebuild(path, follower, large)
        except BaseException:
            prepared.database.close()
            raise
        return store

    @contextmanager
    def read(self) -> Iterator[Reader]:
        with self._follower.state() as (connection, views):
            yield Reader(connection, views)

    def reached(self, generation: int) -> bool:
        with self.read() as reader:
            return reader.generation >= generation

    def unchanged(self, collection: str, key: str, content_sha256: str) -> Document | None:
        with self._database.reading() as connection:
            document = find_document(connection, name_id(collection, key))
        return document if document is not None and document.content_sha256 == content_sha256 else None

    def add(self, document: NewDocument, passages: Sequence[NewPassage], original: bytes | None = None) -> Change:
        row = pack_document(document, passages, self.dim, analyze)
        with self.writers_waiting():
            try:
                if original is not None:
                    originals.keep(self.path, document.content_sha256, original)
                with self._changing() as connection:
                    outcome, stored = write_document(connection, row)
            except BaseException:
                if original is not None:
                    with suppress(StoreError):
                        self._remove_unused_originals()
                raise
            if outcome == "updated":
                self._remove_unused_originals()
        return Change(stored, outcome)

    def keep_original(self, document_id: str, content: bytes) -> None:
        with self.writers_waiting():
            with self._database.reading() as connection:
                document = read_document(connection, document_id)
            originals.keep(self.path, document.content_sha256, content)

    def original(self, document: Document) -> bytes | None:
        return originals.read(self.path, document.content_sha256)

    def write_anew(self, old: Document, new: NewDocument, passages: Sequence[NewPassage]) -> bool:
        row = pack_document(new, passages, self.dim, analyze)
        with self.writers_waiting(), self._changing() as connection:
            is_stored = find_document(connection, old.id) == old
            if is_stored:
                write_document(connection, row, old.added_at)
        return is_stored

    def delete_many(self, document_ids: Sequence[str]) -> list[Receipt]:
        """Remove several documents, all or none, so that no byte of their texts, terms or vectors is left in the directory.

        The files are cleaned once for all. In a database of more than 64 GiB, older copies of what SQLite had moved may be left in
        unused space. Not to be called within a ``read`` block.
        Raises DocumentNotFound when one of them does not exist. Raises StoreLocked, StoreFull or StoreUnwritable when old bytes
        could not be removed: if the documents are gone from every search by then, the next ``delete`` or ``open`` removes them.
        """
        wanted = list(dict.fromkeys(document_ids))
        if not wanted:
            return []
        with self.writers_waiting():
            return erase(self, wanted, self.lock_timeout_s)

    def note_failures(self, failed: Sequence[FailedFile]) -> None:
        if failed:
            with self.writers_waiting(), self._database.writing() as connection:
                write_failures(connection, failed)

    def forget_failures(self, collection: str, keys: Sequence[str]) -> None:
        if keys:
            with self.writers_waiting(), self._database.writing() as connection:
                forget_failures(connection, collection, keys)

    def set_note(self, name: str, text: str | None) -> None:
        with self.writers_waiting(), self._database.writing() as connection:
            write_notes(connection, {name: text})

    @property
    def checkpoint_due(self) -> bool:
        return not self.rebuilding and self._follower.checkpoint_due()

    def checkpoint(self) -> bool:
        """Write the views to disk as they are now, so that the next start replays nothing; False when that is already so.

        Raises StoreLocked, StoreFull or StoreUnwritable; the last checkpoint is in force then.
        """
        with self._follower.clustered() as lists, self.writers_waiting():
            return self._follower.checkpoint(lists)

    @property
    def rebuilding(self) -> tuple[str, ...]:
        return self._follower.base.missing

    def write_views(self) -> None:
        """Write views that are missing, and leave nothing of those that were damaged. Raises as ``checkpoint``."""
        mark(self.path)
        with self._follower.clustered() as lists, self.writers_waiting():
            self._follower.checkpoint(lists)
            erase(self, [], self.lock_timeout_s)

    def stop_background_work(self) -> None:
        """End what ``checkpoint`` does in another thread and can do without, so that it returns soon."""
        self._follower.stop_clustering()
        if self._view_rebuild is not None:
            self._view_rebuild.stop()

    def verify(self, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
        from index.local.checks.verify import check_store, check_unused_originals

        with self._follower.state() as (connection, views):
            findings = check_store(self.path, connection, views, self.rebuilt, progress)
        return findings + check_unused_originals(self.path, self._database)

    @property
    def replaced(self) -> bool:
        try:
            self._database.require_current()
        except StoreReplaced:
            return True
        except StoreMissing:
            return False
        return replacement.pending(self.path)

    def require_present(self) -> None:
        """Raises StoreMissing, or StoreReplaced, when what was opened does not lie at this place any more."""
        self._database.require_current()

    def copy_to(self, target: Path) -> int:
        """Copy the state as it is now into an empty directory, durably, and return its generation; others may go on writing.

        The views are copied as far as the last checkpoint holds them. Raises StoreFull, StoreUnwritable or StoreDamaged.
        """
        with self._follower.state() as (connection, views), translated_files(target):
            copy_parts(self.path, target, connection)
            return views.sequence

    def mend(self, rows: Callable[[Connection], None], rebuild: bool) -> None:
        """Change rows in one transaction, build the views from them if asked, and remove what interrupted work left."""
        with self._follower.clustered(anew=True) if rebuild else nullcontext() as lists, self.writers_waiting():
            with self._changing() as connection:
                rows(connection)
            if rebuild:
                self._follower.rebuild(lists)
            remove_leftovers(self.path)
            self._remove_unused_originals()

    def close(self) -> None:
        if self._view_rebuild is not None:
            self._view_rebuild.stop()
        self._database.close()

    @contextmanager
    def writers_waiting(self, timeout_s: float | None = None) -> Iterator[WriterLock]:
        """Keep all writers of this store out within the block; ``read`` sees what no one else changes meanwhile.

        Raises StoreLocked, and StoreReplaced when another store has the place of this one by now.
        """
        with self._lock.held(self.lock_timeout_s if timeout_s is None else timeout_s):
            replacement.finish(self.path, self._lock)
            self._database.require_current()
            yield self._lock

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """One transaction, committed and then acknowledged when the block ends. The writer lock is held."""
        with self._database.writing() as connection:
            yield connection
            sequence = last_sequence(connection)
        self._lock.acknowledge(sequence)

    def _finish_interrupted(self) -> None:
        """Do what a crash kept from being done: write rebuilt views, remove the bytes of deleted documents and half-made files."""
        if not files.writable(self.path):  # whoever may write here will do it
            return
        with self._database.reading() as connection:
            unfinished = has_removed(connection, self._follower.base.sequence)
            has_unused = bool(originals.unused(self.path, connection))
        if self._follower.needs_checkpoint or unfinished:
            mark(self.path)
            try:
                with self._follower.clustered() as lists, self.writers_waiting(0):
                    self._follower.checkpoint(lists)
                    if unfinished:
                        erase(self, [], 0)
            except StoreLocked:  # who writes now will do it
                pass
            except StoreError as error:  # all can be read without; the next writer will do it
                _log.warning("%s: the views were not written: %s", self.path, error)

        if has_unused or leftovers(self.path):
            # Not those of someone who is at work: then the lock is not free.
            with suppress(StoreError), self.writers_waiting(0):
                remove_leftovers(self.path)
                self._remove_unused_originals()

    def _remove_unused_originals(self) -> None:
        """Remove the files of documents that are gone or made of another by now. The writer lock is held."""
        with self._database.reading() as connection, translated_files(self.path):
            originals.remove_unused(self.path, connection)

    def _document_ids(self) -> set[str]:
        with self._database.reading() as connection:
            return {identifier for (identifier,) in connection.execute("SELECT id FROM documents")}


def erase(store: Store, ids: Sequence[str], timeout_s: float) -> list[Receipt]:
    """Remove documents, and then every byte of them from the files; without ids, what an interrupted deletion left.

    What is left of each document is counted at the end. The writer lock is held.  timeout_s: to wait for others' transactions.
    Raises as ``Store.delete_many``.
    """
    # 1. The rows, in one transaction: from then on no search finds them.
    before = store._follower.views()
    with store._changing() as connection:
        removed = [remove_document(connection, document_id) for document_id in ids]
    # 2. The write-ahead log, which holds pages as they were.
    store._database.empty_wal(timeout_s)
    # 3. The files that they were made of, and what an interrupted restore left, which may hold them too.
    store._remove_unused_originals()
    with translated_files(store.path):
        files.remove(store.path / RESTORING)
    # 4. The checkpoint, in whose place comes one without them, and all that were replaced.
    in_force = store._follower.purge()
    if left := checkpoint.remove_others(store.path, in_force):
        raise StoreUnwritable(f"{left[0]} cannot be removed and may hold what was deleted: remove it")
    # 5. The store that is being made from this one with another model.
    _erase_from_rebuilding(store, timeout_s)
    with store._follower.state() as (connection, views):
        return [
            _receipt(connection, before, views, document_id, document)
            for document_id, document in zip(ids, removed, strict=True)
        ]


def _erase_from_rebuilding(store: Store, timeout_s: float) -> None:
    """Remove from the store that is being made from this one what this one has no longer.

    Nothing is written to it without the writer lock of this one, so nothing that was removed gets into it later.
    """
    path = store.path / REBUILDING
    if not path.exists():
        return
    try:
        with Store.open(path) as made:
            made.lock_timeout_s = timeout_s
            made.delete_many(sorted(made._document_ids() - store._document_ids()))
    except StoreLocked:
        raise
    except StoreError as error:  # it can be made again
        _log.warning("%s cannot be used and is removed: %s", path, error)
        with translated_files(path):
            files.remove(path)


def _receipt(connection: Connection, before: Views, now: Views, document_id: str, removed: Removed) -> Receipt:
    """What went of a document, counted in the views of before, and what is left of it in the rows and the views of now."""
    ids: Ids = np.array(removed.passages, dtype=np.int64)
    vectors, lexical = before.counted(ids)
    remaining = rows_left(connection, document_id, removed) + sum(now.counted(ids))
    return Receipt(document_id, removed.n_passages, vectors, lexical, remaining)
