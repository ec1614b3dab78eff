"""A store made again with other vectors, beside the one that is used meanwhile, and put in its place when it is complete.

It lies in a directory inside the store's and is a store itself, into which documents go one by one: what was interrupted goes on
from there. It is written to only while the writers of the store wait, so that a document that is deleted can be taken out of both
(``Store.delete_many`` does) and does not come back.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from index import backend
from index.backend import StoredDocument
from index.errors import StoreError, StoreLocked
from index.local.database.connection import Connection
from index.local.database.documents import write_document
from index.local.database.errors import translated_files
from index.local.database.failures import write_failures
from index.local.database.notes import write_notes
from index.local.database.rows import pack_document
from index.local.opening import swap as replacement
from index.local.opening.layout import create_files, holds_store
from index.local.store import Store
from index.local.system import files
from index.local.system.lock import WriterLock
from index.local.system.names import LOCK, REBUILD_LOCK, REBUILDING
from index.local.views.lexical import analyze
from index.types import JsonScalar, NewPassage


class Reindexing(backend.Reindexing):
    """A store in a directory, and the one below it that is being made from it."""

    _store: Store
    _made: Store

    def __init__(self, store: Store, made: Store) -> None:
        """Use ``begun``."""
        self._store = store
        self._made = made
        self.removal = f"delete {made.path}"

    def add(self, loaded: StoredDocument, passages: Sequence[NewPassage]) -> bool:
        old = loaded.document
        row = pack_document(old.as_new(loaded.text), passages, self._made.dim, analyze)

        def write(connection: Connection) -> None:
            # One that is there already is written anew whatever differs: its passages may be cut in another way.
            connection.execute("UPDATE documents SET content_sha256 = '' WHERE id = ?", (old.id,))
            write_document(connection, row, old.added_at)

        with self._store.writers_waiting():
            with self._store.read() as reader:
                if reader.find_document(old.id) != old:
                    return False
            self._made.mend(write, rebuild=False)
        return True

    def install(self) -> bool:
        """Put it in the place of the store; False, and nothing is done, when documents are outstanding.

        The store that was opened is the old one from then on, and so are the readers of other processes until they open it again.
        """
        with self._store.writers_waiting() as lock:
            if self.outstanding():
                return False
            with self._store.read() as reader:
                failures, notes = reader.failures(), reader.notes()

            def write(connection: Connection) -> None:
                connection.execute("DELETE FROM failures")
                write_failures(connection, failures)
                write_notes(connection, notes)

            self._made.mend(write, rebuild=False)
            self._made.checkpoint()
            self._made.close()
            with translated_files(self._store.path):
                replacement.settle(self._made.path)
                replacement.install(self._store.path, self._made.path, lock)
        return True


@contextmanager
def begun(store: Store, *, dim: int, fingerprint: str, settings: Mapping[str, JsonScalar]) -> Iterator[Reindexing]:
    """As ``index.stores.reindexing``."""
    with _alone(store):
        made = _opened(store, dim, fingerprint, settings)
        try:
            yield Reindexing(store, made)
        finally:
            made.close()


def abandon(store: Store) -> bool:
    """As ``index.stores.abandon_reindexing``."""
    path = store.path / REBUILDING
    if not path.exists():
        return False
    with _alone(store), store.writers_waiting(), translated_files(path):
        files.remove(path)
    return True


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    path = store.path / REBUILD_LOCK
    with ExitStack() as stack:
        try:
            stack.enter_context(WriterLock(path).held(0))
        except StoreLocked as error:
            raise StoreLocked(
                f"another process is making the store at {store.path} again: wait until it is done, or stop it"
            ) from error
        try:
            yield
        finally:
            with translated_files(path):
                files.remove(path)


def _opened(store: Store, dim: int, fingerprint: str, settings: Mapping[str, JsonScalar]) -> Store:
    path = store.path / REBUILDING
    with store.writers_waiting():
        if (made := _interrupted(path)) is not None:
            if (made.id, made.dim, made.fingerprint, made.settings) == (store.id, dim, fingerprint, dict(settings)):
                return made
            made.close()
        with translated_files(path):
            files.remove(path)
            files.make_directory(path)
            with WriterLock(path / LOCK).held(store.lock_timeout_s):
                create_files(path, dim, fingerprint, settings, store.id)
        return Store.open(path)


def _interrupted(path: Path) -> Store | None:
    try:
        return Store.open(path) if path.exists() and holds_store(path) else None
    except StoreLocked:
        raise
    except StoreError:  # it can be made again
        return None
