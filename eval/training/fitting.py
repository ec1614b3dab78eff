"""Fits a ranker's weights to samples.

Ranking: the likelihood of a hit under a softmax over the candidates of its question (ListNet, Cao et al. 2007, with all hits as
one), weights not negative. Sentences: the same over the sentences of the best passages. Confidence: logistic regression, with the
questions of every other set as questions that the collection does not answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from eval.training.samples import (
    FIRST,
    SECOND,
    Hits,
    Sample,
    Values,
    confidence_values,
    listed_hits,
    listed_sentences,
    scores_of,
    second_values,
    sentence_values,
)
from rag.retrieval.ranking import CONFIDENCE_FEATURES, Ranker
from rag.shared.errors import BadInput

SENTENCE = ("cosine", "coverage", "late", "passage")
_RIDGE = 1e-3  # on weights of signals scaled to unit deviation


def fit(samples: Sequence[Sample], ranker: Ranker) -> Ranker:
    """All weights from these samples, the order of fitting being: ranking, which sentences and confidence build on."""
    own = [sample for sample in samples if sample.own and sample.question.answerable]
    fitted = replace(ranker, first=fit_first(own), second=_fit_second(own))
    spans = [sample for sample in own if sample.question.places]
    if spans:
        fitted = replace(fitted, sentence=_fit_sentences(spans, fitted))
    return replace(fitted, confidence=_fit_confidence(samples, fitted))


def fit_first(own: Iterable[Sample]) -> dict[str, float]:
    """Weights of the first stage, from all candidates."""
    return _fit_softmax(FIRST, [(sample.asked, sample.all_first, sample.all_hits) for sample in own])


def _fit_second(own: Iterable[Sample]) -> dict[str, float]:
    return _fit_softmax(SECOND, [(sample.asked, second_values(sample), sample.hits) for sample in own])


def _fit_sentences(own: Iterable[Sample], ranker: Ranker) -> dict[str, float]:
    rows = []
    for sample in own:
        scores = scores_of(sample, ranker)
        listed = listed_sentences(sample, scores)
        rows.append((sample.asked, sentence_values(sample, scores)[listed], sample.sentence_hits[listed]))
    return _fit_softmax(SENTENCE, rows)


def _fit_softmax(names: Sequence[str], rows: Sequence[tuple[str, Values, Hits]]) -> dict[str, float]:
    """Weights >= 0 by name that make a hit likely to be drawn.

    rows: per question its set, (n, len(names)) values and (n,) hits; a question without a hit teaches nothing. Each set counts with
    the square root of its questions: a set ten times larger knows more, but not ten times more.
    Raises BadInput when no question has a hit.
    """
    from scipy.optimize import minimize

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


def _fit_confidence(samples: Sequence[Sample], ranker: Ranker) -> dict[str, float]:
    """A logistic model. Of each collection, its own questions and those of the other sets count alike, as do the others by set.

    Questions that their own documents do not answer are left out: their topic is there, and telling them apart takes a reader.
    Taken in with the same weight, they cost 0.05 to 0.1 of calibration error on every set, for an AUROC at most 0.03 higher
    where a set has them.
    """
    from sklearn.linear_model import LogisticRegression

    used = [sample for sample in samples if sample.question.answerable]
    values = np.array([confidence_values(sample, ranker) for sample in used])
    cells = [(sample.collection, sample.asked) for sample in used]
    sizes = {cell: cells.count(cell) for cell in set(cells)}
    n_others = {name: max(sum(c == name != a for c, a in sizes), 1) for name, _ in cells}
    weights = np.array([1 / sizes[c, a] / (1 if c == a else n_others[c]) for c, a in cells])
    spread = values.std(axis=0) + 1e-9
    positive = [bool(listed_hits(sample, ranker).any()) for sample in used]
    if len(set(positive)) < 2:
        return {}  # no two sets that have nothing in common: nothing tells what is not answered
    model = LogisticRegression(max_iter=1000).fit(values / spread, positive, sample_weight=weights / weights.mean())
    slopes = model.coef_[0] / spread
    return {"intercept": float(model.intercept_[0]), **dict(zip(CONFIDENCE_FEATURES, map(float, slopes), strict=True))}
