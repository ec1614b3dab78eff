"""Passages as they are scored: n of them in flat arrays."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.types import Ids, Signs, Terms


class Candidates(NamedTuple):
    """What scoring needs of n passages, as flat arrays; segment 0 of a passage's terms is its context, then one per sentence.

    ids: int64 (n,).  vectors: float16 (n + n_sentences, dim), of each passage its own, then its sentences'.
    sentence_counts: int64 (n,), their sum is n_sentences.
    terms: uint32, hashed terms of all segments of all passages in order; term_counts: int64 (n + n_sentences,), terms per segment.
    """

    ids: Ids
    vectors: NDArray[np.float16]
    sentence_counts: Ids
    terms: Terms
    term_counts: Ids

    def joined(self, others: "Candidates") -> "Candidates":
        """These, then the others."""
        return Candidates(*map(np.concatenate, zip(*[self, others], strict=True)))

    @property
    def firsts(self) -> Ids:
        """Where each passage's own vector and its context's term count stand: int64 (n,)."""
        rows = self.sentence_counts + 1  # (n,)
        firsts: Ids = np.cumsum(rows) - rows  # (n,)
        return firsts

    @property
    def passage_vectors(self) -> NDArray[np.float16]:
        """The passages' own vectors: float16 (n, dim)."""
        return self.vectors[self.firsts]

    @property
    def bodies(self) -> tuple[Ids, Ids]:
        """Where in ``terms`` those of each passage's body begin, behind its context's, and how many they are: int64 (n,), both."""
        lengths = np.add.reduceat(self.term_counts, self.firsts)  # (n,): terms of context and body
        ends = np.cumsum(lengths)  # (n,)
        lengths -= self.term_counts[self.firsts]
        return ends - lengths, lengths

    @property
    def sentence_vectors(self) -> NDArray[np.float16]:
        """The vectors of all sentences: float16 (n_sentences, dim)."""
        return np.delete(self.vectors, self.firsts, axis=0)


class WordSigns(NamedTuple):
    """The words of n passages. signs: uint8 (n_words in all, ceil(dim / 8)), a bit per vector component, first component highest.

    ids: int64 (n,).  word_counts: int64 (n_sentences in all,), words per sentence; sentence_counts: int64 (n,).
    """

    ids: Ids
    signs: Signs
    word_counts: Ids
    sentence_counts: Ids
