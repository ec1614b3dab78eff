"""Passages that say the same, word for word or nearly: shown once, with the places where they stand."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from index.candidates import Candidates
from index.local.views.vectors import inner_products
from index.types import Ids

# Only passages this close in meaning, or of the same terms, are compared word by word.
_NEAR_COSINE = 0.9
# Neighbours that share an overlap sentence stay below; copies with other line breaks or a word more are above.
_SHARED_WORDS = 0.9  # of the longer one
_WORD = re.compile(r"\w+")
_NEGATIONS = frozenset(("no", "not", "never", "none", "nor", "cannot", "without", "t"))  # "t" of "isn't"


def same_statement(first: str, second: str) -> bool:
    """Whether two texts say the same: one has all words of the other in their order, and at most a tenth more of its own.

    None of these may be a number or a negation. One word in the place of another, or two that changed places, can be all that
    is said: on which day, or who beat whom.
    """
    fewer, more = sorted((_words(first), _words(second)), key=len)
    if len(fewer) < _SHARED_WORDS * len(more) or not set(fewer) <= set(more):
        return False
    rest = iter(more)
    if not all(word in rest for word in fewer):  # each is looked for behind the one before
        return False
    added = Counter(more) - Counter(fewer)
    return not any(word in _NEGATIONS or any(letter.isdigit() for letter in word) for word in added)


@lru_cache(maxsize=16)
def _words(text: str) -> list[str]:
    """The words of a text that is compared with several."""
    return _WORD.findall(text.casefold())


def group_duplicates(candidates: Candidates, order: Ids, limit: int, text_of: Callable[[int], str]) -> list[list[int]]:
    """The first ``limit`` groups of near-duplicates, each in rank order, as positions among the candidates.

    order: int64 (n,), positions best first; text_of: the text at a position.
    """
    groups: list[list[int]] = []
    begins, lengths = candidates.bodies
    grouped = np.zeros(len(candidates.ids), dtype=np.bool_)

    def body(position: int) -> bytes:
        begin = begins[position]
        return candidates.terms[begin : begin + lengths[position]].tobytes()

    for leader, near in _near_each(candidates.passage_vectors, order, limit):
        if grouped[leader]:
            continue
        grouped[leader] = True
        # Copies under another title may be further apart than that: their context is part of the vector.
        own = body(leader)
        for other in np.flatnonzero(lengths == lengths[leader]).tolist():
            near[other] |= body(other) == own
        close: list[int] = order[(near & ~grouped)[order]].tolist()
        copies = [position for position in close if same_statement(text_of(leader), text_of(position))]
        grouped[copies] = True
        groups.append([leader, *copies])
        if len(groups) == limit:
            break
    return groups


def _near_each(vectors: NDArray[np.float16], order: Ids, together: int) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Each position in order with those that are near it in meaning, bool (n,); found for so many positions together."""
    for start in range(0, len(order), together):
        block = order[start : start + together]
        yield from zip(block.tolist(), inner_products(vectors, vectors[block]) >= _NEAR_COSINE, strict=True)
