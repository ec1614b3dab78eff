"""A database's store copied into a directory, and brought back from one: of a snapshot each way, all or nothing."""

import uuid
from collections.abc import Iterator
from pathlib import Path

from psycopg import sql

from index.backend import Progress, Snapshot
from index.errors import StoreUnwritable
from index.local.database.listing import DOCUMENT_COLUMNS
from index.local.database.notes import NOTE
from index.local.database.rows import DocumentRow, packed_columns, stored_documents
from index.local.opening.layout import create_files
from index.local.system.lock import WriterLock
from index.local.system.names import LOCK
from index.local.upkeep import packed_documents
from index.local.upkeep.snapshot import checked_copy, made
from index.postgres import schema
from index.postgres.connection import CREATE_LOCK, LOCK_SPACE, Connection, Database
from index.postgres.documents import storable_row, write_document, write_failures
from index.postgres.errors import translated
from index.postgres.store import PostgresStore
from index.temporary import PassingFolder

_LOCK_TIMEOUT_S = 30.0
_TOGETHER = 100  # documents read at a time


def take(store: PostgresStore, target: Path, progress: Progress | None = None) -> Snapshot:
    """As ``index.stores.snapshot``; questions and changes go on meanwhile."""

    def copy(aside: Path) -> int:
        with WriterLock(aside / LOCK).held(_LOCK_TIMEOUT_S):
            create_files(aside, store.dim, store.fingerprint, store.settings, store.id)
        with store.read() as reader, store.reading() as (connection, generation):
            # Of the later of two snapshots all is taken: what is remembered beside documents changes none of them.
            packed_documents.fill(aside, _packed_documents(connection))
            packed_documents.fill_notes(aside, reader.failures(), reader.notes())
        return generation

    return made(store.place, target, copy, progress)


def restore(source: Path, address: str, *, overwrite: bool = False, progress: Progress | None = None) -> Snapshot:
    """As ``index.stores.restore``, in one transaction: until its end readers see what was there before."""
    database = Database(address)
    building = PassingFolder("restore")
    try:
        with (
            checked_copy(source, building.path / "store", progress) as (copied, generation),
            translated(database.place),
            database.connected() as connection,
            connection.transaction(),
        ):
            connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCK_SPACE, CREATE_LOCK))
            if schema.exists(connection, database):
                if not overwrite:
                    raise StoreUnwritable(
                        f"{database.place} holds a store: choose another database, or say with --overwrite that it may be replaced"
                    )
                connection.execute("LOCK TABLE meta IN ACCESS EXCLUSIVE MODE")
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(database.schema)))
            schema.create_tables(connection, database, copied.dim, copied.fingerprint, copied.settings, copied.id)
            token = str(uuid.uuid4())
            for row, added_at in packed_documents.packed_documents(copied):
                write_document(connection, storable_row(row), token, added_at)
            with copied.read() as reader:
                write_failures(connection, reader.failures())
                notes = [(NOTE + name, text) for name, text in reader.notes().items()]
                documents, passages = reader.counts()
            connection.cursor().executemany("INSERT INTO meta VALUES (%s, %s)", notes)
            # Until the planner knows how many rows there are, it scores them one by one instead of asking the index of words.
            connection.execute("ANALYZE documents, metadata, passages, payload, signs, terms")
            size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
        return Snapshot(source, database.place, generation, documents, passages, size)
    finally:
        database.close()
        building.close()


def _packed_documents(connection: Connection) -> Iterator[tuple[DocumentRow, str]]:
    """All documents in their order, each with the time at which it was added."""
    passages = (
        f"SELECT {packed_columns('e', 's')} FROM passages p JOIN payload e ON e.passage = p.id JOIN signs s ON s.passage = p.id"
        " WHERE p.document = %s ORDER BY p.ordinal"
    )
    terms = connection.execute("SELECT collection, hash, term FROM terms")
    with connection.cursor(name="documents") as cursor:
        cursor.itersize = _TOGETHER
        cursor.execute(f"SELECT {DOCUMENT_COLUMNS}, d.text, d.number FROM documents d ORDER BY d.number")
        yield from stored_documents(
            cursor, lambda number: connection.execute(passages, (number,), binary=True).fetchall(), terms
        )
