"""Fits a ranker's weights to samples.

Ranking: the likelihood of a hit under a softmax over the candidates of its question (ListNet, Cao et al. 2007, with all hits as
one), weights not negative.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from eval.training.samples import FIRST, SECOND, Hits, Sample, Values, second_values
from rag.retrieval.ranking import Ranker
from rag.shared.errors import BadInput

_RIDGE = 1e-3  # on weights of signals scaled to unit deviation


def fit(samples: Sequence[Sample], ranker: Ranker) -> Ranker:
    """The weights of both stages from these samples."""
    second = _fit_softmax(SECOND, [(sample.collection, second_values(sample), sample.hits) for sample in samples])
    return replace(ranker, first=fit_first(samples), second=second)


def fit_first(own: Iterable[Sample]) -> dict[str, float]:
    """Weights of the first stage, from all candidates."""
    return _fit_softmax(FIRST, [(sample.collection, sample.all_first, sample.all_hits) for sample in own])


def _fit_softmax(names: Sequence[str], rows: Sequence[tuple[str, Values, Hits]]) -> dict[str, float]:
    """Weights >= 0 by name that make a hit likely to be drawn.

    rows: per question its set, (n, len(names)) values and (n,) hits; a question without a hit teaches nothing. Each set counts with
    the square root of its questions: a set ten times larger knows more, but not ten times more.
    Raises BadInput when no question has a hit.
    """
    rows = [(asked, values, hits) for asked, values, hits in rows if hits.any()]
    if not rows:
        raise BadInput(
            "no question is left to fit on whose evidence is among the passages found: give sets that share no document, "
            "with answers that stand in their corpus"
        )
    sizes = {asked: sum(row[0] == asked for row in rows) for asked in {row[0] for row in rows}}
    share = np.array([sizes[asked] ** -0.5 for asked, _, _ in rows])
    share /= share.sum()
    values = np.concatenate([values for _, values, _ in rows]).astype(np.float64)
    hits = np.concatenate([hits for _, _, hits in rows])
    counts = np.array([len(row[2]) for row in rows])
    starts = np.cumsum(counts) - counts
    # Within one question is where signals are compared, so that their spread there is their unit.
    spread = np.sqrt(np.mean([values.var(axis=0) for _, values, _ in rows], axis=0)) + 1e-9
    values /= spread

    def loss(weights: Values) -> tuple[float, Values]:
        scores = values @ weights
        scores -= np.repeat(np.maximum.reduceat(scores, starts), counts)
        odds = np.exp(scores)
        everything, good = np.add.reduceat(odds, starts), np.add.reduceat(odds * hits, starts) + 1e-12
        slope = odds * np.repeat(share / everything, counts) - odds * hits * np.repeat(share / good, counts)
        value = float(share @ (np.log(everything) - np.log(good)) + _RIDGE * weights @ weights)
        return value, slope @ values + 2 * _RIDGE * weights

    solution = minimize(loss, np.full(len(names), 0.5), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(names))
    return {name: float(weight) for name, weight in zip(names, solution.x / spread, strict=True)}
