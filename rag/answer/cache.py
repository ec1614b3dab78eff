"""Answers of one state of a store: exact, and never of another state."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.shared.types import Answer

# Passages in all answers together, two kilobytes each with their quotes.
_MOST_PASSAGES = 5_000


class AnswerCache:
    """Answers by everything that decides them. It forgets all of them when the store's generation moves on."""

    def __init__(self) -> None:
        self._generation = -1
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._n_passages = 0
        self._mutex = Lock()

    def get(self, generation: int, key: Hashable) -> "Answer | None":
        """The answer to ``key`` as it is at this generation, if it was given before."""
        with self._mutex:
            if generation != self._generation or key not in self._answers:
                return None
            self._answers.move_to_end(key)
            return self._answers[key]

    def put(self, key: Hashable, answer: "Answer") -> None:
        """Keep an answer for its own generation, unless a later one has been seen."""
        with self._mutex:
            generation = answer.index.generation
            if generation < self._generation:
                return
            if generation > self._generation:
                self._generation = generation
                self._answers.clear()
                self._n_passages = 0
            if key in self._answers:
                return
            self._answers[key] = answer
            self._n_passages += 1 + len(answer.passages)
            while self._n_passages > _MOST_PASSAGES:
                _, oldest = self._answers.popitem(last=False)
                self._n_passages -= 1 + len(oldest.passages)
