"""The answer to a question: which sentences, from which passages, cited where; or none."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from index.types import Document, Floats, Ids, Span
from rag.answer.citations import cite, cite_part
from rag.answer.leads import passed_on
from rag.retrieval.duplicates import same_statement
from rag.retrieval.ranking import load_ranker
from rag.retrieval.retrieve import Retrieved
from rag.types import AnswerPart, AnswerText, Citation, DocumentRef, Occurrence, RankedPassage, Signal

# Sentences are taken from the first passages only, and no more than these: what answers stands there or nowhere.
ANSWER_PASSAGES = 5
MAX_SENTENCES = 3
# A further sentence must score at least this share of the best one.
_WORTH_ADDING = 0.8


class Sentence(NamedTuple):
    """A candidate for the answer: the rank (0-based) of the passage it stands in, its place and text, its score.

    named: whether it is in a part that the question refers to by its number.  opens: whether that begins with it.
    """

    passage: int
    span: Span
    text: str
    score: float
    named: bool
    opens: bool


class Composed(NamedTuple):
    """The parts of an answer that come from what was retrieved."""

    answer: AnswerText | None
    passages: tuple[RankedPassage, ...]


def compose(found: Retrieved, documents: Mapping[int, Document], *, answers: bool, explain: bool) -> Composed:
    """Answer sentences, when the confidence is enough that it ``answers``, and listed passages.

    documents: passage id -> its document, for every passage in the groups.
    """
    chosen = choose_sentences(found) if answers else []
    ranks = _signal_ranks(found) if explain else {}
    passages = []
    for rank, group in enumerate(found.groups):
        passage = found.passages[group[0]]
        document = documents[passage.id]
        copies = [(documents[found.passages[copy].id], found.passages[copy].span) for copy in group[1:]]
        passages.append(
            RankedPassage(
                rank=rank + 1,
                score=float(found.order[group[0]]),
                text=passage.text,
                document=DocumentRef(document.id, document.title, document.source, document.metadata),
                section=passage.section,
                page=passage.page,
                citation=cite(passage, document),
                highlights=tuple(sorted(sentence.span for sentence in chosen if sentence.passage == rank)),
                also_in=tuple(
                    Occurrence(other.id, other.title, other.source, span)
                    for other, span in copies
                    if other.id != document.id
                ),
                explain={name: _signal(values, order, group[0]) for name, (values, order) in ranks.items()}
                | _reranked(found, group[0])
                if explain
                else None,
            )
        )
    return Composed(_answer_text(chosen, passages) if chosen else None, tuple(passages))


def _answer_text(chosen: Sequence[Sentence], passages: Sequence[RankedPassage]) -> AnswerText:
    """The answer made of these sentences: documents in the order of their best, sentences in that of their document."""
    documents = list(dict.fromkeys(passages[sentence.passage].document.id for sentence in chosen))
    ordered = sorted(chosen, key=lambda s: (documents.index(passages[s.passage].document.id), s.span))
    parts: list[AnswerPart] = []
    for sentence in ordered:
        passage = passages[sentence.passage]
        goes_on = bool(parts) and _goes_on(parts[-1].citation, sentence.span, passage)
        parts.append(AnswerPart(sentence.text, cite_part(passage.citation, sentence.span), sentence.passage, goes_on))
    return AnswerText(tuple(s.text for s in chosen), tuple(dict.fromkeys(s.passage for s in chosen)), tuple(parts))


def _goes_on(before: Citation, span: Span, passage: RankedPassage) -> bool:
    """Whether a place in a passage stands right behind what was cited before."""
    start = passage.citation.span.start
    if before.document_id != passage.document.id or not start <= before.span.end <= span.start:
        return False
    return not passage.text[before.span.end - start : span.start - start].strip()


def choose_sentences(found: Retrieved) -> list[Sentence]:
    """One to three sentences, best first, none repeating another; none when there are no passages.

    Of a part that the question refers to, the sentence that it begins with is the first, and no others than its own follow.
    """
    best: list[Sentence] = []
    sentences = _sentences(found)
    sentences = [one for one in sentences if one.named] or sentences
    for sentence in sorted(sentences, key=lambda sentence: (not sentence.opens, -sentence.score)):
        if len(best) == MAX_SENTENCES or best and sentence.score < _WORTH_ADDING * best[0].score:
            break
        if not any(_repeats(sentence.text, other.text) for other in best):
            best.append(sentence)
    return best


def _sentences(found: Retrieved) -> list[Sentence]:
    """All sentences of the first passages with their scores."""
    signals = found.signals
    scores = load_ranker().sentence_scores(signals, found.late, found.scores)
    first = np.searchsorted(signals.owner, np.arange(len(found.scores)))
    sentences = []
    for rank, group in enumerate(found.groups[:ANSWER_PASSAGES]):
        passage = found.passages[group[0]]
        named = {one.sentence: one.opens for one in found.named.get(group[0], ())}
        spans, begin = passage.sentences, passage.span.start
        texts = [passage.text[span.start - begin : span.end - begin] for span in spans]
        gaps = [passage.text[one.end - begin : other.start - begin] for one, other in pairwise(spans)] + [""]
        own = scores[first[group[0]] : first[group[0]] + len(spans)].tolist()
        for number, score in enumerate(passed_on(list(zip(texts, own, strict=True)), gaps)):
            named_so = named.get(number, False)
            sentences.append(Sentence(rank, spans[number], texts[number], score, number in named, named_so))
    return sentences


def _repeats(one: str, other: str) -> bool:
    return one in other or other in one or same_statement(one, other)


def _signal_ranks(found: Retrieved) -> dict[str, tuple[Floats, Ids]]:
    """Per signal its values and the 1-based rank of each candidate."""
    named = {"dense": found.signals.dense, "sentence": found.signals.sentence, "lexical": found.signals.bm25}
    return {name: (values, np.argsort(np.argsort(-values, kind="stable")) + 1) for name, values in named.items()}


def _reranked(found: Retrieved, position: int) -> dict[str, Signal]:
    """What the cross-encoder made of a candidate; nothing where there is none."""
    if not found.reranked:
        return {}
    if position not in found.reranked:
        return {"reranker": Signal(None, None)}
    return {"reranker": Signal(list(found.reranked).index(position) + 1, found.reranked[position])}


def _signal(values: Floats, ranks: Ids, position: int) -> Signal:
    return Signal(rank=int(ranks[position]), score=float(values[position]))
