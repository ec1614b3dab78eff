"""One consistent state of the store: rows and both views as they were after one change."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from index.errors import DocumentNotFound
from index.local.database import filters
from index.local.database.connection import Connection
from index.local.database.documents import read_document
from index.local.database.failures import read_failures
from index.local.database.notes import read_note, read_notes
from index.local.database.rows import (
    DOCUMENT_COLUMNS,
    ID_LENGTH,
    PASSAGE_COLUMNS,
    id_array,
    rows_of,
    unpack_document,
    unpack_passage,
)
from index.local.views import scan
from index.local.views.arrays import PassageRows
from index.local.views.bm25 import TermRows, best_matches
from index.local.views.ids import NO_IDS, among
from index.local.views.state import Known as StateKnown
from index.local.views.state import Views
from index.local.views.vectors import Bitmap, bitmap
from index.statistics import CountingReader
from index.types import Candidates, Document, FailedFile, Floats, Ids, Passage, Scope, Span, WordSigns

_SHORTEST_PREFIX = 4  # hex digits
_NO_SCORES: Floats = np.empty(0, dtype=np.float32)


class Reader(CountingReader):
    """What ``Store.read`` gives, usable by one thread within its block."""

    def __init__(self, connection: Connection, views: Views) -> None:
        self._connection = connection
        self._views = views
        self.generation = views.sequence
        self._known: StateKnown = views.known
        self._dim = views.base.vectors.dim

    def documents(
        self, *, collection: str | Collection[str] | None = None, after: str | None = None, limit: int = 100
    ) -> list[Document]:
        number = 0
        wanted = [collection] if isinstance(collection, str) else collection
        names = None if wanted is None else json.dumps(sorted(wanted))
        if after is not None:
            number = self._connection.execute("SELECT number FROM documents WHERE id = ?", (after,)).get
            if number is None:
                raise DocumentNotFound(f"no document has the id {after}")
        rows = self._connection.execute(
            f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE d.number > ?1"
            " AND (?2 IS NULL OR d.collection IN (SELECT value FROM json_each(?2))) ORDER BY d.number LIMIT ?3",
            (number, names, limit),
        )
        return [unpack_document(row) for row in rows]

    def document(self, document_id: str) -> Document:
        return read_document(self._connection, document_id)

    def find(self, reference: str, collection: str | None = None, key: str | None = None) -> list[Document]:
        prefix = reference if _SHORTEST_PREFIX <= len(reference) <= ID_LENGTH and reference.isalnum() else None
        attempts = [("d.id = ?", reference), ("d.key = ?", key or reference), ("d.source = ?", reference)]
        if prefix is not None:
            # Alphanumeric, so that no character of it means anything to GLOB.
            attempts.append(("d.id GLOB ?", prefix.lower() + "*"))
        for condition, value in attempts:
            rows = self._connection.execute(
                f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE {condition} AND (?2 IS NULL OR d.collection = ?2)"
                " ORDER BY d.number",
                (value, collection),
            )
            if documents := [unpack_document(row) for row in rows]:
                return documents
        return []

    def below(self, collection: str, prefix: str) -> list[Document]:
        # U+10FFFF is the last code point, and UTF-8 keeps their order.
        rows = self._connection.execute(
            f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE d.collection = ? AND d.key >= ? AND d.key < ? ORDER BY d.key",
            (collection, prefix, prefix + "\U0010ffff"),
        )
        return [unpack_document(row) for row in rows]

    def languages(self, collection: str) -> tuple[str, ...]:
        if collection in self._known.languages:
            return self._known.languages[collection]
        # Each step looks up the next one in the index: DISTINCT would read an entry for every document.
        rows = self._connection.execute(
            "WITH RECURSIVE found (language) AS ("
            " SELECT min(language) FROM documents WHERE collection = ?1 AND language <> 'en' UNION ALL"
            " SELECT (SELECT min(d.language) FROM documents d"
            "  WHERE d.collection = ?1 AND d.language <> 'en' AND d.language > found.language)"
            " FROM found WHERE found.language IS NOT NULL"
            ") SELECT language FROM found WHERE language IS NOT NULL",
            (collection,),
        )
        languages = tuple(language for (language,) in rows)
        if languages or self._counters(collection)[0]:  # names of what is not there would add up
            self._known.languages[collection] = languages
        return languages

    def failures(
        self, collection: str | None = None, key: str | None = None, *, prefix: str | None = None
    ) -> list[FailedFile]:
        return read_failures(self._connection, collection, key, prefix)

    def text(self, document_id: str, span: Span | None = None) -> str:
        query = "SELECT t.text FROM documents d JOIN texts t ON t.document = d.number WHERE d.id = ?"
        row = self._connection.execute(query, (document_id,)).fetchone()
        if row is None:
            raise DocumentNotFound(f"no document has the id {document_id}")
        text: str = row[0]
        if span is None:
            return text
        start, end = span
        if not 0 <= start <= end <= len(text):
            raise ValueError(f"span [{start}, {end}) does not lie in a text of {len(text)} characters")
        return text[start:end]

    def note(self, name: str) -> str | None:
        return read_note(self._connection, name)

    def notes(self) -> dict[str, str]:
        """All texts that ``Store.set_note`` keeps, by name."""
        return read_notes(self._connection)

    def document_marks(self) -> dict[str, bytes]:
        """Of each document, by id and in the order of ``documents``, a hash of all that its row says: equal rows, equal hashes."""
        rows = self._connection.execute(f"SELECT {DOCUMENT_COLUMNS} FROM documents d ORDER BY d.number")
        return {row[0]: hashlib.sha256(repr(row).encode()).digest() for row in rows}

    def passages(self, ids: Sequence[int] | Ids) -> list[Passage]:
        query = (
            f"SELECT {PASSAGE_COLUMNS} FROM carray(?) c CROSS JOIN passages p ON p.id = c.value"
            " JOIN documents d ON d.number = p.document"
        )
        return [unpack_passage(row) for row in rows_of(self._connection, query, ids)]

    def passages_of(self, document_id: str) -> list[Passage]:
        query = (
            f"SELECT {PASSAGE_COLUMNS} FROM documents d JOIN passages p ON p.document = d.number WHERE d.id = ?"
            " ORDER BY p.ordinal"
        )
        return [unpack_passage(row) for row in self._connection.execute(query, (document_id,))]

    def contexts(self, ids: Sequence[int] | Ids) -> list[str]:
        query = "SELECT p.context FROM carray(?) c CROSS JOIN passages p ON p.id = c.value"
        return [context for (context,) in rows_of(self._connection, query, ids)]

    def contexts_of(self, document_id: str) -> list[str]:
        query = "SELECT p.context FROM documents d JOIN passages p ON p.document = d.number WHERE d.id = ? ORDER BY p.ordinal"
        return [context for (context,) in self._connection.execute(query, (document_id,))]

    def documents_of(self, passage_ids: Sequence[int] | Ids) -> dict[int, Document]:
        query = (
            f"SELECT p.id, {DOCUMENT_COLUMNS} FROM carray(?) c CROSS JOIN passages p ON p.id = c.value"
            " JOIN documents d ON d.number = p.document"
        )
        return {row[0]: unpack_document(row[1:]) for row in rows_of(self._connection, query, passage_ids)}

    def vocabulary(self, collection: str) -> Iterator[tuple[str, int]]:
        yield from self._connection.execute("SELECT term, df FROM terms WHERE collection = ?", (collection,))

    def nearest(self, vector: Floats, k: int, scope: Scope) -> tuple[Floats, Ids]:
        self._require_askable(vector, k)
        if "vectors" in self._views.base.missing:
            return scan.nearest(self._connection, self._passages_in(scope), vector, k)
        return self._views.nearest(vector, k, self._allowed_passages(scope))

    def matching(self, terms: Sequence[str], k: int, scope: Scope) -> tuple[Floats, Ids]:
        weights = self._weights(scope.collection, terms, k)
        documents = self._matching_documents(scope) if scope.where else None
        if weights is None or documents == []:
            return _NO_SCORES, NO_IDS
        if "lexical" in self._views.base.missing:
            return scan.matching(self._passages_in(scope), weights, k, self._term_rows)
        parts = [self._views.base.lexical, self._views.lexical] if self._views.rows else [self._views.base.lexical]
        collection = None if self.collections() == [scope.collection] else scope.collection
        return best_matches(parts, weights, k, collection, documents, self._term_rows)

    def candidates(self, ids: Sequence[int] | Ids) -> Candidates:
        rows = self._rows(np.asarray(ids, dtype=np.int64))
        return Candidates(
            ids=rows.ids,
            vectors=rows.vectors,
            sentence_counts=rows.n_rows - 1,
            terms=rows.terms,
            term_counts=rows.term_counts,
        )

    def word_signs(self, ids: Sequence[int] | Ids) -> WordSigns:
        query = (
            "SELECT passage, word_counts, word_signs FROM carray(?) c CROSS JOIN embeddings e ON e.passage = c.value"
        )
        return self._unpacked_signs(list(rows_of(self._connection, query, ids)))

    def counts(self, collection: str | None = None) -> tuple[int, int]:
        query = (
            "SELECT coalesce(sum(n_documents), 0), coalesce(sum(n_passages), 0) FROM collections"
            " WHERE ?1 IS NULL OR name = ?1"
        )
        n_documents, n_passages = self._connection.execute(query, (collection,)).get
        return n_documents, n_passages

    def has_field(self, collection: str, key: str) -> bool:
        query = (
            "SELECT EXISTS (SELECT 1 FROM metadata m JOIN documents d ON d.number = m.document"
            " WHERE m.key = ? AND d.collection = ?)"
        )
        return bool(self._connection.execute(query, (key, collection)).get)

    def fields(self, collection: str, limit: int) -> list[str]:
        # From one name to the next in the index, instead of through the values of all documents.
        rows = self._connection.execute(
            "WITH RECURSIVE names (key) AS (SELECT min(key) FROM metadata UNION ALL"
            " SELECT (SELECT min(key) FROM metadata WHERE key > names.key) FROM names WHERE names.key IS NOT NULL)"
            " SELECT key FROM names WHERE key IS NOT NULL AND EXISTS (SELECT 1 FROM metadata m"
            " JOIN documents d ON d.number = m.document WHERE m.key = names.key AND d.collection = ?) LIMIT ?",
            (collection, limit),
        )
        return [key for (key,) in rows]

    def _read_names(self) -> Iterator[str]:
        return (name for (name,) in self._connection.execute("SELECT name FROM collections ORDER BY name"))

    def _read_totals(self, collection: str) -> tuple[int, int, int] | None:
        query = "SELECT n_passages, n_terms, n_context_terms FROM collections WHERE name = ?"
        totals: tuple[int, int, int] | None = self._connection.execute(query, (collection,)).get
        return totals

    def _read_frequencies(self, collection: str, hashes: Sequence[int]) -> Mapping[int, int]:
        query = "SELECT t.hash, t.df FROM carray(?) c CROSS JOIN terms t ON t.collection = ? AND t.hash = c.value"
        rows: Iterator[tuple[int, int]] = self._connection.execute(query, (id_array(hashes), collection))
        return dict(rows)

    def _rows(self, ids: Ids) -> PassageRows:
        """Rows of these passages, in the order asked; ids that do not exist are left out."""
        ids = ids[self._views.here(ids)]
        known = self._views.base.arrays.rows(ids)
        missing = ids[~among(ids, np.sort(known.ids))]
        if len(missing):
            query = (
                "SELECT passage, terms, term_counts, vector, sentence_vectors"
                " FROM carray(?) c CROSS JOIN embeddings e ON e.passage = c.value"
            )
            rows = list(rows_of(self._connection, query, missing))
            known = PassageRows.joined([known, PassageRows.of(rows, self._dim)])
        return known.taken(_places(known.ids, ids))

    def _term_rows(self, ids: Ids) -> TermRows:
        ids = ids[self._views.here(ids)]
        known, lengths, terms = self._views.base.arrays.terms(ids)
        missing = ids[~among(ids, np.sort(known))]
        if len(missing):
            query = "SELECT passage, terms FROM carray(?) c CROSS JOIN embeddings e ON e.passage = c.value"
            rows: list[tuple[int, bytes]] = list(rows_of(self._connection, query, missing))
            packed = np.frombuffer(b"".join(block for _, block in rows), dtype="<u4").astype(np.uint32, copy=False)
            known = np.concatenate([known, [passage for passage, _ in rows]]).astype(np.int64)
            lengths = np.concatenate([lengths, [len(block) // 4 for _, block in rows]]).astype(np.int64)
            terms = np.concatenate([terms, packed])
        return TermRows(known, lengths, terms)

    def _allowed_passages(self, scope: Scope) -> Bitmap | None:
        """A bit per passage that the scope allows, or None when it allows all of the store."""
        if scope.where:
            return bitmap(self._ranges(scope))
        if self.collections() == [scope.collection]:
            return None
        if scope.collection not in self._known.scopes:
            self._known.scopes[scope.collection] = bitmap(self._ranges(scope))
        return self._known.scopes[scope.collection]

    def _passages_in(self, scope: Scope) -> Ids:
        """All passages that the scope allows, int64 ascending."""
        ranges = self._ranges(scope)
        return np.sort(np.concatenate([np.arange(*bounds) for bounds in ranges])) if ranges else NO_IDS

    def _ranges(self, scope: Scope) -> list[tuple[int, int]]:
        """Half-open ranges of the passage ids of the documents that the scope allows."""
        query = "SELECT first_passage, first_passage + n_passages FROM documents d WHERE first_passage IS NOT NULL AND "
        if not scope.where:
            return list(self._connection.execute(query + "d.collection = ?", (scope.collection,)))
        documents = self._matching_documents(scope)
        return list(rows_of(self._connection, query + "d.number IN (SELECT value FROM carray(?))", documents))

    def _matching_documents(self, scope: Scope) -> list[int]:
        """Numbers of the documents whose metadata the scope allows."""
        conditions = ["d.collection = ?"]
        values: list[str | float] = [scope.collection]
        for key, wanted in scope.where.items():
            condition, parameters = filters.condition(key, wanted)
            conditions.append(condition)
            values += parameters
        query = f"SELECT d.number FROM documents d WHERE {' AND '.join(conditions)} ORDER BY d.number"
        return [number for (number,) in self._connection.execute(query, values)]


def _places(ids: Ids, wanted: Ids) -> Ids:
    """Where each of the wanted ids, in their order, stands among those found; those that do not are left out."""
    if not len(ids):
        return NO_IDS
    order = np.argsort(ids)  # (n_ids,)
    place = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]  # (n_wanted,)
    places: Ids = place[ids[place] == wanted]  # (those that are there,)
    return places
