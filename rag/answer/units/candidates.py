"""What may be the answer: the units of the first passages, each with its score and whether it holds what is asked for."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from index.local.views.lexical import analyze
from index.types import Passage, Span
from rag.answer.units.aspects import (
    counted_terms,
    counts,
    has_qualifier,
    is_labelled,
    leads_elsewhere,
    tells_deadline,
    tells_signatory,
)
from rag.answer.units.definitions import defines
from rag.answer.units.leads import hand_on_scores
from rag.answer.units.nesting import stands_below
from rag.answer.units.stretches import Stretch, is_whole, span_of, stretches, texts_of
from rag.answer.weights import load_weights
from rag.language.asked import Kind, asks_about_mail, asks_for_author, cached_by_question, kind_asked
from rag.language.days import told_otherwise
from rag.language.kinds_in_text import NAMED, STRICT, asks_for_name, holds, points_back
from rag.retrieval.question import function_terms
from rag.retrieval.retrieve import Retrieved
from rag.retrieval.signals import late_without_words
from rag.shared.types import APART, BYLINE, MAIL_HEADER, ROW, Unit
from rag.shared.units import units_of

# Units are taken from the first passages only: what answers stands there or nowhere.
ANSWER_PASSAGES = 5
# Characters up to which a label takes in the next line for what it lacks.
_LABELLED = 200
# Characters by which a text that only repeats the question is longer than it, at most.
_REPEATED = 10


# By which weight it counts that a unit holds what is asked for: "kind" but for these, which are there in other units as well.
_HELD = {
    **dict.fromkeys(NAMED, "name"),
    **dict.fromkeys((Kind.REASON, Kind.STEPS, Kind.DEFINITION, Kind.YES_NO, Kind.OTHER), "words"),
}


class Candidate(NamedTuple):
    """A unit that may answer: the rank (0-based) of the passage it stands in, its place and text.

    told: what it is read with, such as the head of its table.  above: what it stands below as an item, a line each.
    cells: of a row, what it has itself.
    score: higher is better, comparable within one question; exp(score) is the odds that this is the unit.
    late, cosine: late interaction and cosine of its best sentence.
    holds: whether it has a thing of the kind that is asked for.
    kind: of its first unit.  document: the id of the one it stands in.
    named: whether it is in a part that the question refers to by its number.  opens: whether that begins with it.
    """

    passage: int
    span: Span
    text: str
    told: str
    above: str
    cells: str
    score: float
    late: float
    cosine: float
    holds: bool
    kind: str
    named: bool
    opens: bool
    document: str


def candidates_of(retrieved: Retrieved) -> list[Candidate]:
    """All units of the first passages."""
    kind = kind_asked(retrieved.question.text)
    late = np.nan_to_num(retrieved.late)
    first = np.searchsorted(retrieved.signals.owner, np.arange(len(retrieved.scores)))
    candidates: list[Candidate] = []
    for rank, group in enumerate(retrieved.groups[:ANSWER_PASSAGES]):
        position = group[0]
        rows = slice(int(first[position]), int(first[position]) + len(retrieved.passages[position].sentences))
        candidates += _of_passage(retrieved, kind, rank, position, rows, late[rows].tolist())
    return _with_items_told_apart(_with_rows_told_apart(candidates, retrieved), retrieved)


def _with_items_told_apart(candidates: list[Candidate], retrieved: Retrieved) -> list[Candidate]:
    """The candidates, of which those below one item lose what those below another have more of the question's words.

    Only those of a passage are compared: another list may answer whatever it stands below.
    """
    weights = _telling(retrieved)
    total = sum(weights.values()) or 1.0
    branches: dict[int, dict[str, float]] = {}
    for candidate in candidates:
        if candidate.above:
            terms = set(analyze(f"{candidate.above}\n{candidate.text}"))
            share = sum(weight for term, weight in weights.items() if term in terms) / total
            of_passage = branches.setdefault(candidate.passage, {})
            of_passage[candidate.above] = max(share, of_passage.get(candidate.above, 0.0))
    lost = {
        (passage, above): load_weights().unit["below"] * (max(shares.values()) - share)
        for passage, shares in branches.items()
        for above, share in shares.items()
    }
    return [
        candidate._replace(score=candidate.score - lost.get((candidate.passage, candidate.above), 0.0))
        for candidate in candidates
    ]


def _with_rows_told_apart(candidates: list[Candidate], retrieved: Retrieved) -> list[Candidate]:
    """The candidates, rows scored again by their own words: to a model one row of numbers is like another.

    A row gains what the question's words in it, its head and its group weigh, and loses what another row has of them more. One that
    is called by words of the question alone ("Total") gains as well. Its late interaction is at least what is likely for the words.
    """
    weights = _telling(retrieved)
    total = sum(weights.values()) or 1.0
    own: dict[int, float] = {}
    told: dict[int, float] = {}
    heads = {head: set(analyze(head)) for head in {candidate.told for candidate in candidates if candidate.cells}}
    for number, candidate in enumerate(candidates):
        if candidate.cells:
            terms = set(analyze(" ".join((candidate.cells, *told_otherwise(retrieved.question.text, candidate.cells)))))
            own[number] = sum(weight for term, weight in weights.items() if term in terms) / total
            terms |= heads[candidate.told]
            told[number] = sum(weight for term, weight in weights.items() if term in terms) / total
    most = max(own.values(), default=0.0)
    if not most:
        return candidates
    unit = load_weights().unit
    return [
        candidate._replace(
            score=candidate.score
            + unit["row"] * (told[number] + own[number] / most - 1.0)
            + unit["label"] * _is_named(candidate, weights),
            late=max(candidate.late, _likely_late(candidate.cosine, told[number])),
        )
        if number in own
        else candidate
        for number, candidate in enumerate(candidates)
    ]


def _likely_late(cosine: float, coverage: float) -> float:
    """The late interaction that is likely for a cosine and a share of the question's words."""
    values = np.array([[cosine], [coverage]], dtype=np.float32)
    return float(late_without_words(values[0], values[1])[0])


def _is_named(row: Candidate, terms: Collection[str]) -> bool:
    """Whether all that a row is called, by its first cell with a word, is among the terms."""
    label = next((set(analyze(cell)) for cell in row.cells.split("\n") if any(map(str.isalpha, cell))), set())
    return bool(label) and label.issubset(terms)


def _of_passage(
    retrieved: Retrieved, kind: Kind, rank: int, position: int, rows: slice, late: Sequence[float]
) -> list[Candidate]:
    """The candidates of one passage. rows: where its sentences are among those of all.  late: of these, 0 where not computed."""
    passage, signals, asked = retrieved.passages[position], retrieved.signals, retrieved.question.text
    units = units_of(passage)
    texts = texts_of(units, passage.text, passage.span.start)
    cosine, coverage = signals.sentence_cosine[rows].tolist(), signals.sentence_coverage[rows].tolist()
    whole = [_with_label(stretch, units, texts, kind, asked) for stretch in stretches(units, texts)]
    spans = [span_of(units, stretch) for stretch in whole]
    quoted = [_text_at(passage, span) for span in spans]
    defining = [defines(asked, text) for text in quoted]
    held = [
        (is_defining or holds(kind, text, asked, is_row=units[stretch.first].kind == ROW))
        and (units[stretch.first].kind != MAIL_HEADER or asks_about_mail(asked))
        for stretch, text, is_defining in zip(whole, quoted, defining, strict=True)
    ]
    above = stands_below(units, texts, passage.text, passage.span.start)
    counted = counted_terms(asked)
    weights = load_weights().unit
    scores = []
    for stretch, text, is_held, is_defining in zip(whole, quoted, held, defining, strict=True):
        within = slice(stretch.first, stretch.last + 1)
        before = late[stretch.first - 1] if stretch.first and points_back(text) else 0.0
        scores.append(
            weights["cosine"] * max(cosine[within])
            + weights["coverage"] * max(coverage[within])
            + weights["late"] * max(late[within])
            + weights["passage"] * float(retrieved.scores[position])
            + weights["before"] * before
            + weights["kind" if asks_for_name(asked) else _HELD.get(kind, "kind")] * is_held
            + weights["qualifier"] * has_qualifier(asked, text)
            + weights["deadline"] * (is_held and kind in STRICT and tells_deadline(asked, text))
            + weights["defines"] * is_defining
            + weights["dated"] * bool(told_otherwise(asked, text))
            + weights["signed"] * tells_signatory(asked, text)
            + weights["labelled"] * (is_held and is_labelled(kind, text))
            + weights["counted"] * counts(text, asked, counted)
            + weights["byline"] * (units[stretch.first].kind == BYLINE and asks_for_author(asked))
            - weights["apart"] * _is_apart(units[stretch.first], asked)
            - weights["repeats"] * (kind is not Kind.YES_NO and _only_repeats(text, asked))
        )
    gaps = [_gap(passage, span, following) for span, following in zip(spans, [*spans[1:], None], strict=True)]
    kept = [
        is_held and kind in STRICT or stretch.first < stretch.last for stretch, is_held in zip(whole, held, strict=True)
    ]
    scores = [
        score - weights["elsewhere"] * leads_elsewhere(asked, text)
        for text, score in zip(quoted, hand_on_scores(list(zip(quoted, scores, strict=True)), gaps, kept), strict=True)
    ]
    named = {part.sentence: part.opens for part in retrieved.named.get(position, ())}
    candidates = [
        Candidate(
            rank,
            span,
            text,
            _told(units[stretch.first]),
            above[stretch.first],
            _cells(passage, units[stretch.first]),
            score,
            max(late[stretch.first : stretch.last + 1]),
            max(cosine[stretch.first : stretch.last + 1]),
            is_held,
            units[stretch.first].kind,
            stretch.first in named,
            named.get(stretch.first, False),
            passage.document_id,
        )
        for stretch, span, text, score, is_held in zip(whole, spans, quoted, scores, held, strict=True)
    ]
    if kind not in STRICT:
        return candidates
    return [each for each in candidates if not any(_tells_all(item, each) for item in candidates)]


def _tells_all(item: Candidate, whole: Candidate) -> bool:
    """Whether an item of a list has the thing asked for, and is as near to the question as all of the list."""
    return (
        item.holds
        and item.late >= whole.late
        and len(item.text) < len(whole.text)
        and whole.span.start <= item.span.start
        and item.span.end <= whole.span.end
    )


def _with_label(stretch: Stretch, units: Sequence[Unit], texts: Sequence[str], kind: Kind, asked: str) -> Stretch:
    """A line that is a label of what is asked for, with the next one, which says it."""
    last = stretch.last
    if kind not in STRICT or last + 1 >= len(units) or is_whole(texts[last]) or holds(kind, texts[last], asked):
        return stretch
    if units[last + 1].span.end - units[stretch.first].span.start > _LABELLED or not holds(
        kind, texts[last + 1], asked
    ):
        return stretch
    return Stretch(stretch.first, last + 1)


def _is_apart(unit: Unit, asked: str) -> bool:
    """Whether a unit is no part of the running text and not what is asked for: the head of a mail tells of the mail alone."""
    return unit.kind in APART or unit.kind == MAIL_HEADER and not asks_about_mail(asked)


def _only_repeats(text: str, asked: str) -> bool:
    """Whether a text says nothing that the question does not: "Tensile strength of SNB22-3"."""
    return len(text) <= len(asked) + _REPEATED and _said(asked).issuperset(analyze(text))


@cached_by_question
def _said(asked: str) -> frozenset[str]:
    return function_terms().union(analyze(asked))


def _telling(retrieved: Retrieved) -> dict[str, float]:
    """The terms of the question that tell what it is about, with their weights."""
    weighted, functional = retrieved.question.weighted, function_terms()
    asked = zip(weighted.terms, weighted.weights.tolist(), strict=True)
    return {term: weight for term, weight in asked if term not in functional}


def _told(unit: Unit) -> str:
    return " ".join(part for part in (unit.context, *(unit.row.head if unit.row else ())) if part)


def _cells(passage: Passage, unit: Unit) -> str:
    return "\n".join(_text_at(passage, cell) for cell in unit.row.cells) if unit.row else ""


def _text_at(passage: Passage, span: Span) -> str:
    return passage.text[span.start - passage.span.start : span.end - passage.span.start]


def _gap(passage: Passage, span: Span, following: Span | None) -> str:
    return "" if following is None else _text_at(passage, Span(span.end, max(span.end, following.start)))
