"""Rankings as most systems make them, over the same passages and with the same model: what this one is measured against."""

from collections.abc import Sequence

import numpy as np

from index.backend import Reader
from index.types import Floats, Ids, Scope
from rag.answer.citations import cite
from rag.shared.types import DocumentRef, RankedPassage

# dense: by inner product of question and passage; BM25: as tantivy or SQLite count it; RRF: both fused by their ranks.
BASELINES = ("dense", "BM25", "RRF")
# Passages of each list that are fused, and the constant of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009).
_POOL = 100
_RRF_K = 60


def rank_baseline(
    name: str, reader: Reader, vector: Floats, terms: Sequence[str], scope: Scope, k: int
) -> list[RankedPassage]:
    """The best k passages by a baseline. vector: unit, float32 (dim,), of the question; terms: analyzed; name: of BASELINES."""
    if name == "dense":
        scores, ids = reader.nearest(vector, k, scope)
    elif name == "BM25":
        scores, ids = reader.matching(terms, k, scope)
    else:
        scores, ids = fuse_ranks([reader.nearest(vector, _POOL, scope)[1], reader.matching(terms, _POOL, scope)[1]])
    documents = reader.documents_of(ids[:k])
    listed = []
    for rank, (passage, score) in enumerate(zip(reader.passages(ids[:k]), scores[:k], strict=True), 1):
        document = documents[passage.id]
        listed.append(
            RankedPassage(
                rank=rank,
                score=float(score),
                text=passage.text,
                document=DocumentRef(document.id, document.title, document.source, document.metadata),
                section=passage.section,
                page=passage.page,
                citation=cite(passage, document),
                highlights=(),
                also_in=(),
                explain=None,
            )
        )
    return listed


def fuse_ranks(rankings: Sequence[Ids]) -> tuple[Floats, Ids]:
    """Reciprocal rank fusion of lists of ids, best first: scores and ids, best first, ties by lower id."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, identifier in enumerate(ranking.tolist(), 1):
            scores[identifier] = scores.get(identifier, 0.0) + 1 / (_RRF_K + rank)
    ordered = sorted(scores, key=lambda identifier: (-scores[identifier], identifier))
    return np.array([scores[passage_id] for passage_id in ordered], dtype=np.float32), np.array(ordered, dtype=np.int64)
