"""Writing one document, or removing one, inside a transaction: rows, counters and the log entry by which the views follow."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from index.errors import DocumentNotFound
from index.local.database.connection import Connection
from index.local.database.failures import forget_failures
from index.local.database.listing import DOCUMENT_COLUMNS, unpack_document
from index.local.database.rows import Counts, DocumentRow, PassageRow
from index.local.system.clock import now
from index.types import Document


class Removed(NamedTuple):
    """What a removed document leaves: its former number, and the ids that its passages had."""

    number: int
    collection: str
    first_passage: int | None
    n_passages: int

    @property
    def passages(self) -> range:
        """Ids of the passages, which lay side by side because there is one writer."""
        return range(self.first_passage, self.first_passage + self.n_passages) if self.first_passage else range(0)


def find_document(connection: Connection, document_id: str) -> Document | None:
    """The document of that id, if there is one."""
    row = connection.execute(f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE d.id = ?", (document_id,)).fetchone()
    return unpack_document(row) if row else None


def read_document(connection: Connection, document_id: str) -> Document:
    """The document of that id. Raises DocumentNotFound."""
    if (document := find_document(connection, document_id)) is None:
        raise DocumentNotFound(f"no document has the id {document_id}")
    return document


def last_sequence(connection: Connection) -> int:
    """Number of the last change; 0 when there was none."""
    sequence: int = connection.execute("SELECT coalesce(max(sequence), 0) FROM log").get
    return sequence


def history(connection: Connection, sequence: int) -> str:
    """A hash of which store this is and of its change ``sequence``: stores that agree in it hold the same up to there."""
    meta = connection.execute("SELECT key, value FROM meta WHERE key IN ('id', 'fingerprint') ORDER BY key").fetchall()
    entry = connection.execute("SELECT * FROM log WHERE sequence = ?", (sequence,)).fetchone()
    return hashlib.sha256(json.dumps([meta, entry]).encode()).hexdigest()


def write_document(connection: Connection, row: DocumentRow, added_at: str = "") -> tuple[str, Document]:
    """Add the document, replace it, or leave it when nothing of it differs: "added", "updated" or "skipped", and what is stored.

    added_at: "" for now.
    """
    new = row.new
    columns = "number, content_sha256, text_sha256, metadata, title, source, language"
    known = connection.execute(f"SELECT {columns} FROM documents WHERE id = ?", (row.id,)).fetchone()
    if known and known[1:] == (new.content_sha256, row.text_sha256, row.metadata, new.title, new.source, new.language):
        return "skipped", read_document(connection, row.id)
    removed = _clear(connection, known[0]) if known else None
    used = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'passages'").get
    first = (used or 0) + 1 if row.passages else None
    values = (
        row.id, new.collection, new.key, new.title, new.source, row.metadata, row.text_sha256, new.content_sha256,
        len(new.text), first, len(row.passages), added_at or now(), new.language,
    )  # fmt: skip
    # An updated document keeps its number, and with it its place in lists.
    number: int = connection.execute(
        "INSERT INTO documents (id, collection, key, title, source, metadata, text_sha256, content_sha256,"
        " n_characters, first_passage, n_passages, added_at, language)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        " ON CONFLICT (id) DO UPDATE SET title = ?4, source = ?5, metadata = ?6, text_sha256 = ?7, content_sha256 = ?8,"
        " n_characters = ?9, first_passage = ?10, n_passages = ?11, added_at = ?12, language = ?13 RETURNING number",
        values,
    ).get
    connection.execute("INSERT INTO texts VALUES (?, ?)", (number, new.text))
    forget_failures(connection, new.collection, [new.key])
    connection.executemany("INSERT INTO metadata VALUES (?, ?, ?)", [(number, *pair) for pair in sorted(row.filters)])
    _insert_passages(connection, number, first, row.passages)
    _count(connection, new.collection, row.passages)
    last = first + len(row.passages) - 1 if first else None
    _log(connection, "update" if removed else "add", row.id, first, last, removed)
    return "updated" if removed else "added", read_document(connection, row.id)


def remove_document(connection: Connection, document_id: str) -> Removed:
    """Remove the document with all that belongs to it. Raises DocumentNotFound."""
    number = connection.execute("SELECT number FROM documents WHERE id = ?", (document_id,)).get
    if number is None:
        raise DocumentNotFound(f"no document has the id {document_id}")
    removed = _clear(connection, number)
    connection.execute("DELETE FROM documents WHERE number = ?", (number,))
    _log(connection, "delete", document_id, None, None, removed)
    return removed


def rows_left(connection: Connection, document_id: str, removed: Removed) -> int:
    """How many rows of a removed document there still are."""
    n_rows: int = connection.execute(
        "SELECT (SELECT count(*) FROM documents WHERE id = ?1) + (SELECT count(*) FROM texts WHERE document = ?2)"
        " + (SELECT count(*) FROM metadata WHERE document = ?2) + (SELECT count(*) FROM passages WHERE document = ?2)"
        " + (SELECT count(*) FROM embeddings WHERE passage BETWEEN ?3 AND ?4)",
        (document_id, removed.number, removed.passages.start, removed.passages.stop - 1),
    ).get
    return n_rows


def has_removed(connection: Connection, after: int) -> bool:
    """Whether a document was removed after a change."""
    query = "SELECT EXISTS (SELECT 1 FROM log WHERE operation = 'delete' AND sequence > ?)"
    return bool(connection.execute(query, (after,)).get)


def _clear(connection: Connection, number: int) -> Removed:
    """Remove everything of a document but its own row, and take it out of the counters."""
    columns = "number, collection, first_passage, n_passages"
    removed = Removed(*connection.execute(f"SELECT {columns} FROM documents WHERE number = ?", (number,)).get)
    counts = Counts()
    query = "SELECT e.terms, e.term_counts FROM passages p JOIN embeddings e ON e.passage = p.id WHERE p.document = ?"
    for packed_terms, packed_counts in connection.execute(query, (number,)):
        counts.add(packed_terms, packed_counts)
    collection = removed.collection
    connection.executemany(
        "UPDATE terms SET df = df - ? WHERE collection = ? AND hash = ?",
        [(n, collection, term) for term, n in counts.df.items()],
    )
    connection.executemany(
        "DELETE FROM terms WHERE collection = ? AND hash = ? AND df = 0", [(collection, term) for term in counts.df]
    )
    connection.execute(
        "UPDATE collections SET n_documents = n_documents - 1, n_passages = n_passages - ?, n_terms = n_terms - ?,"
        " n_context_terms = n_context_terms - ? WHERE name = ?",
        (removed.n_passages, counts.n_terms, counts.n_context_terms, collection),
    )
    connection.execute("DELETE FROM collections WHERE name = ? AND n_documents = 0", (collection,))
    for table in ("passages", "texts", "metadata"):
        connection.execute(f"DELETE FROM {table} WHERE document = ?", (number,))
    return removed


def _insert_passages(connection: Connection, number: int, first: int | None, passages: tuple[PassageRow, ...]) -> None:
    for ordinal, passage in enumerate(passages):
        identifier = (first or 0) + ordinal
        # In the order of their columns: of the first eight, and of the rest.
        connection.execute(
            "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (identifier, number, ordinal, *passage.packed[:8]),
        )
        connection.execute("INSERT INTO embeddings VALUES (?, ?, ?, ?, ?, ?, ?)", (identifier, *passage.packed[8:]))


def _count(connection: Connection, collection: str, passages: Sequence[PassageRow]) -> None:
    counts = Counts()
    counts.add_document(passages)
    connection.executemany(
        "INSERT INTO terms VALUES (?, ?, ?, ?) ON CONFLICT (collection, hash) DO UPDATE SET df = df + excluded.df",
        [(collection, term, counts.names[term], n) for term, n in counts.df.items()],
    )
    connection.execute(
        "INSERT INTO collections VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET n_documents = n_documents + 1,"
        " n_passages = n_passages + excluded.n_passages, n_terms = n_terms + excluded.n_terms,"
        " n_context_terms = n_context_terms + excluded.n_context_terms",
        (collection, *counts.row),
    )


def _log(
    connection: Connection,
    operation: str,
    document_id: str,
    first: int | None,
    last: int | None,
    removed: Removed | None,
) -> None:
    gone = removed.passages if removed else range(0)
    connection.execute(
        "INSERT INTO log (operation, document_id, first_passage, last_passage, removed_first, removed_last, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (operation, document_id, first, last, gone.start if gone else None, gone.stop - 1 if gone else None, now()),
    )
