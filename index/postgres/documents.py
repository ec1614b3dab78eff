"""Writing one document, or removing several, inside a transaction: rows, counters and the log entry.

Locks are taken in one order by everyone: documents by id, terms by collection and hash, then what orders all commits. Sequence
numbers are drawn under that last lock, so that the state of number n holds all changes up to n.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from index.errors import DocumentNotFound
from index.local.database.listing import DOCUMENT_COLUMNS, unpack_document
from index.local.database.rows import (
    Counts,
    DocumentRow,
    PassageRow,
    StoredPassage,
    document_id,
    filter_pairs,
    pack_metadata,
)
from index.local.system.clock import now
from index.postgres.connection import COMMIT_LOCK, LOCK_SPACE, Connection, storable, value_of
from index.postgres.words import has_words, words_of
from index.types import Document, FailedFile, JsonScalar

T = TypeVar("T")
# What is done in one transaction. With the token that goes into the log, where it changes documents.
Work = Callable[[Connection, str], T]
DONE = "SELECT token FROM log WHERE token = ANY(%(tokens)s::uuid[])"
_PASSAGES = (
    'COPY passages (id, document, collection, ordinal, "start", "end", text, context, section, page, sentences, layout, words,'
    " vector) FROM STDIN (FORMAT BINARY)"
)
_PASSAGE_TYPES = [
    "int8", "int8", "text", "int4", "int4", "int4", "text", "text", "text", "int4", "bytea", "text", "text", "bytea",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removed document was, counted before it went. vectors, lexical: passages that could be found by them."""

    number: int
    id: str
    passages: tuple[int, ...]
    vectors: int
    lexical: int


def storable_row(row: DocumentRow) -> DocumentRow:
    """A packed document as ``storable``."""
    new = replace(
        row.new,
        key=storable(row.new.key),
        title=storable(row.new.title),
        source=row.new.source and storable(row.new.source),
        text=storable(row.new.text),
        metadata={storable(key): _storable_value(value) for key, value in row.new.metadata.items()},
    )
    passages = tuple(PassageRow(_storable_passage(packed), body) for packed, body in row.passages)
    if new == row.new:
        return row._replace(passages=passages)
    return row._replace(
        id=document_id(new.collection, new.key),
        new=new,
        text_sha256=hashlib.sha256(new.text.encode()).hexdigest(),
        metadata=pack_metadata(new.metadata),
        filters=filter_pairs(new.metadata),
        passages=passages,
    )


def _storable_value(value: JsonScalar | list[JsonScalar]) -> JsonScalar | list[JsonScalar]:
    if isinstance(value, list):
        return [storable(element) if isinstance(element, str) else element for element in value]
    return storable(value) if isinstance(value, str) else value


def _storable_passage(packed: StoredPassage) -> StoredPassage:
    text, context, layout = map(storable, (packed.text, packed.context, packed.layout))
    return packed._replace(text=text, context=context, layout=layout)


def find_document(connection: Connection, identifier: str) -> Document | None:
    """The document of that id, if there is one."""
    row = connection.execute(f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE d.id = %s", (identifier,)).fetchone()
    return unpack_document(row) if row else None


def write_document(
    connection: Connection, row: DocumentRow, token: str, added_at: str | None = None, *, anew: bool = False
) -> tuple[str, Document, int]:
    """Add the document, replace it, or leave it when nothing of it differs.

    added_at: None for now.  anew: write it whatever is there.
    Returns "added", "updated" or "skipped", what is stored, and the number of the last change.
    """
    new = row.new
    lock_documents(connection, [row.id])
    known = connection.execute(
        "SELECT number, content_sha256, text_sha256, metadata, title, source, language FROM documents WHERE id = %s",
        (row.id,),
    ).fetchone()
    same = (new.content_sha256, row.text_sha256, row.metadata, new.title, new.source, new.language)
    if known and known[1:] == same and not anew:
        return "skipped", _stored(connection, row.id), 0
    removed, changes = _clear(connection, [known[0]]) if known else ([], {})
    number = _write_row(connection, row, added_at or now())
    _write_passages(connection, number, row)
    forget_failures(connection, new.collection, [new.key])
    changes.setdefault(new.collection, Counts()).add_document(row.passages)
    outcome = "updated" if removed else "added"
    sequence = _finish(connection, changes, [("update" if removed else "add", row.id, len(row.passages))], token)
    return outcome, _stored(connection, row.id), sequence


def remove_documents(connection: Connection, ids: Sequence[str], token: str) -> tuple[list[Removed], int]:
    """Remove documents with all that belongs to them, and the number of the last change. Raises DocumentNotFound."""
    lock_documents(connection, ids)
    numbers: dict[str, int] = dict(
        connection.execute("SELECT id, number FROM documents WHERE id = ANY(%s)", (list(ids),)).fetchall()
    )
    for identifier in ids:
        if identifier not in numbers:
            raise DocumentNotFound(f"no document has the id {identifier}")
    removed, gone = _clear(connection, [numbers[identifier] for identifier in ids])
    connection.execute("DELETE FROM documents WHERE number = ANY(%s)", ([document.number for document in removed],))
    order = {identifier: place for place, identifier in enumerate(ids)}
    removed.sort(key=lambda document: order[document.id])
    entries = [("delete", document.id, len(document.passages)) for document in removed]
    return removed, _finish(connection, gone, entries, token)


def lock_documents(connection: Connection, ids: Iterable[str]) -> None:
    """Keep others from writing these documents until the transaction ends; also such as do not exist."""
    for identifier in sorted(ids):
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", (identifier, LOCK_SPACE))


def write_failures(connection: Connection, failed: Iterable[FailedFile]) -> None:
    """Remember these, each in place of what was known of the same collection and key; those that say when keep that."""
    at = now()
    rows = [(document_id(file.collection, file.key), *astuple(replace(file, at=file.at or at))) for file in failed]
    connection.cursor().executemany(
        "INSERT INTO failures VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET source = excluded.source,"
        " content_sha256 = excluded.content_sha256, reason = excluded.reason, at = excluded.at",
        sorted(rows),
    )


def forget_failures(connection: Connection, collection: str, keys: Sequence[str]) -> None:
    """What of these keys failed has been taken in, or is gone."""
    ids = [document_id(collection, key) for key in keys]
    connection.execute("DELETE FROM failures WHERE id = ANY(%s)", (ids,))


def remaining(connection: Connection, removed: Removed) -> int:
    """Rows that are left of a removed document."""
    n_rows: int = value_of(
        connection,
        "SELECT (SELECT count(*) FROM documents WHERE id = %(id)s) + (SELECT count(*) FROM metadata WHERE document = %(number)s)"
        " + (SELECT count(*) FROM passages WHERE document = %(number)s)"
        " + (SELECT count(*) FROM payload WHERE passage = ANY(%(passages)s))"
        " + (SELECT count(*) FROM signs WHERE passage = ANY(%(passages)s))",
        {"id": removed.id, "number": removed.number, "passages": list(removed.passages)},
    )
    return n_rows


def packed_half(vector: bytes) -> bytes:
    """A vector of float16, packed, as pgvector receives it: its length, nothing, then each in network order."""
    halves = np.frombuffer(vector, dtype="<f2")
    return np.array([len(halves), 0], dtype=">u2").tobytes() + halves.astype(">f2").tobytes()


def unpacked_half(sent: bytes) -> NDArray[np.float16]:
    """A vector that pgvector sent: float16 (dim,)."""
    return np.frombuffer(sent, dtype=">f2", offset=4).astype("<f2")


def _write_row(connection: Connection, row: DocumentRow, added_at: str) -> int:
    """The document's own row, and its filters. One that is updated keeps its number, and with it its place in lists."""
    new = row.new
    values = (
        row.id, new.collection, new.key, new.title, new.source, row.metadata, row.text_sha256, new.content_sha256,
        len(new.text), len(row.passages), added_at, new.language, new.text,
    )  # fmt: skip
    number: int = value_of(
        connection,
        "INSERT INTO documents (id, collection, key, title, source, metadata, text_sha256, content_sha256, n_characters,"
        " n_passages, added_at, language, text) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET title = excluded.title, source = excluded.source, metadata = excluded.metadata,"
        " text_sha256 = excluded.text_sha256, content_sha256 = excluded.content_sha256, n_characters = excluded.n_characters,"
        " n_passages = excluded.n_passages, added_at = excluded.added_at, language = excluded.language, text = excluded.text"
        " RETURNING number",
        values,
    )
    pairs = [(number, *pair) for pair in sorted(row.filters)]
    connection.cursor().executemany("INSERT INTO metadata VALUES (%s, %s, %s)", pairs)
    return number


def _write_passages(connection: Connection, number: int, row: DocumentRow) -> None:
    if not row.passages:
        return
    words = has_words(connection)
    query = "SELECT nextval(pg_get_serial_sequence('passages', 'id')) FROM generate_series(1, %s)"
    ids = sorted(identifier for (identifier,) in connection.execute(query, (len(row.passages),)))
    # The fields of a passage are in the order of the columns of all three tables.
    numbered = list(zip(ids, (passage.packed for passage in row.passages), strict=True))
    with connection.cursor() as cursor:
        with cursor.copy(_PASSAGES) as copy:
            copy.set_types(_PASSAGE_TYPES)
            for ordinal, (identifier, passage) in enumerate(numbered):
                searched = words_of(passage.terms) if words else None, packed_half(passage.vector)
                copy.write_row((identifier, number, row.new.collection, ordinal, *passage[:8], *searched))
        with cursor.copy("COPY payload FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "bytea", "bytea", "bytea", "bytea"])
            for identifier, passage in numbered:
                copy.write_row((identifier, *passage[8:12]))
        with cursor.copy("COPY signs FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "bytea", "bytea"])
            for identifier, passage in numbered:
                copy.write_row((identifier, *passage[12:]))


def _clear(connection: Connection, numbers: Sequence[int]) -> tuple[list[Removed], dict[str, Counts]]:
    """Remove everything of documents but their own rows; what they were, and what that takes from each collection's counters."""
    documents = connection.execute(
        "SELECT number, id, collection FROM documents WHERE number = ANY(%s)", (list(numbers),)
    ).fetchall()
    rows = connection.execute(
        "SELECT p.document, p.id, p.vector IS NOT NULL, e.terms, e.term_counts FROM passages p"
        " LEFT JOIN payload e ON e.passage = p.id WHERE p.document = ANY(%s) ORDER BY p.id",
        (list(numbers),),
        binary=True,
    ).fetchall()
    own: dict[int, list[Any]] = {number: [] for number, _, _ in documents}
    for number, *passage in rows:
        own[number].append(passage)
    removed: list[Removed] = []
    gone: dict[str, Counts] = {}
    for number, identifier, collection in documents:
        passages = own[number]
        ids = tuple(passage[0] for passage in passages)
        lexical = sum(passage[2] is not None for passage in passages)
        removed.append(Removed(number, identifier, ids, sum(passage[1] for passage in passages), lexical))
        counts = gone.setdefault(collection, Counts())
        counts.n_documents -= 1
        counts.n_passages -= len(passages)
        for *_, terms, term_counts in passages:
            counts.add(terms or b"", term_counts or b"", -1)
    connection.execute("DELETE FROM passages WHERE document = ANY(%s)", (list(numbers),))
    connection.execute("DELETE FROM metadata WHERE document = ANY(%s)", (list(numbers),))
    return removed, gone


def _finish(
    connection: Connection, changes: Mapping[str, Counts], entries: Sequence[tuple[str, str, int]], token: str
) -> int:
    """Bring the counters up to date and log the change, of which this is the number."""
    for collection, counts in sorted(changes.items()):
        changed = sorted((term, n) for term, n in counts.df.items() if n)
        connection.execute(
            "INSERT INTO terms (collection, hash, term, df) SELECT %s, hash, term, df"
            " FROM unnest(%s::bigint[], %s::text[], %s::integer[]) AS given (hash, term, df) ORDER BY hash"
            " ON CONFLICT (collection, hash) DO UPDATE SET df = terms.df + excluded.df",
            (
                collection,
                [term for term, _ in changed],
                [counts.names.get(term, "") for term, _ in changed],
                [n for _, n in changed],
            ),
        )
        if fewer := [term for term, n in changed if n < 0]:
            query = "DELETE FROM terms WHERE collection = %s AND hash = ANY(%s) AND df = 0"
            connection.execute(query, (collection, fewer))
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCK_SPACE, COMMIT_LOCK))
    for collection, counts in sorted(changes.items()):
        connection.execute(
            "INSERT INTO collections VALUES (%s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET"
            " n_documents = collections.n_documents + excluded.n_documents,"
            " n_passages = collections.n_passages + excluded.n_passages,"
            " n_terms = collections.n_terms + excluded.n_terms,"
            " n_context_terms = collections.n_context_terms + excluded.n_context_terms",
            (collection, *counts.row),
        )
        if counts.n_documents < 0:
            connection.execute("DELETE FROM collections WHERE name = %s AND n_documents = 0", (collection,))
    return log(connection, entries, token)


def log(connection: Connection, entries: Sequence[tuple[str, str, int]], token: str) -> int:
    """Write log rows (operation, document, passages) and return the number of the last. COMMIT_LOCK is held."""
    last: int = value_of(connection, "SELECT coalesce(max(sequence), 0) FROM log")
    rows = [(last + place, *entry, token, now()) for place, entry in enumerate(entries, 1)]
    connection.cursor().executemany("INSERT INTO log VALUES (%s, %s, %s, %s, %s, %s)", rows)
    return last + len(entries)


def _stored(connection: Connection, identifier: str) -> Document:
    document = find_document(connection, identifier)
    assert document is not None  # written, or looked at, in this transaction
    return document
