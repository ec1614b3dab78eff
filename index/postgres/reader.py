"""One state of a store in a database, read in one snapshot."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from index import statistics
from index.errors import DocumentNotFound
from index.local.database.rows import (
    DOCUMENT_COLUMNS,
    ID_LENGTH,
    PASSAGE_COLUMNS,
    unpack_document,
    unpack_passage,
)
from index.local.views.arrays import PassageRows
from index.postgres import lists
from index.postgres.connection import Connection, storable
from index.postgres.documents import find_document
from index.statistics import CountingReader
from index.types import Candidates, Document, FailedFile, Floats, Ids, Passage, Scope, Span, WordSigns

NOTE = "note:"  # what the keys of notes begin with, in the table of what the store says of itself
_SHORTEST_PREFIX = 4  # hex digits
_LAST = "\U0010ffff"  # the last code point; UTF-8 keeps their order


@dataclass(slots=True)
class Known(statistics.Known):
    """With the number of the state that it is of."""

    generation: int = -1


class Reader(CountingReader):
    """What ``PostgresStore.read`` gives, usable by one thread within its block."""

    def __init__(self, connection: Connection, generation: int, known: Known, searching: lists.Searching) -> None:
        self._connection = connection
        self.generation = generation
        self._known = known
        self._searching = searching
        self._dim = searching.dim

    def documents(
        self, *, collection: str | Collection[str] | None = None, after: str | None = None, limit: int = 100
    ) -> list[Document]:
        number = 0
        if after is not None:
            row = self._connection.execute("SELECT number FROM documents WHERE id = %s", (after,)).fetchone()
            if row is None:
                raise DocumentNotFound(f"no document has the id {after}")
            number = row[0]
        names = [collection] if isinstance(collection, str) else collection
        within = "" if names is None else " AND d.collection = ANY(%s)"
        values: list[Any] = [number, *([] if names is None else [sorted(names)]), limit]
        return self._documents(f"d.number > %s{within} ORDER BY d.number LIMIT %s", values)

    def document(self, document_id: str) -> Document:
        document = find_document(self._connection, document_id)
        if document is None:
            raise DocumentNotFound(f"no document has the id {document_id}")
        return document

    def find(self, reference: str, collection: str | None = None, key: str | None = None) -> list[Document]:
        attempts: list[tuple[str, list[Any]]] = [
            ("d.id = %s", [reference]),
            ("d.key = %s", [key or reference]),
            ("d.source = %s", [reference]),
        ]
        if _SHORTEST_PREFIX <= len(reference) <= ID_LENGTH and reference.isalnum():
            prefix = reference.lower()
            attempts.append(("d.id >= %s AND d.id < %s", [prefix, prefix + _LAST]))
        within = "" if collection is None else " AND d.collection = %s"
        for condition, values in attempts:
            if collection is not None:
                values.append(collection)
            if documents := self._documents(f"{condition}{within} ORDER BY d.number", values):
                return documents
        return []

    def below(self, collection: str, prefix: str) -> list[Document]:
        condition, values = _begins(prefix)
        return self._documents(f"d.collection = %s AND {condition} ORDER BY d.key", [collection, *values])

    def languages(self, collection: str) -> tuple[str, ...]:
        if collection not in self._known.languages:
            rows = self._connection.execute(
                "SELECT DISTINCT language FROM documents WHERE collection = %s AND language <> 'en' ORDER BY language",
                (collection,),
            )
            languages = tuple(language for (language,) in rows)
            if not languages and not self._counters(collection)[0]:  # names of what is not there would add up
                return ()
            self._known.languages[collection] = languages
        return self._known.languages[collection]

    def failures(
        self, collection: str | None = None, key: str | None = None, *, prefix: str | None = None
    ) -> list[FailedFile]:
        conditions, values = ["TRUE"], list[Any]()
        if collection is not None:
            conditions.append("d.collection = %s")
            values.append(collection)
        if key is not None:
            conditions.append("left(d.key, 200) = left(%s, 200) AND d.key = %s")
            values += [key, key]
        if prefix is not None:
            condition, bounds = _begins(prefix)
            conditions.append(condition)
            values += bounds
        rows = self._connection.execute(
            "SELECT collection, key, source, content_sha256, reason, at FROM failures d"
            f" WHERE {' AND '.join(conditions)} ORDER BY collection, key",
            values,
        )
        return [FailedFile(*row) for row in rows]

    def text(self, document_id: str, span: Span | None = None) -> str:
        row = self._connection.execute("SELECT text FROM documents WHERE id = %s", (document_id,)).fetchone()
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
        row = self._connection.execute("SELECT value FROM meta WHERE key = %s", (NOTE + name,)).fetchone()
        return None if row is None else str(row[0])

    def notes(self) -> dict[str, str]:
        """All texts that ``set_note`` keeps, by name."""
        rows = self._connection.execute("SELECT key, value FROM meta WHERE starts_with(key, %s)", (NOTE,))
        return {str(key).removeprefix(NOTE): str(value) for key, value in rows}

    def passages(self, ids: Sequence[int] | Ids) -> list[Passage]:
        return [unpack_passage(row) for row in self._in_order(PASSAGE_COLUMNS, ids)]

    def passages_of(self, document_id: str) -> list[Passage]:
        query = (
            f"SELECT {PASSAGE_COLUMNS} FROM documents d JOIN passages p ON p.document = d.number WHERE d.id = %s"
            " ORDER BY p.ordinal"
        )
        return [unpack_passage(row) for row in self._connection.execute(query, (document_id,), binary=True)]

    def contexts(self, ids: Sequence[int] | Ids) -> list[str]:
        return [context for (context,) in self._in_order("p.context", ids)]

    def contexts_of(self, document_id: str) -> list[str]:
        query = "SELECT p.context FROM documents d JOIN passages p ON p.document = d.number WHERE d.id = %s ORDER BY p.ordinal"
        return [context for (context,) in self._connection.execute(query, (document_id,))]

    def documents_of(self, passage_ids: Sequence[int] | Ids) -> dict[int, Document]:
        return {row[0]: unpack_document(row[1:]) for row in self._in_order(f"p.id, {DOCUMENT_COLUMNS}", passage_ids)}

    def vocabulary(self, collection: str) -> Iterator[tuple[str, int]]:
        with self._connection.cursor(name="vocabulary") as cursor:
            cursor.execute("SELECT term, df FROM terms WHERE collection = %s", (collection,))
            yield from cursor

    def nearest(self, vector: Floats, k: int, scope: Scope) -> tuple[Floats, Ids]:
        self._require_askable(vector, k)
        return lists.nearest(self._connection, self._selection(scope), vector, k, self._searching)

    def matching(self, terms: Sequence[str], k: int, scope: Scope) -> tuple[Floats, Ids]:
        weights = self._weights(scope.collection, terms, k)
        selection = self._selection(scope)
        if weights is None:
            return np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)
        return lists.matching(self._connection, selection, weights, k, self._searching)

    def candidates(self, ids: Sequence[int] | Ids) -> Candidates:
        columns = "e.passage, e.terms, e.term_counts, e.vector, e.sentence_vectors"
        rows = PassageRows.of(self._of_passages("payload", columns, ids), self._searching.dim)
        return Candidates(rows.ids, rows.vectors, rows.n_rows - 1, rows.terms, rows.term_counts)

    def word_signs(self, ids: Sequence[int] | Ids) -> WordSigns:
        return self._unpacked_signs(self._of_passages("signs", "e.passage, e.word_counts, e.word_signs", ids))

    def counts(self, collection: str | None = None) -> tuple[int, int]:
        query = "SELECT coalesce(sum(n_documents), 0), coalesce(sum(n_passages), 0) FROM collections"
        within = "" if collection is None else " WHERE name = %s"
        row = self._connection.execute(query + within, () if collection is None else (collection,)).fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def has_field(self, collection: str, key: str) -> bool:
        query = (
            "SELECT EXISTS (SELECT 1 FROM metadata m JOIN documents d ON d.number = m.document"
            " WHERE left(m.key, 100) = left(%s, 100) AND m.key = %s AND d.collection = %s)"
        )
        row = self._connection.execute(query, (key, key, collection)).fetchone()
        return bool(row and row[0])

    def fields(self, collection: str, limit: int) -> list[str]:
        query = (
            "SELECT DISTINCT m.key FROM metadata m JOIN documents d ON d.number = m.document WHERE d.collection = %s"
            " ORDER BY m.key LIMIT %s"
        )
        return [key for (key,) in self._connection.execute(query, (collection, limit))]

    def _read_names(self) -> Iterator[str]:
        return (name for (name,) in self._connection.execute("SELECT name FROM collections ORDER BY name"))

    def _read_totals(self, collection: str) -> tuple[int, int, int] | None:
        query = "SELECT n_passages, n_terms, n_context_terms FROM collections WHERE name = %s"
        row = self._connection.execute(query, (collection,)).fetchone()
        return None if row is None else (int(row[0]), int(row[1]), int(row[2]))

    def _read_frequencies(self, collection: str, hashes: Sequence[int]) -> Mapping[int, int]:
        query = "SELECT hash, df FROM terms WHERE collection = %s AND hash = ANY(%s)"
        return {row[0]: row[1] for row in self._connection.execute(query, (collection, list(hashes)))}

    def _selection(self, scope: Scope) -> lists.Selection:
        if not scope.where:
            return lists.Selection(scope.collection, self._counters(scope.collection)[0], None)
        conditions, values = ["d.collection = %s"], list[Any]([scope.collection])
        for key, wanted in scope.where.items():
            condition, parameters = lists.condition(key, wanted)
            conditions.append(condition)
            values += parameters
        query = f"SELECT d.number, d.n_passages FROM documents d WHERE {' AND '.join(conditions)}"
        rows = self._connection.execute(query, values).fetchall()
        return lists.Selection(scope.collection, sum(row[1] for row in rows), [row[0] for row in rows])

    def _documents(self, condition: str, values: Sequence[Any]) -> list[Document]:
        rows = self._connection.execute(f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE {condition}", values)
        return [unpack_document(row) for row in rows]

    def _in_order(self, columns: str, ids: Sequence[int] | Ids) -> list[tuple[Any, ...]]:
        """Columns of passages p and their documents d, in the order asked."""
        if not len(ids):
            return []
        query = (
            f"SELECT {columns} FROM unnest(%s::bigint[]) WITH ORDINALITY AS c (id, place) JOIN passages p ON p.id = c.id"
            " JOIN documents d ON d.number = p.document ORDER BY c.place"
        )
        return self._connection.execute(query, ([int(number) for number in ids],), binary=True).fetchall()

    def _of_passages(self, table: str, columns: str, ids: Sequence[int] | Ids) -> list[Any]:
        """Columns of ``payload`` or ``signs`` e, in the order asked."""
        if not len(ids):
            return []
        query = (
            f"SELECT {columns} FROM unnest(%s::bigint[]) WITH ORDINALITY AS c (id, place) JOIN {table} e ON e.passage = c.id"
            " ORDER BY c.place"
        )
        return self._connection.execute(query, ([int(number) for number in ids],), binary=True).fetchall()


def _begins(prefix: str) -> tuple[str, list[Any]]:
    """A condition on ``d.key``: that it begins so. The beginnings are what the index holds."""
    after = storable(prefix) + _LAST
    return (
        "left(d.key, 200) >= left(%s, 200) AND left(d.key, 200) <= left(%s, 200) AND d.key >= %s AND d.key < %s",
        [prefix, after, prefix, after],
    )
