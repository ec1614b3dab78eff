"""A directory's store written from, or read into, the packed rows of another one: nothing is analyzed or embedded again."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

from index.local.database.connection import Database
from index.local.database.documents import write_document
from index.local.database.failures import write_failures
from index.local.database.listing import DOCUMENT_COLUMNS
from index.local.database.notes import write_notes
from index.local.database.rows import DocumentRow, packed_columns, stored_documents
from index.local.store import Store
from index.local.system.names import DATABASE
from index.types import FailedFile

_DOCUMENTS_PER_TRANSACTION = 20


def fill(path: Path, documents: Iterable[tuple[DocumentRow, str]]) -> None:
    """Write documents, each with the time at which it was added, into a store that nobody else uses yet.

    Its views are made at the next start.
    """
    remaining = iter(documents)
    with closing(Database(path / DATABASE)) as database:
        while batch := list(islice(remaining, _DOCUMENTS_PER_TRANSACTION)):
            with database.writing() as connection:
                for row, added_at in batch:
                    write_document(connection, row, added_at)


def fill_notes(path: Path, failures: Iterable[FailedFile], notes: Mapping[str, str]) -> None:
    """Write what a store remembers beside its documents."""
    with closing(Database(path / DATABASE)) as database, database.writing() as connection:
        write_failures(connection, failures)
        write_notes(connection, notes)


def packed_documents(store: Store) -> Iterator[tuple[DocumentRow, str]]:
    """All documents of a store in their order, each with the time at which it was added."""
    query = (
        f"SELECT {DOCUMENT_COLUMNS}, t.text, d.number FROM documents d JOIN texts t ON t.document = d.number"
        " ORDER BY d.number"
    )
    passages = (
        f"SELECT {packed_columns('e', 'e')} FROM passages p JOIN embeddings e ON e.passage = p.id"
        " WHERE p.document = ? ORDER BY p.ordinal"
    )
    with closing(Database(store.path / DATABASE)) as database, database.reading() as connection:
        yield from stored_documents(
            connection.execute(query),
            lambda number: connection.execute(passages, (number,)),
            connection.execute("SELECT collection, hash, term FROM terms"),
        )
