"""The store in a PostgreSQL database: that a commit is durable and searchable, and a reader sees one state, is the engine's own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Self, TypeVar

from index import backend
from index.backend import Progress
from index.errors import StoreMismatch, StoreReplaced, StoreUnreachable
from index.local.database.notes import NOTE
from index.local.database.rows import DocumentRow, pack_document
from index.local.database.rows import document_id as name_id
from index.local.views.lexical import analyze
from index.postgres import documents, schema, words
from index.postgres.connection import SCHEMA, Connection, Database, storable
from index.postgres.errors import translated
from index.postgres.lists import SCAN_VECTORS, SCAN_WORDS, Searching
from index.postgres.reader import Reader
from index.statistics import Known
from index.types import Change, Document, FailedFile, Finding, JsonScalar, NewDocument, NewPassage, Receipt

if TYPE_CHECKING:
    from index.postgres.milvus import MilvusView

_STATE = "SELECT (SELECT coalesce(max(sequence), 0) FROM log), (SELECT value FROM meta WHERE key = 'instance')"
T = TypeVar("T")


class PostgresStore(backend.Store):
    """A store whose rows and indexes lie in one schema of a database.

    lock_timeout_s: how long a write tries again when the server goes or others are in its way; may be set.
    """

    rebuilt: tuple[str, ...] = ()

    def __init__(self, database: Database, meta: schema.Meta) -> None:
        """Use ``open`` or ``create``."""
        self.database = database
        self.place = database.place
        self.id, self.dim, self.fingerprint = meta.id, meta.dim, meta.fingerprint
        self.settings: Mapping[str, JsonScalar] = meta.settings
        self._instance = meta.instance
        self.format_version = schema.FORMAT_VERSION
        self.lock_timeout_s = 30.0
        self._view = _view(database)
        self.searching = Searching(meta.dim, SCAN_VECTORS, SCAN_WORDS, self._view)
        self._known = -1, Known()  # of which state, and what is known of it
        self._replaced = False

    @classmethod
    def open(cls, address: str, schema_name: str = SCHEMA) -> Self:
        """The store of a database. Raises StoreUnreachable, StoreMissing, StoreDamaged, StoreTooNew or StoreUnwritable."""
        database = Database(address, schema_name)
        try:
            return cls(database, schema.read_meta(database))
        except BaseException:
            database.close()
            raise

    @classmethod
    def create(
        cls,
        address: str,
        *,
        dim: int,
        fingerprint: str,
        settings: Mapping[str, JsonScalar],
        schema_name: str = SCHEMA,
        identifier: str | None = None,
    ) -> Self:
        """A new store in a database that has none; the one that is there, if it is an equal one.

        Raises as ``open``, NoPlace where another program has tables of that name, StoreMismatch for a store of another kind.
        """
        if dim < 1:
            raise ValueError(f"dim must be at least 1, not {dim}")
        database = Database(address, schema_name)
        try:
            schema.create(database, dim, fingerprint, settings, identifier)
            store = cls(database, schema.read_meta(database))
            if (store.dim, store.fingerprint, store.settings) != (dim, fingerprint, dict(settings)):
                raise StoreMismatch(
                    f"{database.place} holds a store with another model or other settings: choose another database"
                )
            return store
        except BaseException:
            database.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Reader]:
        with self.reading() as (connection, generation):
            known = self._known
            if known[0] != generation:
                known = self._known = generation, Known()
            yield Reader(connection, generation, known[1], self.searching)

    @contextmanager
    def reading(self) -> Iterator[tuple[Connection, int]]:
        """A connection in one snapshot, and the number of the last change there: none that this process made is missing."""
        with self.database.reading(_STATE) as (connection, (generation, instance)):
            self._require_same(instance)
            if generation >= self.database.written:
                yield connection, generation
                return
        with self.database.reading(_STATE, primary=True) as (connection, (generation, instance)):
            self._require_same(instance)
            yield connection, generation

    def reached(self, generation: int) -> bool:
        """Whether the store has this change; then every reader of this process from now on has it too."""
        with self.reading() as (_, last):
            if last >= generation:
                self._wrote(generation)  # the next reader may be at another server
                return True
        with self.database.reading(_STATE, primary=True) as (_, (last, _)):
            if last >= generation:
                self._wrote(generation)
            return bool(last >= generation)

    def unchanged(self, collection: str, key: str, content_sha256: str) -> Document | None:
        with self.reading() as (connection, _):
            document = documents.find_document(connection, name_id(collection, storable(key)))
        return document if document is not None and document.content_sha256 == content_sha256 else None

    def add(self, document: NewDocument, passages: Sequence[NewPassage], original: bytes | None = None) -> Change:
        """As ``index.backend.Store.add``. U+0000, which PostgreSQL's text cannot hold, is stored as U+FFFD. Keeps no originals."""
        row = self.packed(document, passages)
        outcome, stored, sequence = self.write(
            lambda connection, token: documents.write_document(connection, row, token)
        )
        self._wrote(sequence)
        return Change(stored, outcome)

    def write_anew(self, old: Document, new: NewDocument, passages: Sequence[NewPassage]) -> bool:
        row = self.packed(new, passages)

        def work(connection: Connection, token: str) -> int | None:
            documents.lock_documents(connection, [old.id])
            if documents.find_document(connection, old.id) != old:
                return None
            return documents.write_document(connection, row, token, old.added_at, anew=True)[2]

        sequence = self.write(work)
        self._wrote(sequence or 0)
        return sequence is not None

    def delete_many(self, document_ids: Sequence[str]) -> list[Receipt]:
        """Remove several documents, all or none; nothing finds them from the receipts on.

        Their bytes leave the database's files when they are vacuumed, and the logs and backups when those expire.
        Raises DocumentNotFound when one of them does not exist.
        """
        wanted = list(dict.fromkeys(document_ids))
        if not wanted:
            return []
        removed, sequence = self.write(lambda connection, token: documents.remove_documents(connection, wanted, token))
        self._wrote(sequence)
        with self.reading() as (connection, _):
            return [
                Receipt(
                    document.id,
                    len(document.passages),
                    document.vectors,
                    document.lexical,
                    documents.remaining(connection, document),
                )
                for document in removed
            ]

    def note_failures(self, failed: Sequence[FailedFile]) -> None:
        if failed:
            stored = [replace(file, key=storable(file.key)) for file in failed]
            self.write(lambda connection, token: documents.write_failures(connection, stored))

    def forget_failures(self, collection: str, keys: Sequence[str]) -> None:
        if keys:
            stored = [storable(key) for key in keys]
            self.write(lambda connection, token: documents.forget_failures(connection, collection, stored))

    def set_note(self, name: str, text: str | None) -> None:

        def work(connection: Connection, token: str) -> None:
            connection.execute("DELETE FROM meta WHERE key = %s", (NOTE + name,))
            if text is not None:
                connection.execute("INSERT INTO meta VALUES (%s, %s)", (NOTE + name, text))

        self.write(work)

    def verify(self, progress: Progress | None = None) -> list[Finding]:
        from index.postgres.verify import check_store

        with self.reading() as (connection, _):
            return check_store(connection, self.dim, progress)

    def repair(self, findings: "Iterable[Finding]") -> list[Finding]:
        """As ``index.stores.repair``: its indexes; all else needs the document or a backup, as each finding says."""
        from index.postgres.verify import repair

        with translated(self.place), self.database.connected() as connection:
            return repair(connection, self.place, findings)

    @property
    def replaced(self) -> bool:
        """Whether a reader has found another store here than was opened."""
        return self._replaced

    def stop_background_work(self) -> None:
        if self._view is not None:
            self._view.close()

    def close(self) -> None:
        self.stop_background_work()
        self.database.close()

    def packed(self, document: NewDocument, passages: Sequence[NewPassage]) -> DocumentRow:
        """A document's rows as this store keeps them. Raises as ``add``."""
        return documents.storable_row(pack_document(document, passages, self.dim, analyze))

    def write(self, work: "documents.Work[T]") -> T:
        """What ``work`` gives, done in one durable transaction of the store that was opened.

        What does not log its token may be done twice, and is then as done once.
        """

        def checked(connection: Connection, token: str) -> T:
            row = connection.execute("SELECT value FROM meta WHERE key = 'instance'").fetchone()
            self._require_same(row[0] if row else None)
            words.drop_forgotten_words(connection)
            return work(connection, token)

        return self.database.write(checked, documents.DONE, self.lock_timeout_s)

    def _wrote(self, sequence: int) -> None:
        self.database.written = max(self.database.written, sequence)

    def _require_same(self, instance: object) -> None:
        """Raises StoreReplaced when these are not the tables that were opened.

        Who has looked holds ``meta`` until the transaction ends: whoever puts other tables in the place of these waits for that.
        """
        if instance != self._instance:
            self._replaced = True
            raise StoreReplaced(f"another store was put in the place of {self.place} meanwhile: try again")


def _view(database: Database) -> "MilvusView | None":
    """What the database's address names with ``milvus``. Raises StoreUnreachable where what speaks to it is not installed."""
    if not database.milvus:
        return None
    try:
        from index.postgres.milvus import MilvusView
    except ModuleNotFoundError as error:
        if error.name != "pymilvus":
            raise
        raise StoreUnreachable(
            "a view in Milvus needs the extra [milvus]: pip install 'footnote-rag[milvus]'"
        ) from error
    return MilvusView(database.milvus, database)
