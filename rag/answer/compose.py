"""The answer to a question: which sentences, from which passages, cited where; or none."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from index.types import Document, Floats, Ids, Passage, Span
from rag.answer.citations import cite, cite_part
from rag.answer.rows import named_cells, tell_more
from rag.answer.units.candidates import Candidate
from rag.retrieval.retrieve import Retrieved, states
from rag.shared.types import (
    AnswerPart,
    AnswerText,
    Citation,
    DocumentRef,
    ListedRow,
    NamedCell,
    Occurrence,
    RankedPassage,
    Signal,
)
from rag.shared.units import units_of

# What part of the first passage's evidence another one has that is put before it, at least.
_AS_MUCH = 0.7
# Characters; a longer one is a paragraph above the table.
_LONGEST_GROUP = 200


class Composed(NamedTuple):
    """The parts of an answer that come from what was retrieved."""

    answer: AnswerText | None
    passages: tuple[RankedPassage, ...]


def with_quoted_first(retrieved: Retrieved, chosen: Sequence[Candidate]) -> tuple[Retrieved, list[Candidate]]:
    """The same with the passages of the chosen units before all others, in the units' order; and the units by their new ranks.

    More signals choose a unit than rank a passage, so its passage answers more often than the first does (eval/reports/LOG.md, 36).
    One that says far less of what is asked about than the first passage stays behind it. Passages about a claim, and what a
    cross-encoder has ordered, stay in their order.
    """
    if not chosen or retrieved.reranked or states(retrieved.question.text):
        return retrieved, list(chosen)
    said = [retrieved.signals.evidence[leader] for leader, *_ in retrieved.groups]
    quoted_ranks = (unit.passage for unit in chosen if said[unit.passage] >= _AS_MUCH * said[0])
    ranks = list(dict.fromkeys((*quoted_ranks, *range(len(retrieved.groups)))))
    groups = [retrieved.groups[rank] for rank in ranks]
    leaders = [leader for leader, *_ in groups]
    order = retrieved.order.copy()
    order[leaders] = np.maximum.accumulate(order[leaders[::-1]])[::-1]  # scores descend
    quoted = [unit._replace(passage=ranks.index(unit.passage)) for unit in chosen]
    return replace(retrieved, groups=groups, order=order), quoted


def compose(
    retrieved: Retrieved, documents: Mapping[int, Document], chosen: Sequence[Candidate], *, k: int, explain: bool
) -> Composed:
    """The answer of the chosen units, None without any, and the first k passages, in which all of them must stand.

    documents: passage id -> its document, for every passage in the groups.
    """
    ranks = _signal_ranks(retrieved) if explain else {}
    passages = []
    for rank, group in enumerate(retrieved.groups[:k]):
        passage = retrieved.passages[group[0]]
        document = documents[passage.id]
        copies = [(documents[retrieved.passages[copy].id], retrieved.passages[copy].span) for copy in group[1:]]
        passages.append(
            RankedPassage(
                rank=rank + 1,
                score=float(retrieved.order[group[0]]),
                text=passage.text,
                document=DocumentRef(document.id, document.title, document.source, document.metadata),
                section=passage.section,
                page=passage.page,
                citation=cite(passage, document),
                highlights=tuple(sorted(unit.span for unit in chosen if unit.passage == rank)),
                also_in=tuple(
                    Occurrence(other.id, other.title, other.source, span)
                    for other, span in copies
                    if other.id != document.id
                ),
                explain={name: _signal(values, order, group[0]) for name, (values, order) in ranks.items()}
                | _reranked(retrieved, group[0])
                if explain
                else None,
                rows=_rows(passage),
            )
        )
    return Composed(_answer_text(chosen, passages) if chosen else None, tuple(passages))


def _rows(passage: Passage) -> tuple[ListedRow, ...]:
    """The table rows of a passage."""
    start = passage.span.start
    return tuple(
        ListedRow(
            unit.row.head,
            tuple(passage.text[cell.start - start : cell.end - start] for cell in unit.row.cells),
            unit.span,
            unit.context,
        )
        for unit in units_of(passage)
        if unit.row is not None
    )


def _answer_text(chosen: Sequence[Candidate], passages: Sequence[RankedPassage]) -> AnswerText:
    """The answer made of these sentences: documents in the order of their best, sentences in that of their document."""
    documents = list(dict.fromkeys(passages[sentence.passage].document.id for sentence in chosen))
    ordered = sorted(chosen, key=lambda s: (documents.index(passages[s.passage].document.id), s.span))
    parts: list[AnswerPart] = []
    for sentence in ordered:
        passage = passages[sentence.passage]
        goes_on = bool(parts) and _goes_on(parts[-1].citation, sentence.span, passage)
        citation = cite_part(passage.citation, sentence.span)
        cells, group = _read_with(sentence, passage.rows, ordered)
        likeliest = sentence is chosen[0]
        parts.append(AnswerPart(sentence.text, citation, sentence.passage, goes_on, cells, group, likeliest))
    return AnswerText(tuple(s.text for s in chosen), tuple(dict.fromkeys(s.passage for s in chosen)), tuple(parts))


def _read_with(
    sentence: Candidate, rows: Sequence[ListedRow], quoted: Sequence[Candidate]
) -> tuple[tuple[NamedCell, ...], str]:
    """What a unit does not say itself: the cells and the group of the row that it is, and what it stands below as an item.

    quoted: all units of the answer, which may say what it stands below.
    """
    row = next((row for row in rows if row.span == sentence.span), None)
    if row is None:
        texts = [" ".join(unit.text.split()) for unit in quoted]
        above = [line for line in sentence.above.split("\n") if not any(line in text for text in texts)]
        label = " · ".join(above)
        return (), label if len(label) <= _LONGEST_GROUP else ""
    cells = named_cells(row.head, row.cells)
    is_told = row.group in sentence.text or len(row.group) > _LONGEST_GROUP
    return cells if tell_more(cells, sentence.text) else (), "" if is_told else row.group


def _goes_on(before: Citation, span: Span, passage: RankedPassage) -> bool:
    """Whether a place in a passage stands right behind what was cited before."""
    start = passage.citation.span.start
    if before.document_id != passage.document.id or not start <= before.span.end <= span.start:
        return False
    return not passage.text[before.span.end - start : span.start - start].strip()


def _signal_ranks(retrieved: Retrieved) -> dict[str, tuple[Floats, Ids]]:
    """Per signal its values and the 1-based rank of each candidate."""
    named = {
        "dense": retrieved.signals.dense,
        "sentence": retrieved.signals.sentence,
        "lexical": retrieved.signals.bm25,
    }
    return {name: (values, np.argsort(np.argsort(-values, kind="stable")) + 1) for name, values in named.items()}


def _reranked(retrieved: Retrieved, position: int) -> dict[str, Signal]:
    """What the cross-encoder made of a candidate; nothing where there is none."""
    if not retrieved.reranked:
        return {}
    if position not in retrieved.reranked:
        return {"reranker": Signal(None, None)}
    return {"reranker": Signal(list(retrieved.reranked).index(position) + 1, retrieved.reranked[position])}


def _signal(values: Floats, ranks: Ids, position: int) -> Signal:
    return Signal(rank=int(ranks[position]), score=float(values[position]))
