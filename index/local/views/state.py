"""The two views in memory, one immutable value a state: a base from a checkpoint, what came since, what of the base is gone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index import statistics
from index.local.database.connection import Connection
from index.local.views.base import Base
from index.local.views.ids import NO_IDS, among
from index.local.views.lexical import LexicalIndex, LexicalRow
from index.local.views.vectors import Bitmap, VectorIndex, best
from index.types import Floats, Ids


class ViewRow(NamedTuple):
    """A passage as the views hold it. vector: float16 (dim,), packed."""

    lexical: LexicalRow
    vector: bytes


@dataclass(slots=True)
class Known(statistics.Known):
    """With a bit for each passage of a collection, by collection: scopes."""

    scopes: dict[str, Bitmap] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Views:
    """One state. rows: passages since the base, by id; gone: ids of the base's passages that are no more, int64 ascending.

    hidden: those, and what was buried in the base already.
    """

    sequence: int
    base: Base
    rows: Mapping[int, ViewRow]
    vectors: VectorIndex
    lexical: LexicalIndex
    gone: Ids
    hidden: Ids
    known: Known = field(default_factory=Known)

    @property
    def n_changes(self) -> int:
        """Passages in which this state differs from its base."""
        return len(self.rows) + len(self.gone)

    def nearest(self, vector: Floats, k: int, allowed: Bitmap | None) -> tuple[Floats, Ids]:
        """Best k passages by inner product, as VectorIndex.search gives them."""
        base_scores, base_ids = self.base.vectors.search(vector, k, allowed, self.hidden)
        if not self.rows:
            return base_scores, base_ids
        scores, ids = self.vectors.search(vector, k, allowed, NO_IDS)
        return best(np.concatenate([base_scores, scores]), np.concatenate([base_ids, ids]), k)

    def here(self, ids: Ids) -> NDArray[np.bool_]:
        """bool (n,): which of these are passages in this state."""
        here = self.base.vectors.holds(ids)
        if len(self.gone):
            here &= ~among(ids, self.gone)
        return here | self.vectors.holds(ids) if self.rows else here

    def counted(self, ids: Ids) -> tuple[int, int]:
        """How many of these passages the vector and the lexical view can still return: both counted by looking for them."""
        vectors = int(self.vectors.holds(ids).sum() + (self.base.vectors.holds(ids) & ~np.isin(ids, self.gone)).sum())
        if "lexical" in self.base.missing:  # what is found by its words is what is there
            return vectors, int(self.here(ids).sum())
        return (
            vectors,
            len(self.lexical.ids(ids.tolist())) + len(np.setdiff1d(self.base.lexical.ids(ids.tolist()), self.hidden)),
        )


def views_of(base: Base) -> Views:
    """The state of a checkpoint itself."""
    nothing = VectorIndex.build(NO_IDS, b"", base.vectors.dim)
    return Views(base.sequence, base, {}, nothing, LexicalIndex.in_memory(), NO_IDS, base.buried)


def replayed(views: Views, connection: Connection, sequence: int) -> Views:
    """The state at ``sequence``, the last change that this connection's transaction sees.

    What the log names is looked up as it is now: replaying twice, or from an older state than needed, changes nothing.
    """
    added = {row.lexical.passage: row for row in _named_rows(connection, views.sequence)}
    gone = _named_ids(connection, views.sequence) - added.keys()
    fresh = [row for passage, row in added.items() if passage not in views.rows]
    in_base = views.base.vectors.holds(np.array([row.lexical.passage for row in fresh], dtype=np.int64))
    fresh = [row for row, known in zip(fresh, in_base, strict=True) if not known]
    rows = {passage: row for passage, row in views.rows.items() if passage not in gone}
    only_grows = len(rows) == len(views.rows)
    rows.update((row.lexical.passage, row) for row in fresh)
    if not only_grows:
        lexical = LexicalIndex.in_memory([row.lexical for row in rows.values()])
    else:
        lexical = views.lexical.extended(row.lexical for row in fresh) if fresh else views.lexical
    named_gone = np.array(sorted(gone), dtype=np.int64)
    all_gone = np.union1d(views.gone, named_gone[views.base.vectors.holds(named_gone)])
    return replace(
        views,
        sequence=sequence,
        rows=rows,
        vectors=VectorIndex.build(
            np.fromiter(rows, dtype=np.int64), b"".join(row.vector for row in rows.values()), views.base.vectors.dim
        ),
        lexical=lexical,
        gone=all_gone,
        hidden=np.union1d(all_gone, views.base.buried),
        known=Known(),
    )


def _named_rows(connection: Connection, after: int) -> list[ViewRow]:
    """Passages that exist and were written after a change; each is named once, since ids are never used again."""
    query = (
        "SELECT p.id, p.document, d.collection, e.terms, e.vector FROM log l"
        " CROSS JOIN passages p ON p.id BETWEEN l.first_passage AND l.last_passage"
        " JOIN documents d ON d.number = p.document JOIN embeddings e ON e.passage = p.id WHERE l.sequence > ?"
    )
    return [ViewRow(LexicalRow(*row[:4]), row[4]) for row in connection.execute(query, (after,))]


def _named_ids(connection: Connection, after: int) -> set[int]:
    """All passages that the log names after a change."""
    query = "SELECT first_passage, last_passage, removed_first, removed_last FROM log WHERE sequence > ?"
    ids: set[int] = set()
    for first, last, removed_first, removed_last in connection.execute(query, (after,)):
        if first is not None:
            ids.update(range(first, last + 1))
        if removed_first is not None:
            ids.update(range(removed_first, removed_last + 1))
    return ids
