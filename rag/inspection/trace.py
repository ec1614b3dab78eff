"""How far certain passages get on the way from a question to a ranking: the rank in each view, the stage reached, all signals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from index.backend import Reader
from index.types import Floats, Ids, Scope, Span
from rag.model.embedding import QuestionVectors
from rag.retrieval.duplicates import group_duplicates
from rag.retrieval.question import analyze_question
from rag.retrieval.ranking import Ranker, best_per_passage
from rag.retrieval.retrieve import Scored, ranking_of, score_candidates

# Ranks in a view are looked for this deep.
DEEPEST = 10_000


@dataclass(frozen=True, slots=True)
class TracedPassage:
    """One passage on its way. Ranks are 1-based, None where it was not reached.

    dense, lexical: rank among all passages of the collection in each view, within the best ``DEEPEST``.
    candidate: whether it was among those that are scored.  second_stage: whether it was scored word by word.
    rank: among all, before those that are quoted come first, near-duplicates as one.
    ranked_with: the passage that it is a near-duplicate of and listed with.
    score, signals: of candidates only; higher is better; ``late`` is NaN where it was not computed.
    """

    id: int
    document_id: str
    source: str | None
    span: Span
    text: str
    dense: int | None
    lexical: int | None
    candidate: bool
    second_stage: bool
    rank: int | None
    ranked_with: int | None
    score: float | None
    signals: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of the passages asked for, best first, and of those that rank first. n_candidates: how many were scored."""

    wanted: tuple[TracedPassage, ...]
    first: tuple[TracedPassage, ...]
    n_candidates: int


def trace(
    reader: Reader,
    vectors: QuestionVectors,
    question: str,
    words: Sequence[Span],
    scope: Scope,
    ranker: Ranker,
    wanted: Sequence[int],
    n_first: int,
) -> Trace:
    """Follow the passages of these ids. n_first: how many of the best to show beside them; the rest as of ``score_candidates``."""
    asked = analyze_question(reader, question, words, scope.collection)
    scored = score_candidates(reader, lambda: vectors, asked, scope, ranker)
    ids = scored.candidates.ids
    ranking = ranking_of(question, scored)
    order: Ids = np.lexsort((ids, -ranking))
    texts = {int(passage.id): passage.text for passage in reader.passages(ids)}
    groups = group_duplicates(scored.candidates, order, len(ids), lambda at: texts[int(ids[at])])
    ranks = {int(ids[at]): rank for rank, group in enumerate(groups, 1) for at in group}
    leaders = {int(ids[at]): int(ids[group[0]]) for group in groups for at in group}
    deep = min(max(reader.counts(scope.collection)[1], 1), DEEPEST)
    dense = {
        passage_id: rank for rank, passage_id in enumerate(reader.nearest(vectors.vector, deep, scope)[1].tolist(), 1)
    }
    lexical = {
        passage_id: rank for rank, passage_id in enumerate(reader.matching(asked.terms, deep, scope)[1].tolist(), 1)
    }
    at = {int(passage_id): position for position, passage_id in enumerate(ids)}
    signals = _signals(scored)

    first = [int(ids[group[0]]) for group in groups[:n_first]]
    everything = list(dict.fromkeys([*wanted, *first]))
    documents = reader.documents_of(everything)
    traced = {
        passage.id: TracedPassage(
            id=passage.id,
            document_id=passage.document_id,
            source=documents[passage.id].source,
            span=passage.span,
            text=passage.text,
            dense=dense.get(passage.id),
            lexical=lexical.get(passage.id),
            candidate=passage.id in at,
            second_stage=passage.id in at and bool(np.isin(at[passage.id], scored.chosen)),
            rank=ranks.get(passage.id),
            ranked_with=leaders[passage.id] if leaders.get(passage.id, passage.id) != passage.id else None,
            score=float(ranking[at[passage.id]]) if passage.id in at else None,
            signals={name: float(values[at[passage.id]]) for name, values in signals.items()}
            if passage.id in at
            else {},
        )
        for passage in reader.passages(everything)
    }
    beyond = len(ids) + 1
    best = sorted(
        (traced[passage_id] for passage_id in dict.fromkeys(wanted) if passage_id in traced),
        key=lambda passage: (
            passage.rank or beyond,
            min(passage.dense or DEEPEST, passage.lexical or DEEPEST),
            passage.id,
        ),
    )
    return Trace(tuple(best), tuple(traced[passage_id] for passage_id in first), len(ids))


def _signals(scored: Scored) -> dict[str, Floats]:
    """Every signal that each candidate has one value of, by name; and its late interaction."""
    n = len(scored.scores)
    values = {
        field.name: getattr(scored.signals, field.name)
        for field in fields(scored.signals)
        if not field.name.startswith("sentence_") and field.name != "owner"
    }
    late = best_per_passage(scored.late, scored.signals.owner, n)
    late[~np.isin(np.arange(n), scored.chosen)] = np.nan
    return {**values, "late": late}
