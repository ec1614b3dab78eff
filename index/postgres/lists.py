"""The two lists of candidates: from the engine's indexes or a view's, over-fetched, and scored exactly from what is stored.

Indexes only propose: HNSW may miss a passage, and BM25 there counts with rounded lengths and with the frequencies of
all collections. What counts are inner products and BM25 computed here, as a store in a directory computes them. A narrow scope is
answered by a scan of its rows: the words index would score it row by row (1,000 rows: 345 to 499 ms).

A scope's conditions on metadata are SQL over the table of values, all of which are kept as text (``index.local.database.filters``).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from index.local.database.filters import Comparing, within
from index.local.views.bm25 import TermRows, Weights, best_of
from index.local.views.ids import NO_IDS, NO_SCORES
from index.local.views.vectors import best, inner_products
from index.postgres.connection import Connection
from index.postgres.documents import unpacked_half
from index.postgres.words import WORDS_INDEX, has_all_words
from index.types import Floats, Ids, Range

if TYPE_CHECKING:
    from index.postgres.milvus import MilvusView

# Passages of a scope up to which all of them are read, and the list is exact.
SCAN_VECTORS = 5_000
SCAN_WORDS = 2_000
# Asked of the words index: 100 are wanted (100,000 passages: 398 of 400 lists of ten are then those of an exact search).
_PROPOSED = 200
_BEYOND = 16  # more than k, for those that rounding puts in another order
_TOGETHER = 2_000
# A dash behind a digit is a date's, not a number's; of two points in a number one is too many. What CAST takes is checked first.
# CAST as SQLite does it, whatever somebody wrote: a number beyond a double's is refused by PostgreSQL, and ended every question.
_COMPARING = Comparing(
    "least(greatest(round(value::numeric, 300), -1e308), 1e308)::double precision",
    r"CASE WHEN length(value) < 1000 AND value ~ '^[-+]{{0,1}}(\d+(\.\d*){{0,1}}|\.\d+)([eE][-+]{{0,1}}\d{{1,3}}){{0,1}}$'"
    " THEN {} ELSE FALSE END",
    r"value ~ '^\d{{4}}($|-\d\d)' AND {}",
)


@dataclass(frozen=True, slots=True)
class Searching:
    """How the lists of a store are answered. dim: of the vectors.

    scan_vectors, scan_words: passages of a scope up to which it is scanned.  view: what is asked before PostgreSQL's indexes.
    """

    dim: int
    scan_vectors: int
    scan_words: int
    view: "MilvusView | None"


class Selection(NamedTuple):
    """The passages of a scope. n: how many.  documents: numbers of its documents, None for all of the collection."""

    collection: str
    n: int
    documents: list[int] | None

    @property
    def condition(self) -> tuple[str, list[Any]]:
        """As SQL over ``passages p``, with its parameters."""
        if self.documents is None:
            return "p.collection = %s", [self.collection]
        return "p.collection = %s AND p.document = ANY(%s)", [self.collection, self.documents]


def nearest(
    connection: Connection, scope: Selection, vector: Floats, k: int, searching: Searching
) -> tuple[Floats, Ids]:
    """Best k of a scope by inner product: float32 and int64, both (at most k,), ties by lower id."""
    if not scope.n:
        return NO_SCORES, NO_IDS
    condition, values = scope.condition
    asked = "[" + ",".join(map(repr, vector.astype(np.float32).tolist())) + "]"
    select = f"SELECT p.id, p.vector FROM passages p WHERE {condition} ORDER BY"
    rows: list[tuple[Any, ...]] = []
    if scope.n > searching.scan_vectors and searching.view is not None:
        proposed = searching.view.nearest(connection, scope.collection, scope.documents, vector, k + _BEYOND)
        query = f"SELECT p.id, p.vector FROM passages p WHERE {condition} AND p.id = ANY(%s)"
        rows = connection.execute(query, [*values, proposed or []], binary=True).fetchall()
    if scope.n > searching.scan_vectors and len(rows) < min(k, scope.n):
        query = f"{select} p.vector <#> %s::halfvec LIMIT %s"
        rows = connection.execute(query, [*values, asked, k + _BEYOND], binary=True).fetchall()
    if len(rows) < min(k, scope.n):  # few, or few enough that the index gave up
        # An expression that is no index's: all rows of the scope are looked at.
        query = f"{select} (p.vector <#> %s::halfvec) + 0, p.id LIMIT %s"
        rows = connection.execute(query, [*values, asked, k + _BEYOND], binary=True).fetchall()
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    vectors = np.stack([unpacked_half(row[1]) for row in rows])
    return best(inner_products(vectors, vector), ids, k)


def matching(
    connection: Connection, scope: Selection, weights: Weights, k: int, searching: Searching
) -> tuple[Floats, Ids]:
    """Best k of a scope by BM25, without passages that have none of the terms: float32 and int64, both (at most k,)."""
    if not scope.n:
        return NO_SCORES, NO_IDS
    condition, values = scope.condition
    words = " ".join(f"x{term:08x}" for term in weights.idf)
    n_proposed = max(_PROPOSED, 2 * k)
    ids = None
    if searching.view is not None and scope.n > searching.scan_words:
        ids = searching.view.matching(connection, scope.collection, scope.documents, words, n_proposed)
    if ids is None and (scope.n <= searching.scan_words or not has_all_words(connection)):
        with connection.cursor(name="terms", binary=True) as cursor:
            cursor.itersize = _TOGETHER
            cursor.execute(
                f"SELECT e.passage, e.terms FROM passages p JOIN payload e ON e.passage = p.id WHERE {condition}",
                values,
            )
            return best_of(_blocks(cursor), weights, k)
    if ids is None:
        proposed = connection.execute(
            f"SELECT p.id FROM passages p WHERE {condition} ORDER BY p.words <@> to_bm25query(%s, '{WORDS_INDEX}') LIMIT %s",
            [*values, words, n_proposed],
            binary=True,
        ).fetchall()
        ids = [row[0] for row in proposed]
    query = (
        f"SELECT p.id, e.terms FROM passages p JOIN payload e ON e.passage = p.id WHERE {condition} AND p.id = ANY(%s)"
    )
    return best_of(_blocks(connection.execute(query, [*values, ids], binary=True)), weights, k)


def _blocks(rows: Iterable[tuple[Any, ...]]) -> Iterator[TermRows]:
    """Rows of passage and packed terms, some at a time."""
    remaining = iter(rows)
    while block := list(islice(remaining, _TOGETHER)):
        yield TermRows.of(block)


def documents_with(key: str, allowed: Sequence[str] | Range) -> tuple[str, list[object]]:
    """As ``index.local.database.filters.matching``. Indexes hold the beginnings of keys and values."""
    query = "SELECT document FROM metadata WHERE left(key, 100) = left(?, 100) AND key = ? AND"
    if isinstance(allowed, Range):
        condition, values = within(key, allowed, _COMPARING)
        return f"{query} {condition}", [key, key, *values]
    beginnings = [value[:200] for value in allowed]
    return f"{query} left(value, 200) = ANY(?) AND value = ANY(?)", [key, key, beginnings, list(allowed)]
