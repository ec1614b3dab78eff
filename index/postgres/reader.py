"""One state of a store in a database, read in one snapshot."""

from collections.abc import Mapping, Sequence
from typing import Any

from index.candidates import Candidates, WordSigns
from index.local.database.listing import DOCUMENT_COLUMNS
from index.local.views.arrays import PassageRows
from index.local.views.ids import NO_IDS, NO_SCORES
from index.postgres import lists
from index.postgres.connection import Connection, storable
from index.reader import LAST, RowReader, Where
from index.statistics import Known
from index.types import Floats, Ids, Range, Scope

# Characters of keys that indexes hold: an index row has no room for long ones.
_INDEXED = {"d.key": 200, "m.key": 100}


class Reader(RowReader):
    """What ``PostgresStore.read`` gives, usable by one thread within its block."""

    _text_query = "SELECT text FROM documents WHERE id = ?"

    def __init__(self, connection: Connection, generation: int, known: Known, searching: lists.Searching) -> None:
        self._connection = connection
        self.generation = generation
        self._known = known
        self._searching = searching
        self._dim = searching.dim

    def document_marks(self) -> dict[str, str]:
        return marks(self._connection)

    def nearest(self, vector: Floats, k: int, scope: Scope) -> tuple[Floats, Ids]:
        self._require_askable(vector, k)
        return lists.nearest(self._connection, self._selection(scope), vector, k, self._searching)

    def matching(self, terms: Sequence[str], k: int, scope: Scope) -> tuple[Floats, Ids]:
        weights = self._weights(scope.collection, terms, k)
        selection = self._selection(scope)
        if weights is None:
            return NO_SCORES, NO_IDS
        return lists.matching(self._connection, selection, weights, k, self._searching)

    def candidates(self, ids: "Sequence[int] | Ids") -> Candidates:
        columns = "e.passage, e.terms, e.term_counts, e.vector, e.sentence_vectors"
        rows = PassageRows.of(self._joined(columns, "payload e ON e.passage = c.value", ids), self._searching.dim)
        return Candidates(rows.ids, rows.vectors, rows.n_rows - 1, rows.terms, rows.term_counts)

    def word_signs(self, ids: "Sequence[int] | Ids") -> WordSigns:
        columns = "e.passage, e.word_counts, e.word_signs"
        return self._unpacked_signs(self._joined(columns, "signs e ON e.passage = c.value", ids))

    def fields(self, collection: str, limit: int) -> list[str]:
        query = (
            "SELECT DISTINCT m.key FROM metadata m JOIN documents d ON d.number = m.document WHERE d.collection = ?"
            " ORDER BY m.key LIMIT ?"
        )
        return [key for (key,) in self._select(query, [collection, limit])]

    def _select(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(query.replace("?", "%s"), values, binary=True).fetchall()

    def _joined(self, columns: str, tables: str, ids: "Sequence[int] | Ids") -> list[Any]:
        if not len(ids):
            return []
        numbers = "unnest(?::bigint[]) WITH ORDINALITY AS c (value, place)"
        query = f"SELECT {columns} FROM {numbers} JOIN {tables} ORDER BY c.place"
        return self._select(query, ([int(number) for number in ids],))

    def _read_languages(self, collection: str) -> list[tuple[str]]:
        query = "SELECT DISTINCT language FROM documents WHERE collection = ? AND language <> 'en' ORDER BY language"
        return self._select(query, [collection])

    def _in_collections(self, names: list[str]) -> Where:
        return "d.collection = ANY(?)", [names]

    def _with_metadata(self, key: str, allowed: Sequence[str] | Range) -> Where:
        return lists.documents_with(key, allowed)

    def _is_key(self, column: str, key: str) -> Where:
        beginning = _INDEXED[column]
        return f"left({column}, {beginning}) = left(?, {beginning}) AND {column} = ?", [key, key]

    def _key_begins(self, prefix: str) -> Where:
        after = storable(prefix) + LAST
        return (
            "left(d.key, 200) >= left(?, 200) AND left(d.key, 200) <= left(?, 200) AND d.key >= ? AND d.key < ?",
            [prefix, after, prefix, after],
        )

    def _read_frequencies(self, collection: str, hashes: Sequence[int]) -> Mapping[int, int]:
        return dict(
            self._select(
                "SELECT hash, df FROM terms WHERE collection = ? AND hash = ANY(?)", [collection, list(hashes)]
            )
        )

    def _selection(self, scope: Scope) -> lists.Selection:
        if not scope.where:
            return lists.Selection(scope.collection, self._counters(scope.collection)[0], None)
        rows = self._matching_documents(scope, "d.number, d.n_passages")
        return lists.Selection(scope.collection, sum(row[1] for row in rows), [row[0] for row in rows])


def marks(connection: Connection) -> dict[str, str]:
    """As ``index.backend.Reader.document_marks``."""
    # The number of passages is of the cut, which stays.
    query = f"SELECT d.id, md5(ROW({DOCUMENT_COLUMNS})::text) FROM documents d ORDER BY d.number"
    return dict(connection.execute(query).fetchall())
