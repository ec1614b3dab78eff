"""What readers of both stores read in the same way, in SQL that both databases take; each writes the rest in its own."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from index.errors import DocumentNotFound
from index.local.database.listing import DOCUMENT_COLUMNS, unpack_document
from index.local.database.notes import NOTE
from index.local.database.rows import ID_LENGTH, PASSAGE_COLUMNS, unpack_passage
from index.statistics import CountingReader
from index.types import DOCUMENT_IDS, Condition, Document, Excluded, FailedFile, Ids, Passage, Range, Scope, Span

LAST = "\U0010ffff"  # the last code point; UTF-8 keeps their order
_SHORTEST_PREFIX = 4  # hex digits
_OF_DOCUMENTS = "passages p ON p.id = c.value JOIN documents d ON d.number = p.document"
# A condition in SQL, with its parameters.
Where = tuple[str, list[Any]]


class RowReader(CountingReader):
    """A reader of rows. text_query: for the text of the document of an id."""

    _text_query: str

    def _joined(self, columns: str, tables: str, ids: "Sequence[int] | Ids") -> Iterable[Any]:
        """Columns of tables joined to ``c.value``, which is each of the ids, in the order asked."""
        raise NotImplementedError

    def _read_languages(self, collection: str) -> Iterable[tuple[str]]:
        """As ``languages``."""
        raise NotImplementedError

    def _in_collections(self, names: list[str]) -> Where:
        """That documents d are of one of these collections."""
        raise NotImplementedError

    def _with_metadata(self, key: str, allowed: Sequence[str] | Range) -> Where:
        """A query for the numbers of the documents whose ``key`` has one of the values, or one within the range.

        Raises ValueError for a range without bounds or with one that is neither number nor date.
        """
        raise NotImplementedError

    def _is_key(self, column: str, key: str) -> Where:
        """That a column of keys, of documents d or metadata m, is this."""
        return f"{column} = ?", [key]

    def _key_begins(self, prefix: str) -> Where:
        """That the key of documents d begins so."""
        return "d.key >= ? AND d.key < ?", [prefix, prefix + LAST]

    def documents(
        self,
        *,
        collection: str | Collection[str] | None = None,
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[Document]:
        number, beyond, order = (2**63 - 1, "<", "DESC") if newest_first else (0, ">", "ASC")
        if after is not None:
            rows = self._select("SELECT number FROM documents WHERE id = ?", [after])
            if not rows:
                raise DocumentNotFound(f"no document has the id {after}")
            number = rows[0][0]
        condition, values = f"d.number {beyond} ?", [number]
        if collection is not None:
            within, names = self._in_collections([collection] if isinstance(collection, str) else sorted(collection))
            condition, values = f"{condition} AND {within}", [*values, *names]
        return self._documents(f"{condition} ORDER BY d.number {order} LIMIT ?", [*values, limit])

    def document(self, document_id: str) -> Document:
        if (document := self.find_document(document_id)) is None:
            raise DocumentNotFound(f"no document has the id {document_id}")
        return document

    def find_document(self, document_id: str) -> Document | None:
        return next(iter(self._documents("d.id = ?", [document_id])), None)

    def find(self, reference: str, collection: str | None = None, key: str | None = None) -> list[Document]:
        attempts: list[Where] = [
            ("d.id = ?", [reference]),
            ("d.key = ?", [key or reference]),
            ("d.source = ?", [reference]),
        ]
        if _SHORTEST_PREFIX <= len(reference) <= ID_LENGTH and reference.isalnum():
            prefix = reference.lower()
            attempts.append(("d.id >= ? AND d.id < ?", [prefix, prefix + LAST]))
        within = "" if collection is None else " AND d.collection = ?"
        for condition, values in attempts:
            asked = values if collection is None else [*values, collection]
            if documents := self._documents(f"{condition}{within} ORDER BY d.number", asked):
                return documents
        return []

    def below(self, collection: str, prefix: str) -> list[Document]:
        condition, values = self._key_begins(prefix)
        return self._documents(f"d.collection = ? AND {condition} ORDER BY d.key", [collection, *values])

    def languages(self, collection: str) -> tuple[str, ...]:
        if collection not in self._known.languages:
            languages = tuple(language for (language,) in self._read_languages(collection))
            if not languages and not self._counters(collection)[0]:  # names of what is not there would add up
                return ()
            self._known.languages[collection] = languages
        return self._known.languages[collection]

    def failures(
        self, collection: str | None = None, key: str | None = None, *, prefix: str | None = None
    ) -> list[FailedFile]:
        # Only what is asked for is a condition: with "? IS NULL OR ..." all rows would be read each time.
        conditions: list[Where] = [] if collection is None else [("d.collection = ?", [collection])]
        if key is not None:
            conditions.append(self._is_key("d.key", key))
        if prefix is not None:
            conditions.append(self._key_begins(prefix))
        where, values = _all_of(conditions)
        columns = "collection, key, source, content_sha256, reason, at"
        rows = self._select(f"SELECT {columns} FROM failures d WHERE {where} ORDER BY collection, key", values)
        return [FailedFile(*row) for row in rows]

    def text(self, document_id: str, span: Span | None = None) -> str:
        rows = self._select(self._text_query, [document_id])
        if not rows:
            raise DocumentNotFound(f"no document has the id {document_id}")
        text: str = rows[0][0]
        if span is None:
            return text
        start, end = span
        if not 0 <= start <= end <= len(text):
            raise ValueError(f"span [{start}, {end}) does not lie in a text of {len(text)} characters")
        return text[start:end]

    def note(self, name: str) -> str | None:
        rows = self._select("SELECT value FROM meta WHERE key = ?", [NOTE + name])
        return str(rows[0][0]) if rows else None

    def notes(self) -> dict[str, str]:
        """All texts that ``Store.set_note`` keeps, by name."""
        rows = self._select(f"SELECT key, value FROM meta WHERE substr(key, 1, {len(NOTE)}) = ?", [NOTE])
        return {str(key).removeprefix(NOTE): str(value) for key, value in rows}

    def passages(self, ids: "Sequence[int] | Ids") -> list[Passage]:
        return [unpack_passage(row) for row in self._joined(PASSAGE_COLUMNS, _OF_DOCUMENTS, ids)]

    def passages_of(self, document_id: str) -> list[Passage]:
        return [unpack_passage(row) for row in self._of_document(PASSAGE_COLUMNS, document_id)]

    def contexts(self, ids: "Sequence[int] | Ids") -> list[str]:
        return [context for (context,) in self._joined("p.context", "passages p ON p.id = c.value", ids)]

    def contexts_of(self, document_id: str) -> list[str]:
        return [context for (context,) in self._of_document("p.context", document_id)]

    def documents_of(self, passage_ids: "Sequence[int] | Ids") -> dict[int, Document]:
        rows = self._joined(f"p.id, {DOCUMENT_COLUMNS}", _OF_DOCUMENTS, passage_ids)
        return {row[0]: unpack_document(row[1:]) for row in rows}

    def counts(self, collection: str | None = None) -> tuple[int, int]:
        query = "SELECT coalesce(sum(n_documents), 0), coalesce(sum(n_passages), 0) FROM collections"
        within = "" if collection is None else " WHERE name = ?"
        ((n_documents, n_passages),) = self._select(query + within, [] if collection is None else [collection])
        return int(n_documents), int(n_passages)

    def has_field(self, collection: str, key: str) -> bool:
        condition, values = self._is_key("m.key", key)
        rows = self._select(
            "SELECT EXISTS (SELECT 1 FROM metadata m JOIN documents d ON d.number = m.document"
            f" WHERE {condition} AND d.collection = ?)",
            [*values, collection],
        )
        return bool(rows[0][0])

    def _matching_documents(self, scope: Scope, columns: str) -> list[Any]:
        """Columns of the documents d whose metadata a scope allows."""
        conditions = [
            ("d.collection = ?", [scope.collection]),
            *(self._has_metadata(*each) for each in scope.where.items()),
        ]
        where, values = _all_of(conditions)
        return self._select(f"SELECT {columns} FROM documents d WHERE {where}", values)

    def _has_metadata(self, key: str, wanted: Condition) -> Where:
        """That documents d are as a scope wants them.  Raises as ``_with_metadata``."""
        if key == DOCUMENT_IDS and not isinstance(wanted, Range | Excluded):
            return f"d.id IN ({', '.join('?' * len(wanted))})" if wanted else "FALSE", [*wanted]
        query, values = self._with_metadata(key, wanted.values if isinstance(wanted, Excluded) else wanted)
        return f"d.number {'NOT IN' if isinstance(wanted, Excluded) else 'IN'} ({query})", values

    def _documents(self, condition: str, values: Sequence[Any]) -> list[Document]:
        rows = self._select(f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE {condition}", values)
        return [unpack_document(row) for row in rows]

    def _of_document(self, columns: str, document_id: str) -> list[Any]:
        """Columns of the passages p of a document d, in order."""
        tables = "documents d JOIN passages p ON p.document = d.number"
        return self._select(f"SELECT {columns} FROM {tables} WHERE d.id = ? ORDER BY p.ordinal", [document_id])


def _all_of(conditions: Sequence[Where]) -> Where:
    """That all of these hold, of which there may be none."""
    where = " AND ".join(condition for condition, _ in conditions) or "TRUE"
    return where, [value for _, values in conditions for value in values]
