"""What the signals amount to: the order of candidates.

The scores are weighted sums whose weights are in ``ranking.json``; ``rag train`` fits them and writes that file. Weights of
signals are never negative, so that more of a signal never ranks lower.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from index.types import Floats, Ids, Span
from rag.retrieval.signals import Signals


class Examined(NamedTuple):
    """All candidates of a question and what they are scored by: what training needs of a search.

    chosen: int64 (m,), ascending, the candidates for which ``late`` was computed.  late: float32 (n_sentences,), late interaction
    of each sentence of all candidates, NaN where it was not computed.
    sources, spans, sentences: of each candidate (n,), the document's source, the passage's place in it and its sentences' places.
    """

    signals: Signals
    chosen: Ids
    late: Floats
    sources: tuple[str | None, ...]
    spans: tuple[Span, ...]
    sentences: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True, slots=True)
class Ranker:
    """Weights by name. second_stage: how many of the first order are scored again, with late interaction.

    first, second: of signals per candidate.
    calibrated_for: model fingerprint and passage settings of the stores on which weights and confidence were fitted.
    """

    first: Mapping[str, float]
    second: Mapping[str, float]
    second_stage: int
    calibrated_for: Mapping[str, str | int]

    def first_scores(self, signals: Signals) -> Floats:
        """Weighted mean of the cheap signals: float32 (n,)."""
        return _weighted_mean(self.first, {name: getattr(signals, name) for name in self.first})

    def scores(self, signals: Signals, first: Floats, chosen: Ids, late: Floats) -> Floats:
        """Final scores float32 (n,): weighted means for the chosen, all others below them in their first order.

        first: float32 (n,), from ``first_scores``.  chosen: int64 (m,), positions scored again; late: float32 (m,), the late
        interaction of their best sentences.
        """
        scores = first.copy()
        if not len(chosen):
            return scores
        values = {name: late if name == "late" else getattr(signals, name)[chosen] for name in self.second}
        again = _weighted_mean(self.second, values)
        rest = np.ones(len(first), dtype=bool)
        rest[chosen] = False
        if rest.any():
            # The best of the rest just below the last of the chosen: they were not compared by the same measure.
            scores[rest] += min(float(again.min()) - float(first[rest].max()), 0.0)
        scores[chosen] = again
        return scores


def statement_scores(signals: Signals) -> Floats:
    """Scores of candidates for a claim, and half of those for key words: float32 (n,), 0 to 1, higher is better.

    Half BM25 and half the cosines of passage and best sentence, each scaled over the candidates; nothing in it is fitted.
    """
    return (scaled(signals.bm25) + scaled(signals.dense + signals.sentence)) / np.float32(2)


def scaled(values: Floats) -> Floats:
    """Values over candidates from 0, the least, to 1, the largest; all 0 where they are equal."""
    if not len(values):
        return values
    above: Floats = values - values.min()
    return above / (above.max() or np.float32(1))


def best_per_passage(values: Floats, owner: Ids, n: int) -> Floats:
    """The largest value of each candidate's sentences, NaN not counted, 0 where there is none: float32 (n,).

    values: float32 (n_sentences,); owner: int64 (n_sentences,), positions below n.
    """
    best = np.full(n, -np.inf, dtype=np.float32)
    np.fmax.at(best, owner, values)
    best[np.isneginf(best)] = 0.0
    return best


@cache
def load_ranker() -> Ranker:
    """The ranker that is shipped."""
    return read_ranker(Path(__file__).with_name("ranking.json"))


def read_ranker(path: Path) -> Ranker:
    """The ranker in a file that ``rag train`` wrote."""
    fitted = json.loads(path.read_text(encoding="utf-8"))
    return Ranker(**{field.name: fitted[field.name] for field in fields(Ranker)})


def _weighted_mean(weights: Mapping[str, float], values: Mapping[str, Floats]) -> Floats:
    total = np.zeros_like(next(iter(values.values())), dtype=np.float32)
    for name, weight in weights.items():
        total += np.float32(weight) * values[name]
    return total / np.float32(sum(weights.values()))
