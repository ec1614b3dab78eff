"""The order of candidates: a weighted sum of signals, and for the best of them one more signal that costs more.

The weights are in ``ranking.json``; ``eval/train.py`` fits them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from index.types import Floats, Ids
from rag.signals import Signals


@dataclass(frozen=True, slots=True)
class Ranker:
    """Weights by name of a signal. second_stage: how many of the first order are scored again, with late interaction."""

    first: Mapping[str, float]
    second: Mapping[str, float]
    second_stage: int

    def first_scores(self, signals: Signals) -> Floats:
        """Weighted mean of the cheap signals: float32 (n,)."""
        return _weighted(self.first, signals)

    def scores(self, signals: Signals, first: Floats, chosen: Ids, late: Floats) -> Floats:
        """Final scores float32 (n,): weighted means for the chosen, all others below them in their first order.

        chosen: int64 (m,), positions scored again; late: float32 (m,), their best sentence by late interaction.
        """
        scores = first.copy()
        if not len(chosen):
            return scores
        cheap = {name: weight for name, weight in self.second.items() if name != "late"}
        total = sum(self.second.values())
        again = (_weighted(cheap, signals)[chosen] * sum(cheap.values()) + self.second["late"] * late) / total
        rest = np.ones(len(first), dtype=bool)
        rest[chosen] = False
        if rest.any():
            # The best of the rest just below the last of the chosen: they were not compared by the same measure.
            scores[rest] += min(float(again.min()) - float(first[rest].max()), 0.0)
        scores[chosen] = again
        return scores


@cache
def load_ranker() -> Ranker:
    """The ranker that is shipped."""
    weights = json.loads(Path(__file__).with_name("ranking.json").read_text(encoding="utf-8"))
    return Ranker(weights["first"], weights["second"], weights["second_stage"])


def _weighted(weights: Mapping[str, float], signals: Signals) -> Floats:
    total = np.zeros(len(signals.dense), dtype=np.float32)
    for name, weight in weights.items():
        total += weight * getattr(signals, name)
    return total / sum(weights.values())
