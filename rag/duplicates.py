"""Passages that say the same, word for word or nearly: shown once, with the places where they stand."""

import re
from collections import Counter
from collections.abc import Callable

import numpy as np

from index.types import Candidates, Ids
from index.vectors import inner_products

# Only passages this close in meaning, or of the same terms, are compared word by word.
_NEAR_COSINE = 0.9
# Neighbours that share an overlap sentence stay below; copies with other line breaks or a word more are above.
_SHARED_WORDS = 0.9
_WORD = re.compile(r"\w+")
_NEGATIONS = frozenset(("no", "not", "never", "none", "nor", "cannot", "without", "t"))  # "t" of "isn't"


def same_statement(one: str, other: str) -> bool:
    """Whether two texts say the same: at least nine tenths of the words shared, no number and no negation differing."""
    words, other_words = _WORD.findall(one.casefold()), _WORD.findall(other.casefold())
    most = 2 * (1 - _SHARED_WORDS) * max(len(words), len(other_words))
    # Counting what differs takes ten times as long as these bounds, which most pairs fail.
    if abs(len(words) - len(other_words)) > most or len(set(words) ^ set(other_words)) > most:
        return False
    a, b = Counter(words), Counter(other_words)
    different = (a - b) + (b - a)
    if different.total() > most:
        return False
    return not any(word in _NEGATIONS or any(letter.isdigit() for letter in word) for word in different)


def group_duplicates(candidates: Candidates, order: Ids, limit: int, text_of: Callable[[int], str]) -> list[list[int]]:
    """The first ``limit`` groups of near-duplicates, each in rank order, as positions among the candidates.

    order: int64 (n,), positions best first; text_of: the text at a position.
    """
    groups: list[list[int]] = []
    vectors = candidates.passage_vectors
    begins, lengths = candidates.bodies
    grouped = np.zeros(len(candidates.ids), dtype=np.bool_)
    for leader in order.tolist():
        if len(groups) == limit:
            break
        if grouped[leader]:
            continue
        grouped[leader] = True
        near = inner_products(vectors, vectors[leader].astype(np.float32)) >= _NEAR_COSINE
        # Copies under another title may be further apart than that: their context is part of the vector.
        body = candidates.terms[begins[leader] : begins[leader] + lengths[leader]]
        for other in np.flatnonzero(lengths == lengths[leader]).tolist():
            near[other] |= np.array_equal(candidates.terms[begins[other] : begins[other] + lengths[other]], body)
        close: list[int] = order[(near & ~grouped)[order]].tolist()
        copies = [position for position in close if same_statement(text_of(leader), text_of(position))]
        grouped[copies] = True
        groups.append([leader, *copies])
    return groups
