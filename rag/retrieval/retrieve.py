"""From a question to ranked passages: candidates from both views, exact signals for all of them, one order."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from index.backend import Reader
from index.candidates import Candidates
from index.local.views.ids import without
from index.local.views.lexical import analyze
from index.types import Floats, Ids, Passage, Scope
from rag.language.days import other_forms, told_otherwise
from rag.model.cross_encoders import RERANKED, AnyReranker, reordered
from rag.model.embedding import QuestionVectors
from rag.retrieval.duplicates import group_duplicates
from rag.retrieval.question import AnalyzedQuestion, function_terms
from rag.retrieval.ranking import Ranker, best_per_passage, load_ranker, scaled, statement_scores
from rag.retrieval.references import Named, Place, asks_for_part, find_references, named_sentences
from rag.retrieval.signals import Signals, compute_signals, late_interaction, late_without_words

# Candidates from each view. All evidence of the sets in eval/reports is among 100 and 100 but for 2 to 6 % of the hardest ones.
POOL = 100
# Function words in more than this share of the passages propose no candidates: their postings are most of what a search reads (at a
# million passages 4.5 instead of 13 ms), and the scores of those that are proposed count them all the same. covidqa .6844 -> .6843.
COMMON_SHARE = 0.25
# Candidates for each form of a date: they are read, to see whether they tell it.
_POOL_OF_A_DATE = 50
# Of passages that tell a date of the question in other words: what its words add where they stand in a passage.
_LIFT_OF_DATED = np.float32(0.15)
_AHEAD = 0.01  # of a score: by how much what is referred to by its number comes before all else
# Of how many of the best passages the documents may have the part that a question refers to by its number, and what share of the
# best one's score these have at least.
_LEADING, _LEADING_SHARE = 3, 0.5
_QUESTION = re.compile(
    r"\b(?:who|whom|whose|what|which|when|where|why|how)\b"
    r"|^\W*(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have|had|may|might|am)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Signals of the candidates, and the groups of near-duplicates in rank order as positions among the candidates.

    scores: float32 (n,), higher is better, by the fitted weights.  order: float32 (n,), what the groups are ranked by (see
    ``ranking_of``).  late: float32 (n_sentences,), late interaction per sentence, NaN where not computed.
    passages: position -> stored passage, for every position in the groups.
    named: position -> sentences of a part that the question refers to by its number, in order; none where it refers to none.
    reranked: position -> score of the cross-encoder, best first, for those that it ordered.
    """

    question: AnalyzedQuestion
    signals: Signals
    scores: Floats
    order: Floats
    late: Floats
    groups: list[list[int]]
    passages: Mapping[int, Passage]
    named: Mapping[int, Sequence[Named]] = field(default_factory=dict)
    reranked: Mapping[int, float] = field(default_factory=dict)


def asks(text: str) -> bool:
    """Whether a text is a question: by its mark, a question word, or an auxiliary verb in front. Claims and key words are not."""
    return text.rstrip().endswith("?") or bool(_QUESTION.search(text))


def states(text: str) -> bool:
    """Whether a text is a claim, a sentence with its full stop. Key words and noun phrases look for an answer, as questions do."""
    return text.rstrip().endswith((".", "!")) and not asks(text)


class Scored(NamedTuple):
    """All candidates of a question with their signals. Fields as of ``Retrieved``.

    chosen: int64 (m,), ascending, the candidates of the second stage, for which alone ``late`` is known.
    references: the parts that the question names by their numbers.
    """

    candidates: Candidates
    signals: Signals
    chosen: Ids
    late: Floats
    scores: Floats
    references: Sequence[Place]


def score_candidates(
    reader: Reader,
    embedded: Callable[[], QuestionVectors],
    question: AnalyzedQuestion,
    scope: Scope,
    ranker: Ranker,
    *,
    is_embedded: bool = False,
) -> Scored:
    """Candidates from both views, scored by a ranker.

    embedded: gives the vectors of the question and its words. It is asked for them when all that needs none is done.
    is_embedded: whether they are there already. Else what words propose is read while the model is at work, for 0.4 ms more in all.
    """
    _, matching = reader.matching(_proposing(question), POOL, scope)
    references = find_references(question.text)
    for place in references:
        _, holding = reader.matching(place, POOL, scope)
        matching = np.union1d(matching, holding)
    dated = _dated(reader, question.text, scope)
    matching = np.union1d(matching, dated) if len(dated) else np.sort(matching)  # the first imports numpy.ma
    read = None if is_embedded else reader.candidates(matching)
    vectors = embedded()
    _, nearest = reader.nearest(vectors.vector, POOL, scope)
    further = without(np.sort(nearest), matching)
    if read is None:
        candidates = reader.candidates(np.concatenate([matching, further]))
    else:
        candidates = read.joined(reader.candidates(further))
    signals = compute_signals(vectors.vector, question.weighted, question.statistics, candidates)

    lift = _LIFT_OF_DATED * np.isin(candidates.ids, dated).astype(np.float32)
    first = ranker.first_scores(signals) + lift
    chosen: Ids = np.sort(np.lexsort((candidates.ids, -first))[: ranker.second_stage])
    late = np.full(len(signals.owner), np.nan, dtype=np.float32)  # (n_sentences,)
    is_chosen = np.zeros(len(first), dtype=np.bool_)
    is_chosen[chosen] = True
    in_chosen = is_chosen[signals.owner]
    if len(vectors.word_vectors):
        words = reader.word_signs(candidates.ids[chosen])
        late[in_chosen] = late_interaction(vectors.word_vectors, question.shares, words)
    else:
        late[in_chosen] = late_without_words(signals.sentence_cosine[in_chosen], signals.sentence_coverage[in_chosen])
    scores = ranker.scores(signals, first, chosen, best_per_passage(late, signals.owner, len(first))[chosen])
    scores[chosen] += lift[chosen]
    return Scored(candidates, signals, chosen, late, scores, references)


def _dated(reader: Reader, question: str, scope: Scope) -> Ids:
    """The passages that tell a date of the question in another form than it does, ascending."""
    ids: Ids = np.zeros(0, dtype=np.int64)
    for form in other_forms(question):
        ids = np.union1d(ids, reader.matching(analyze(form), _POOL_OF_A_DATE, scope)[1])
    if not len(ids):
        return ids
    tell = [bool(told_otherwise(question, passage.text)) for passage in reader.passages(ids)]
    return ids[np.array(tell, dtype=np.bool_)]


def ranking_of(question: str, scored: Scored) -> Floats:
    """What the candidates are ranked by: float32 (n,).

    The weights were fitted on questions; a claim looks for the passages that are about it, and what is neither for either.
    """
    if asks(question):
        return scored.scores
    statement = statement_scores(scored.signals)
    return statement if states(question) else (scaled(scored.scores) + statement) / np.float32(2)


def _proposing(question: AnalyzedQuestion) -> Sequence[str]:
    """The terms by which candidates are looked for. Of a claim they are all: it is ranked by their shares."""
    if states(question.text):
        return question.terms
    common = COMMON_SHARE * question.statistics.n_passages
    functional = function_terms(question.language)
    telling = [
        term for term in question.terms if term not in functional or question.statistics.df.get(term, 0) <= common
    ]
    return telling or question.terms


def retrieve(
    reader: Reader,
    embedded: Callable[[], QuestionVectors],
    question: AnalyzedQuestion,
    scope: Scope,
    k: int,
    reranker: AnyReranker | None = None,
    *,
    is_embedded: bool = False,
) -> Retrieved:
    """The best k passages by the shipped ranker, near-duplicates as one. Arguments as of ``score_candidates``."""
    scored = score_candidates(reader, embedded, question, scope, load_ranker(), is_embedded=is_embedded)
    candidates = scored.candidates
    scores = scored.scores
    ranking = ranking_of(question.text, scored)
    named = _named(reader, scored.references, candidates, ranking, everywhere=asks_for_part(question.text))
    ranking = _with_named_first(ranking, list(named))
    order: Ids = np.lexsort((candidates.ids, -ranking))
    passages: dict[int, Passage] = dict(
        zip(order[:k].tolist(), reader.passages(candidates.ids[order[:k]]), strict=True)
    )

    def passage_at(position: int) -> Passage:
        if position not in passages:
            passages[position] = reader.passages([int(candidates.ids[position])])[0]
        return passages[position]

    reranked: dict[int, float] = {}
    if reranker is not None:
        best = [int(position) for position in order[:RERANKED]]
        new_scores = reranker.scores(question.text, [passage_at(position).text for position in best])
        scores, ranking = reordered(scores, best, new_scores), reordered(ranking, best, new_scores)
        order = np.lexsort((candidates.ids, -ranking))
        by_score = sorted(zip(best, new_scores.tolist(), strict=True), key=lambda pair: -pair[1])
        order[: len(best)] = [position for position, _ in by_score]  # ids decide nothing where scores are equal
        reranked = dict(by_score)
    groups = group_duplicates(candidates, order, k, lambda position: passage_at(position).text)
    for group in groups:
        for position in group:
            passage_at(position)
    return Retrieved(question, scored.signals, scores, ranking, scored.late, groups, passages, named, reranked)


def _named(
    reader: Reader, wanted: Sequence[Place], candidates: Candidates, ranking: Floats, *, everywhere: bool
) -> dict[int, list[Named]]:
    """Position -> sentences of the parts that are wanted by their numbers, of the candidates that have any.

    everywhere: in any document; otherwise in those that the best passages are of, as any list has a part of that number.
    """
    by_position: dict[int, list[Named]] = {}
    if not wanted:
        return by_position
    passages = reader.passages(candidates.ids)
    best = np.argsort(-ranking, kind="stable")[:_LEADING]
    highest = float(ranking[best[0]]) if len(best) else 0.0
    enough = min(highest, _LEADING_SHARE * highest)
    leading = {passages[position].document_id for position in best if ranking[position] >= enough}
    stored = zip(passages, reader.contexts(candidates.ids), strict=True)
    for position, (passage, context) in enumerate(stored):
        if not everywhere and passage.document_id not in leading:
            continue
        start = passage.span.start
        sentences = [passage.text[sentence.start - start : sentence.end - start] for sentence in passage.sentences]
        if named := named_sentences(wanted, sentences, passage.section, context):
            by_position[position] = named
    return by_position


def _with_named_first(ranking: Floats, positions: Sequence[int]) -> Floats:
    """The scores with those at some positions lifted together, the least of them just above all others."""
    rest = np.ones(len(ranking), dtype=np.bool_)
    rest[positions] = False
    if not positions or not rest.any():
        return ranking
    lifted = ranking.copy()
    lifted[positions] += max(float(ranking[rest].max()) - float(ranking[positions].min()) + _AHEAD, 0.0)
    return lifted
