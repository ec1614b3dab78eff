"""Fits the weights of ``rag/ranking.json`` on gold folders, and says what they are worth on sets that they were not fitted on.

Ranking: the likelihood of a hit under a softmax over the candidates of its question (ListNet, Cao et al. 2007, with all hits as
one), weights not negative. Sentences: the same over the sentences of the best passages. Confidence: logistic regression, with the
questions of every other set as questions that the collection does not answer. Sets that share a document with the one left out are
left out with it.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from eval.confidence import auroc, calibration_error
from eval.gold import Question, read_corpus, read_folder
from rag.ranking import (
    CONFIDENCE_FEATURES,
    CONFIDENCE_PASSAGES,
    Examined,
    Ranker,
    best_per_passage,
    confidence_features,
)
from rag.signals import Signals

Values = NDArray[np.float64]
Hits = NDArray[np.bool_]

FIRST = ("bm25", "dense", "sentence", "coverage", "phrase", "evidence")
SECOND = (*FIRST, "late")
SENTENCE = ("cosine", "coverage", "late", "passage")
SECOND_STAGE = 20
_PER_SENTENCE = frozenset({"sentence_cosine", "sentence_coverage", "owner"})
_RIDGE = 1e-3  # on weights of signals scaled to unit deviation
_DEPTH = 10
# Signals alike in size, before anything is fitted.
_UNFITTED = {"bm25": 1.0, "dense": 1.0, "sentence": 1.0, "coverage": 1.0, "phrase": 0.25, "evidence": 1.0}


class Examiner(Protocol):
    """An indexed collection that shows how it scores."""

    def examine(self, question: str, ranker: Ranker) -> Examined:
        """All candidates of a question; late interaction for the ranker's second stage."""


class Collection(NamedTuple):
    """A gold set and its corpus, indexed. documents: keys by which sets are seen to share a document."""

    name: str
    questions: tuple[Question, ...]
    documents: frozenset[str]
    examiner: Examiner
    calibrated_for: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One question against one collection, cut down to the candidates of the second stage.

    signals, late, hits, sentence_hits: of these and their sentences.  sources: of each, the document.
    sentence_ids: int64 (n_sentences,), equal for a sentence that stands in two overlapping passages.
    all_first: (n, len(FIRST)), all_hits: (n,), of all candidates, empty for questions of other sets.
    """

    collection: str
    asked: str  # the set that the question comes from
    question: Question
    signals: Signals
    late: Values
    hits: Hits
    sentence_hits: Hits
    sentence_ids: NDArray[np.int64]
    sources: tuple[str | None, ...]
    all_first: Values
    all_hits: Hits

    @property
    def own(self) -> bool:
        """Whether the collection is the one that the question was asked about."""
        return self.collection == self.asked


class LeftOut(NamedTuple):
    """What weights fitted on the other sets reach on one. n: questions; sentences: gold answer in the first one, two and three."""

    name: str
    n: int
    fitted_on: tuple[str, ...]
    ranking: float
    sentences: tuple[float, float, float] | None
    auroc: float
    calibration_error: float


def train(
    folders: Sequence[Path],
    out: Path,
    open_collection: Callable[[Path], tuple[Examiner, Mapping[str, str | int]]],
    command: str = "",
    notify: Callable[[str], None] = lambda line: None,
) -> list[LeftOut]:
    """Fit on all folders, write ``out``, and return the figures of every set when it and its relatives are left out.

    open_collection: for a gold folder its indexed corpus, with each document's source its id there, and what its store is made
    with: model_fingerprint, passage_characters, overlap_sentences.  command: recorded, so that the file can be made again.
    """
    collections = [_collection(folder, open_collection) for folder in folders]
    calibrated_for = collections[0].calibrated_for
    if any(collection.calibrated_for != calibrated_for for collection in collections):
        raise ValueError("the collections are indexed with different models or passage settings: fit on one kind")
    names = [collection.name for collection in collections]
    ranker = Ranker(_UNFITTED, {**_UNFITTED, "late": 1.0}, SECOND_STAGE, {}, {}, calibrated_for)

    own = [_sample(c, c.name, q, ranker) for c in collections for q in c.questions if q.answerable]
    notify(f"examined {len(own)} questions for the first stage")
    ranker = replace(ranker, first=_fit_first(own))
    samples = [
        _sample(collection, asked.name, question, ranker)
        for collection in collections
        for asked in collections
        for question in asked.questions
        if collection is asked or question.answerable and not collection.documents & asked.documents
    ]
    notify(f"examined {len(samples)} questions for everything else")

    related = {a.name: frozenset(b.name for b in collections if a.documents & b.documents) for a in collections}
    reports = []
    for name in names if len(set(related.values())) > 1 else []:
        rest = [s for s in samples if s.collection not in related[name] and s.asked not in related[name]]
        fitted = _fit(rest, ranker)
        reports.append(_report(name, fitted, samples, rest))
        notify(str(reports[-1]))

    final = _fit(samples, ranker)
    if not final.sentence or not final.confidence:
        raise ValueError("fit on at least two sets that share no document, one of them with answers and their places")
    counted = {name: sum(s.own and s.question.answerable for s in samples if s.asked == name) for name in names}
    out.write_text(_file(final, counted, reports, command), encoding="utf-8")
    return reports


def _collection(
    folder: Path, open_collection: Callable[[Path], tuple[Examiner, Mapping[str, str | int]]]
) -> Collection:
    examiner, calibrated_for = open_collection(folder)
    # Sets may hold extracts of one document under ids of their own: the title tells.
    documents = frozenset(document.title or document.id for document in read_corpus(folder / "corpus.jsonl"))
    return Collection(folder.name, read_folder(folder).questions, documents, examiner, calibrated_for)


# --- samples


def _sample(collection: Collection, asked: str, question: Question, ranker: Ranker) -> Sample:
    found = collection.examiner.examine(question.text, ranker)
    own = collection.name == asked
    n = len(found.spans)
    hits = np.array([own and _is_hit(question, found.sources[i], *found.spans[i]) for i in range(n)], dtype=bool)
    in_chosen = np.isin(found.signals.owner, found.chosen)
    chosen = _restricted(found.signals, found.chosen, in_chosen)
    sentences = [(found.sources[i], *sentence) for i in found.chosen for sentence in found.sentences[i]]
    numbers = {sentence: number for number, sentence in enumerate(dict.fromkeys(sentences))}
    return Sample(
        collection.name,
        asked,
        question,
        chosen,
        np.nan_to_num(found.late[in_chosen]).astype(np.float64),
        hits[found.chosen],
        np.array([own and _is_hit(question, *sentence) for sentence in sentences], dtype=bool),
        np.array([numbers[sentence] for sentence in sentences], dtype=np.int64),
        tuple(found.sources[i] for i in found.chosen),
        np.stack([getattr(found.signals, name) for name in FIRST], axis=1) if own else np.empty((0, len(FIRST))),
        hits if own else np.empty(0, dtype=bool),
    )


def _is_hit(question: Question, source: str | None, start: int, end: int) -> bool:
    """Whether ``[start, end)`` of a document holds an answer whole; without places, whether the document is relevant."""
    if question.places:
        return any(place.document == source and start <= place.start and place.end <= end for place in question.places)
    return source in question.relevant


def _restricted(signals: Signals, chosen: NDArray[np.int64], in_chosen: Hits) -> Signals:
    """The signals of some candidates, ascending, and of their sentences."""
    values = {
        field.name: getattr(signals, field.name)[in_chosen if field.name in _PER_SENTENCE else chosen]
        for field in fields(Signals)
    }
    return Signals(**{**values, "owner": np.searchsorted(chosen, values["owner"])})


# --- fitting


def _fit(samples: Sequence[Sample], ranker: Ranker) -> Ranker:
    """All weights from these samples, the order of fitting being: ranking, which sentences and confidence build on."""
    own = [sample for sample in samples if sample.own and sample.question.answerable]
    fitted = replace(ranker, first=_fit_first(own), second=_fit_second(own))
    spans = [sample for sample in own if sample.question.places]
    if spans:
        fitted = replace(fitted, sentence=_fit_sentences(spans, fitted))
    return replace(fitted, confidence=_fit_confidence(samples, fitted))


def _fit_first(own: Iterable[Sample]) -> dict[str, float]:
    return _fit_softmax(FIRST, [(sample.asked, sample.all_first, sample.all_hits) for sample in own])


def _fit_second(own: Iterable[Sample]) -> dict[str, float]:
    return _fit_softmax(SECOND, [(sample.asked, _second_values(sample), sample.hits) for sample in own])


def _fit_sentences(own: Iterable[Sample], ranker: Ranker) -> dict[str, float]:
    rows = []
    for sample in own:
        scores = _scores(sample, ranker)
        listed = _listed_sentences(sample, scores)
        rows.append((sample.asked, _sentence_values(sample, scores)[listed], sample.sentence_hits[listed]))
    return _fit_softmax(SENTENCE, rows)


def _fit_softmax(names: Sequence[str], rows: Sequence[tuple[str, Values, Hits]]) -> dict[str, float]:
    """Weights >= 0 by name that make a hit likely to be drawn.

    rows: per question its set, (n, len(names)) values and (n,) hits; a question without a hit teaches nothing. Each set counts with
    the square root of its questions: a set ten times larger knows more, but not ten times more.
    """
    from scipy.optimize import minimize

    rows = [(asked, values, hits) for asked, values, hits in rows if hits.any()]
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

    found = minimize(loss, np.full(len(names), 0.5), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(names))
    return {name: float(weight) for name, weight in zip(names, found.x / spread, strict=True)}


def _fit_confidence(samples: Sequence[Sample], ranker: Ranker) -> dict[str, float]:
    """A logistic model. Of each collection, its own questions and those of the other sets count alike, as do the others by set.

    Questions that their own documents do not answer are left out: their topic is there, and telling them apart takes a reader.
    Taken in with the same weight, they cost 0.05 to 0.1 of calibration error on every set, for an AUROC at most 0.03 higher
    where a set has them.
    """
    from sklearn.linear_model import LogisticRegression

    used = [sample for sample in samples if sample.question.answerable]
    values = np.array([_confidence_values(sample, ranker) for sample in used])
    cells = [(sample.collection, sample.asked) for sample in used]
    sizes = {cell: cells.count(cell) for cell in set(cells)}
    n_others = {name: max(sum(c == name != a for c, a in sizes), 1) for name, _ in cells}
    weights = np.array([1 / sizes[c, a] / (1 if c == a else n_others[c]) for c, a in cells])
    spread = values.std(axis=0) + 1e-9
    positive = [bool(_listed_hits(sample, ranker).any()) for sample in used]
    if len(set(positive)) < 2:
        return {}  # no two sets that have nothing in common: nothing tells what is not answered
    model = LogisticRegression(max_iter=1000).fit(values / spread, positive, sample_weight=weights / weights.mean())
    slopes = model.coef_[0] / spread
    return {"intercept": float(model.intercept_[0]), **dict(zip(CONFIDENCE_FEATURES, map(float, slopes), strict=True))}


# --- what a ranker makes of a sample


def _late_per_passage(sample: Sample) -> Values:
    return best_per_passage(sample.late.astype(np.float32), sample.signals.owner, len(sample.hits)).astype(np.float64)


def _second_values(sample: Sample) -> Values:
    cheap = np.stack([getattr(sample.signals, name) for name in FIRST], axis=1)
    return np.concatenate([cheap, _late_per_passage(sample)[:, None]], axis=1)


def _scores(sample: Sample, ranker: Ranker) -> NDArray[np.float32]:
    everything = np.arange(len(sample.hits))
    late = _late_per_passage(sample).astype(np.float32)
    return ranker.scores(sample.signals, np.zeros(len(late), np.float32), everything, late)


def _best_passages(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")[:CONFIDENCE_PASSAGES]


def _listed_hits(sample: Sample, ranker: Ranker) -> Hits:
    return sample.hits[_best_passages(_scores(sample, ranker))]


def _listed_sentences(sample: Sample, scores: NDArray[np.float32]) -> Hits:
    return np.isin(sample.signals.owner, _best_passages(scores))


def _sentence_values(sample: Sample, scores: NDArray[np.float32]) -> Values:
    signals = sample.signals
    parts: list[Values] = [
        signals.sentence_cosine.astype(np.float64),
        signals.sentence_coverage.astype(np.float64),
        sample.late,
        scores[signals.owner].astype(np.float64),
    ]
    return np.stack(parts, axis=1)


def _confidence_values(sample: Sample, ranker: Ranker) -> list[float]:
    if not len(sample.hits):
        return [0.0] * len(CONFIDENCE_FEATURES)
    features = confidence_features(sample.signals, sample.late.astype(np.float32), _scores(sample, ranker))
    return [features[name] for name in CONFIDENCE_FEATURES]


# --- figures


def _report(name: str, ranker: Ranker, samples: Sequence[Sample], fitted_on: Iterable[Sample]) -> LeftOut:
    own = [s for s in samples if s.own and s.asked == name and s.question.answerable]
    others = [s for s in samples if s.collection == name and not s.own]
    asked = own + others
    sure = np.array([_confidence(s, ranker) for s in asked])
    is_own = np.array([s.own for s in asked], dtype=np.float64)
    answers = np.array([_listed_hits(s, ranker).any() for s in asked], dtype=np.float64)
    # As many others as own, by repeating none: every so manieth of the longer.
    n = max(min(len(own), len(others)), 1)
    even = np.unique(np.concatenate([_spread(len(own), n), len(own) + _spread(len(others), n)]))
    spans = [s for s in own if s.question.places]
    return LeftOut(
        name,
        len(own),
        tuple(sorted({s.asked for s in fitted_on})),
        float(np.mean([_ranking_measure(s, ranker) for s in own])),
        _sentence_measures(spans, ranker) if spans else None,
        auroc(sure, is_own) if ranker.confidence else math.nan,
        calibration_error(sure[even], answers[even]) if ranker.confidence else math.nan,
    )


def _confidence(sample: Sample, ranker: Ranker) -> float:
    """Confidence, nan when it could not be fitted."""
    if not ranker.confidence:
        return math.nan
    return ranker.confidence_of(sample.signals, sample.late.astype(np.float32), _scores(sample, ranker))


def _spread(length: int, n: int) -> NDArray[np.int64]:
    """n positions spread evenly over a sequence."""
    return np.linspace(0, length - 1, min(n, length)).astype(np.int64) if length else np.empty(0, dtype=np.int64)


def _ranking_measure(sample: Sample, ranker: Ranker) -> float:
    """RR@10 over passages, or nDCG@10 (linear gain) over documents by best passage where whole documents are judged.

    Only candidates of the second stage are seen here, so that nDCG@10 is a little low where they are of fewer than ten documents.
    """
    order = np.argsort(-_scores(sample, ranker), kind="stable")
    if sample.question.places:
        ranks = np.flatnonzero(sample.hits[order[:_DEPTH]])
        return float(1 / (ranks[0] + 1)) if len(ranks) else 0.0
    grades = sample.question.relevance
    documents = list(dict.fromkeys(sample.sources[i] for i in order))[:_DEPTH]
    gain = sum(max(grades.get(document or "", 0), 0) / np.log2(rank + 2) for rank, document in enumerate(documents))
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:_DEPTH]
    return float(gain / sum(grade / np.log2(rank + 2) for rank, grade in enumerate(ideal))) if ideal else 0.0


def _sentence_measures(own: Sequence[Sample], ranker: Ranker) -> tuple[float, float, float]:
    """Share of questions with a sentence that holds a gold answer, in its place, among the first one, two and three."""
    found = np.zeros((len(own), 3))
    for row, sample in enumerate(own):
        scores = _scores(sample, ranker)
        listed = np.flatnonzero(_listed_sentences(sample, scores))
        each = ranker.sentence_scores(sample.signals, sample.late.astype(np.float32), scores)[listed]
        ranked = listed[np.argsort(-each, kind="stable")]
        _, firsts = np.unique(sample.sentence_ids[ranked], return_index=True)
        hits = sample.sentence_hits[ranked[np.sort(firsts)]]
        found[row] = [hits[:n].any() for n in (1, 2, 3)]
    first, second, third = found.mean(axis=0)
    return float(first), float(second), float(third)


def _file(ranker: Ranker, counted: Mapping[str, int], reports: Sequence[LeftOut], command: str) -> str:
    """The ranking file: one line for each part and for each set left out."""

    def rounded(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: rounded(one) for key, one in value.items()}
        if isinstance(value, tuple):
            return [rounded(one) for one in value]
        if isinstance(value, float):
            return None if math.isnan(value) else float(f"{value:.4g}")
        return value

    parts: dict[str, object] = {
        "command": command,
        "fitted_on": counted,
        "calibrated_for": ranker.calibrated_for,
        "first": ranker.first,
        "second": ranker.second,
        "second_stage": ranker.second_stage,
        "sentence": ranker.sentence,
        "confidence": ranker.confidence,
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(rounded(value))}" for name, value in parts.items()]
    left_out = ",\n".join(f"    {json.dumps(rounded(report._asdict()))}" for report in reports)
    lines.append(f'  "left_out": [\n{left_out}\n  ]')
    return "{\n" + ",\n".join(lines) + "\n}\n"
