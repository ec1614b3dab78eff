"""The report of a run as one page that needs nothing else: measures, plots, the worst questions, what differs from another run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np

from eval.reporting.charts import Labelled, reliability_chart, risk_coverage_chart
from eval.scoring.comparison import Comparison, of_both
from eval.scoring.lost_evidence import STAGES, Explanation
from eval.scoring.robustness import Perturbed
from eval.scoring.runs import Result, Run
from eval.scoring.score import HEADLINES, LOWER_IS_BETTER, confidence_columns
from eval.sets.gold import Place, Question
from eval.sets.perturbation import KINDS
from index.types import Span

_WORST = 20
_FALSE_ANSWERS = 10
_DIFFERENT = 40  # questions of each direction
_RETURNED = 3  # passages shown of each question
_EVIDENCE = 2


class ShownPassage(NamedTuple):
    """A passage with its label; parts: its text in pieces, with whether each is evidence."""

    label: str
    parts: Sequence[tuple[str, bool]]


class Case(NamedTuple):
    """One question with what was wanted and what was returned."""

    id: str
    question: str
    verdict: str
    confidence: float
    wanted: Sequence[str]
    answer: str | None
    why: str
    evidence: Sequence[ShownPassage]
    returned: Sequence[ShownPassage]


class Difference(NamedTuple):
    """A question in both runs."""

    before: Result
    now: Result
    difference: float


def render_page(
    run: Run,
    questions: Sequence[Question],
    explain: Callable[[Question], Explanation],
    *,
    earlier: Run | None = None,
    compared: Mapping[str, Comparison] | None = None,
    perturbed: Sequence[Perturbed] = (),
) -> str:
    """The page as HTML. questions: of the run; explain: follows one question's evidence; earlier, compared: another run, if any.

    Everything that comes from documents and questions is escaped.
    """
    asked = {question.id: question for question in questions}
    headline = next((name for name in HEADLINES if name in run.measures), None)
    short = _short(run.results, headline)
    false_answers = sorted(
        (result for result in run.results if result.answered and not result.answerable),
        key=lambda result: -result.confidence,
    )
    charted = {"this run": Labelled(*confidence_columns("ECE", run.results))}
    if earlier is not None:
        again = [result for _, result in of_both(run, earlier)]
        charted["the run before"] = Labelled(*confidence_columns("ECE", again))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("eval.reporting", ""),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "figure": _figure,
        "signed": partial(_figure, form="+.3f"),
        "percent": "{:.0%}".format,
        "direction": _direction,
    }
    return environment.get_template("report.html").render(
        name=Path(run.gold).name,
        run=run,
        earlier=earlier,
        compared=compared,
        written_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        n_unanswerable=sum(not result.answerable for result in run.results),
        lower_is_better=LOWER_IS_BETTER,
        perturbed=perturbed,
        kinds=KINDS,
        headlines=HEADLINES,
        headline=headline,
        risk_coverage=risk_coverage_chart(charted),
        reliability=reliability_chart(charted),
        changed_questions=_differences(run, earlier, headline) if earlier is not None and headline else [],
        worst=[_case(explain(asked[result.id]), result, headline) for result in short[:_WORST]],
        n_short=len(short),
        false_answers=[_case(explain(asked[answer.id]), answer, None) for answer in false_answers[:_FALSE_ANSWERS]],
        n_false_answers=len(false_answers),
    )


def _short(results: Iterable[Result], headline: str | None) -> list[Result]:
    """Questions short of the best value, worst first, the surest of equals first."""
    if headline is None:
        return []
    short = [result for result in results if result.measures.get(headline, 1.0) < 1.0]
    return sorted(short, key=lambda result: (result.measures[headline], -result.confidence))


def _differences(run: Run, earlier: Run, headline: str) -> list[tuple[str, list[Difference], int]]:
    """Title, questions and their number of those with a higher and a lower value than before, largest difference first."""
    differences = [
        Difference(before, now, now.measures[headline] - before.measures[headline])
        for now, before in of_both(run, earlier)
        if headline in now.measures and headline in before.measures
    ]
    better = sorted((case for case in differences if case.difference > 0), key=lambda case: -case.difference)
    worse = sorted((case for case in differences if case.difference < 0), key=lambda case: case.difference)
    return [
        ("Worse than before", worse[:_DIFFERENT], len(worse)),
        ("Better than before", better[:_DIFFERENT], len(better)),
    ]


def _case(explanation: Explanation, result: Result, headline: str | None) -> Case:
    places = explanation.question.places
    value = f"{headline} {result.measures[headline]:.3f}, " if headline else ""
    rank = f"evidence at rank {explanation.rank}" if explanation.rank else explanation.stage
    if not explanation.question.answerable:
        rank = "not answerable"
    return Case(
        explanation.question.id,
        explanation.question.text,
        value + rank,
        explanation.answer.confidence,
        explanation.question.answers,
        explanation.answer.answer.text if explanation.answer.answer else None,
        f"{explanation.stage}: {STAGES[explanation.stage]}",
        [
            ShownPassage(
                f"{passage.source or passage.document_id}, {passage.span.start}–{passage.span.end}"
                + (f", rank {passage.rank}" if passage.rank else ", not ranked"),
                _parts(passage.source or passage.document_id, passage.span, passage.text, places),
            )
            for passage in explanation.evidence[:_EVIDENCE]
        ],
        [
            ShownPassage(
                f"rank {passage.rank}: {passage.document.source or passage.document.id}, "
                f"{passage.citation.span.start}–{passage.citation.span.end}, score {passage.score:.3f}",
                _parts(passage.document.source or passage.document.id, passage.citation.span, passage.text, places),
            )
            for passage in explanation.answer.passages[:_RETURNED]
        ],
    )


def _parts(document: str, span: Span, text: str, places: Iterable[Place]) -> list[tuple[str, bool]]:
    """The text in pieces, with whether each is evidence; places may overlap."""
    evidence = np.zeros(len(text) + 2, dtype=bool)
    for place in places:
        if place.document == document:
            evidence[1 + max(place.start - span.start, 0) : 1 + max(min(place.end - span.start, len(text)), 0)] = True
    cuts = [0, *np.flatnonzero(evidence[1:-2] != evidence[2:-1]) + 1, len(text)]
    return [
        (text[start:end], bool(evidence[start + 1])) for start, end in zip(cuts, cuts[1:], strict=False) if start < end
    ]


def _figure(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form)


def _direction(change: Comparison, lower_is_better: bool) -> str:
    """The class of a change for the better or the worse; none where the interval holds 0."""
    if change.low is None or change.high is None or change.low <= 0 <= change.high:
        return ""
    return "higher" if (change.low > 0) != lower_is_better else "lower"
