"""What readers of both stores share: counts of words kept for the next reader, the weights of BM25, checks of what is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from index import backend
from index.candidates import WordSigns
from index.errors import DimensionMismatch
from index.local.database.rows import hash_term, sign_bytes
from index.local.views.bm25 import Weights, inverse_frequency
from index.types import Floats, TermStatistics

_MOST_KNOWN = 50_000  # terms whose frequency is kept: words that nobody wrote are without number


@dataclass(slots=True)
class Known:
    """What readers of one state have looked up in its rows, for those that come after them.

    names: of the collections.  By collection: totals: passages, terms of their bodies, terms of their contexts;  df: passages by
    term's hash;  languages: other than English.
    """

    names: list[str] | None = None
    totals: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    df: dict[str, dict[int, int]] = field(default_factory=dict)
    languages: dict[str, tuple[str, ...]] = field(default_factory=dict)


class CountingReader(backend.Reader):
    """A reader that counts words: by what is known already, else by the rows."""

    _known: Known
    _dim: int

    def _select(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a query, whose parameters are written "?"."""
        raise NotImplementedError

    def _read_frequencies(self, collection: str, hashes: Sequence[int]) -> Mapping[int, int]:
        """df by hash, for those of the terms that the collection has."""
        raise NotImplementedError

    def collections(self) -> list[str]:
        if self._known.names is None:
            self._known.names = [name for (name,) in self._select("SELECT name FROM collections ORDER BY name")]
        return list(self._known.names)

    def statistics(self, collection: str, terms: Sequence[str]) -> TermStatistics:
        n_passages, n_terms, _ = self._counters(collection)
        df = self._frequencies(collection, {hash_term(term): term for term in terms})
        return TermStatistics(n_passages, n_terms / n_passages if n_passages else 0.0, df)

    def _weights(self, collection: str, terms: Sequence[str], k: int) -> Weights | None:
        """How BM25 weighs terms in a collection, contexts counted; None when nothing can match.  Raises ValueError for k < 1."""
        _require_positive(k)
        hashes = {hash_term(term): term for term in terms}
        n_passages, n_terms, n_context_terms = self._counters(collection)
        if not hashes or not n_terms + n_context_terms:
            return None
        df = self._frequencies(collection, hashes)
        idf = {number: inverse_frequency(n_passages, df.get(term, 0)) for number, term in hashes.items()}
        return Weights(idf, (n_terms + n_context_terms) / n_passages)

    def _require_askable(self, vector: Floats, k: int) -> None:
        """Raises as ``nearest``."""
        _require_positive(k)
        if vector.shape != (self._dim,):
            raise DimensionMismatch(f"the question's vector has shape {vector.shape}, this store's have ({self._dim},)")
        if not np.isfinite(vector).all():
            raise ValueError("the question's vector is not finite")

    def _counters(self, collection: str) -> tuple[int, int, int]:
        """Passages, terms of their bodies, terms of their contexts."""
        if collection not in self._known.totals:
            query = "SELECT n_passages, n_terms, n_context_terms FROM collections WHERE name = ?"
            if not (rows := self._select(query, [collection])):  # not kept: names of what is not there would add up
                return 0, 0, 0
            self._known.totals[collection] = tuple(rows[0])
        return self._known.totals[collection]

    def _frequencies(self, collection: str, terms: Mapping[int, str]) -> dict[str, int]:
        """df by term, for those of the terms (by hash) that the collection has."""
        if not self._counters(collection)[0]:
            return {}
        known = self._known.df.setdefault(collection, {})
        if len(known) > _MOST_KNOWN:
            known = self._known.df[collection] = {}
        if unknown := [number for number in terms if number not in known]:
            # In one step, for other threads read it.
            known.update({**dict.fromkeys(unknown, 0), **self._read_frequencies(collection, unknown)})
        return {term: known[number] for number, term in terms.items() if known[number]}

    def _unpacked_signs(self, rows: Sequence[tuple[int, bytes, bytes]]) -> WordSigns:
        """The words of passages, from their rows: passage, word counts, word signs."""
        passages, counts, signs = zip(*rows, strict=True) if rows else ((), (), ())
        return WordSigns(
            ids=np.array(passages, dtype=np.int64),  # (n,)
            signs=np.frombuffer(b"".join(signs), dtype=np.uint8).reshape(-1, sign_bytes(self._dim)),  # (n_words, bytes)
            word_counts=np.frombuffer(b"".join(counts), dtype="<u4").astype(np.int64),  # (n_sentences,)
            sentence_counts=np.array([len(packed) // 4 for packed in counts], dtype=np.int64),  # (n,)
        )


def _require_positive(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
