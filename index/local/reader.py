"""One consistent state of the store: rows and both views as they were after one change."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from index.candidates import Candidates, WordSigns
from index.local.database import filters
from index.local.database.connection import Connection
from index.local.database.listing import DOCUMENT_COLUMNS
from index.local.database.rows import id_array, rows_of
from index.local.views import scan
from index.local.views.arrays import PassageRows
from index.local.views.bm25 import TermRows, best_matches
from index.local.views.ids import NO_IDS, NO_SCORES, among
from index.local.views.state import Known, Views
from index.local.views.vectors import Bitmap, bitmap
from index.reader import RowReader, Where
from index.types import Floats, Ids, Range, Scope


class Reader(RowReader):
    """What ``Store.read`` gives, usable by one thread within its block."""

    _text_query = "SELECT t.text FROM documents d JOIN texts t ON t.document = d.number WHERE d.id = ?"

    def __init__(self, connection: Connection, views: Views) -> None:
        self._connection = connection
        self._views = views
        self.generation = views.sequence
        self._known: Known = views.known
        self._dim = views.base.vectors.dim

    def document_marks(self) -> dict[str, bytes]:
        rows = self._connection.execute(f"SELECT {DOCUMENT_COLUMNS} FROM documents d ORDER BY d.number")
        return {row[0]: hashlib.sha256(repr(row).encode()).digest() for row in rows}

    def nearest(self, vector: Floats, k: int, scope: Scope) -> tuple[Floats, Ids]:
        self._require_askable(vector, k)
        if "vectors" in self._views.base.missing:
            return scan.nearest(self._connection, self._passages_in(scope), vector, k)
        return self._views.nearest(vector, k, self._allowed_passages(scope))

    def matching(self, terms: Sequence[str], k: int, scope: Scope) -> tuple[Floats, Ids]:
        weights = self._weights(scope.collection, terms, k)
        documents = self._numbers(scope) if scope.where else None
        if weights is None or documents == []:
            return NO_SCORES, NO_IDS
        if "lexical" in self._views.base.missing:
            return scan.matching(self._passages_in(scope), weights, k, self._term_rows)
        parts = [self._views.base.lexical, self._views.lexical] if self._views.rows else [self._views.base.lexical]
        collection = None if self.collections() == [scope.collection] else scope.collection
        return best_matches(parts, weights, k, collection, documents, self._term_rows)

    def candidates(self, ids: "Sequence[int] | Ids") -> Candidates:
        rows = self._rows(np.asarray(ids, dtype=np.int64))
        return Candidates(rows.ids, rows.vectors, rows.n_rows - 1, rows.terms, rows.term_counts)

    def word_signs(self, ids: "Sequence[int] | Ids") -> WordSigns:
        return self._unpacked_signs(list(self._embeddings("word_counts, word_signs", ids)))

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

    def _select(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return list(self._connection.execute(query, values))

    def _joined(self, columns: str, tables: str, ids: "Sequence[int] | Ids") -> Iterator[Any]:
        return rows_of(self._connection, f"SELECT {columns} FROM carray(?) c CROSS JOIN {tables}", ids)

    def _read_languages(self, collection: str) -> Iterator[tuple[str]]:
        # Each step looks up the next one in the index: DISTINCT would read an entry for every document.
        return self._connection.execute(
            "WITH RECURSIVE found (language) AS ("
            " SELECT min(language) FROM documents WHERE collection = ?1 AND language <> 'en' UNION ALL"
            " SELECT (SELECT min(d.language) FROM documents d"
            "  WHERE d.collection = ?1 AND d.language <> 'en' AND d.language > found.language)"
            " FROM found WHERE found.language IS NOT NULL"
            ") SELECT language FROM found WHERE language IS NOT NULL",
            (collection,),
        )

    def _in_collections(self, names: list[str]) -> Where:
        # Documents are read in the order of their numbers: with "+" no index of collections puts them in another.
        return "+d.collection IN (SELECT value FROM json_each(?))", [json.dumps(names)]

    def _with_metadata(self, key: str, allowed: Sequence[str] | Range) -> Where:
        return filters.matching(key, allowed)

    def _read_frequencies(self, collection: str, hashes: Sequence[int]) -> Mapping[int, int]:
        query = "SELECT t.hash, t.df FROM carray(?) c CROSS JOIN terms t ON t.collection = ? AND t.hash = c.value"
        return dict(self._select(query, (id_array(hashes), collection)))

    def _rows(self, ids: Ids) -> PassageRows:
        """Rows of these passages, in the order asked; ids that do not exist are left out."""
        ids = ids[self._views.here(ids)]
        known = self._views.base.arrays.rows(ids)
        if np.array_equal(known.ids, ids):
            return known
        missing = ids[~among(ids, np.sort(known.ids))]
        if len(missing):
            rows = list(self._embeddings("terms, term_counts, vector, sentence_vectors", missing))
            known = known.joined(PassageRows.of(rows, self._dim))
        return known.taken(_places(known.ids, ids))

    def _term_rows(self, ids: Ids) -> TermRows:
        ids = ids[self._views.here(ids)]
        known = TermRows(*self._views.base.arrays.terms(ids))
        missing = ids[~among(ids, np.sort(known.ids))] if len(known.ids) < len(ids) else NO_IDS
        if not len(missing):
            return known
        rest = TermRows.of(list(self._embeddings("terms", missing)))
        return TermRows(*map(np.concatenate, zip(*[known, rest], strict=True)))

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
        return list(
            rows_of(self._connection, query + "d.number IN (SELECT value FROM carray(?))", self._numbers(scope))
        )

    def _numbers(self, scope: Scope) -> list[int]:
        """Numbers of the documents whose metadata the scope allows."""
        return [number for (number,) in self._matching_documents(scope, "d.number")]

    def _embeddings(self, columns: str, ids: "Ids | Sequence[int]") -> Iterator[Any]:
        """The ids of those passages that there are, each with these columns, in the order asked."""
        return self._joined(f"e.passage, {columns}", "embeddings e ON e.passage = c.value", ids)


def _places(ids: Ids, wanted: Ids) -> Ids:
    """Where each of the wanted ids, in their order, stands among those found; those that do not are left out."""
    if not len(ids):
        return NO_IDS
    order = np.argsort(ids)  # (n_ids,)
    place = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]  # (n_wanted,)
    places: Ids = place[ids[place] == wanted]  # (those that are there,)
    return places
