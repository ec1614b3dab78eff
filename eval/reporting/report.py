"""Runs and what comes of them as tables in a terminal."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval.scoring.baselines import Standing
from eval.scoring.calibration import CalibrationReport
from eval.scoring.comparison import Comparison
from eval.scoring.lost_evidence import STAGES, Explanation
from eval.scoring.robustness import Perturbed
from eval.scoring.runs import Run
from eval.scoring.score import HEADLINES, LOWER_IS_BETTER
from eval.sets.perturbation import KINDS
from rag.inspection.baselines import BASELINES

_LOWER = " ↓"
_LEFT = ("", "set", "measure", "confidence", "questions changed", "95 %")  # columns of names and intervals
_EVIDENCE = 3  # passages with evidence that are shown
_EXCERPT = 300  # characters of each


def print_run(console: Console, run: Run, compared: Mapping[str, Comparison] | None = None) -> None:
    """The figures with their intervals and, after a comparison, how they differ."""
    answerable = sum(result.answerable for result in run.results)
    asked = f"{len(run.results)} questions"
    if answerable < len(run.results):
        asked += f" ({len(run.results) - answerable} that the documents do not answer)"
    console.print(
        Text(
            f"{run.gold}: {asked} of {run.store.documents} documents in {run.store.passages} passages; "
            f"{run.k} listed each; {run.seconds:.1f} s"
        )
    )
    of_change = () if compared is None else ("change", "95 %", "p", "n", "effect", "higher/lower")
    table = _table("measure", "mean", "95 %", *of_change)
    for name, estimate in run.measures.items():
        row = [
            name + (_LOWER if name in LOWER_IS_BETTER else ""),
            _figure(estimate.mean),
            _interval(estimate.low, estimate.high),
        ]
        if compared is not None and name in compared:
            change = compared[name]
            row += [
                _figure(change.difference, signed=True),
                _interval(change.low, change.high, signed=True),
                _p(change),
                str(change.n),
                _figure(change.effect, signed=True),
                "-" if change.higher is None else f"{change.higher}/{change.lower}",
            ]
        table.add_row(*row)
    console.print(table)
    legend = "95 %: bootstrap interval over questions"
    if any(name in LOWER_IS_BETTER for name in run.measures):
        legend += f";{_LOWER} lower is better"
    if compared is not None:
        legend += (
            "; p: paired randomisation test over n questions; effect: mean difference in deviations of the differences; "
            "higher/lower: questions"
        )
    console.print(Text(legend, style="dim"))


def print_calibration(console: Console, report: CalibrationReport, store: str) -> None:
    """What a refit of confidence changed, by cross-validation."""
    refit = report.refit
    console.print(
        Text(
            f"\nconfidence fitted on {refit.positives} questions that are answered right and {refit.negatives} that are "
            f"not, and kept with {store}"
        )
    )
    table = _table("confidence", "before", "after", "change", "95 %")
    for name, change in report.changes.items():
        table.add_row(
            name + _LOWER,
            _figure(change.before.mean),
            _figure(change.after.mean),
            _figure(change.difference.mean, signed=True),
            _interval(change.difference.low, change.difference.high, signed=True),
        )
    console.print(table)
    console.print(
        Text(f"after: each fifth of the questions by a fit on the others ({report.folds} folds)", style="dim")
    )


def print_perturbed(console: Console, perturbed: Sequence[Perturbed]) -> None:
    """What each kind of change costs, by the measures that say most."""
    table = _table("questions changed", "n", "measure", "clean", "changed", "change", "95 %", "p")
    for kind, run, changes in perturbed:
        first = [kind, str(len(run.results))]
        for name in HEADLINES:
            if name in changes and (change := changes[name]).difference is not None:
                now = run.measures[name].mean
                table.add_row(
                    *first,
                    name,
                    _figure(None if now is None else now - change.difference),
                    _figure(now),
                    _figure(change.difference, signed=True),
                    _interval(change.low, change.high, signed=True),
                    _p(change),
                )
                first = ["", ""]
    console.print()
    console.print(table)
    console.print(Text("; ".join(f"{kind}: {KINDS[kind]}" for kind, _, _ in perturbed), style="dim"))


def print_standings(console: Console, standings: Sequence[Standing]) -> None:
    """This system and the baselines, a set a line."""
    table = _table("set", "measure", "n", *BASELINES, "this", "ahead of", "by", "95 %", "p")
    for standing in standings:
        name = standing.headline
        means = {other: run.measures[name].mean or 0.0 for other, run in standing.others.items()}
        best = max(means, key=lambda other: means[other])
        change = standing.changes[best][name]
        table.add_row(
            Path(standing.ours.gold).name,
            name,
            str(len(standing.ours.results)),
            *(_figure(means[other]) for other in BASELINES),
            _figure(standing.ours.measures[name].mean),
            best,
            _figure(change.difference, signed=True),
            _interval(change.low, change.high, signed=True),
            _p(change),
        )
    console.print(table)
    console.print(
        Text(
            "RR@10: of passages that hold an answer whole; nDCG@10: of documents; by: to the best of the others; 95 %: bootstrap "
            "interval; p: paired randomisation test",
            style="dim",
        )
    )


def print_explanation(console: Console, explanation: Explanation, k: int) -> None:
    """At which stage a question's evidence was lost, with the signals of what ranks first beside those of the evidence."""
    rank = f" at rank {explanation.rank}" if explanation.rank else ""
    console.print(Text(f"{explanation.question.id}: {explanation.question.text}", style="bold"))
    if explanation.question.answers:
        console.print(Text("wanted: " + " | ".join(explanation.question.answers)))
    answer = explanation.answer
    shown = answer.answer.text if answer.answer else f"nothing ({answer.abstain_reason})"
    console.print(Text(f"answered: {shown} ({answer.confidence:.0%} sure)"))
    console.print(Text(f"stage: {explanation.stage}{rank} - {STAGES[explanation.stage]}", style="bold"))
    traced = [("evidence", passage) for passage in explanation.evidence[:_EVIDENCE]]
    traced += [("above", passage) for passage in explanation.above]
    if not traced:
        return
    console.print()
    for role, passage in traced:
        place = f"{passage.source or passage.document_id}:{passage.span.start}-{passage.span.end}"
        order = f"rank {passage.rank}" if passage.rank else "not ranked"
        console.print(Text(f"{role:9}{place}  {order}", style="cyan"))
        console.print(Text("    " + " ".join(passage.text.split())[:_EXCERPT]))
    console.print()
    table = _table("", *(f"{role} {passage.rank or ''}".strip() for role, passage in traced))
    table.add_row("rank by meaning", *(str(passage.dense or "-") for _, passage in traced))
    table.add_row("rank by words", *(str(passage.lexical or "-") for _, passage in traced))
    for name in dict.fromkeys(name for _, passage in traced for name in passage.signals):
        table.add_row(name, *(_figure(passage.signals.get(name)) for _, passage in traced))
    table.add_row("score", *(_figure(passage.score) for _, passage in traced))
    console.print(table)
    console.print(Text(f"{explanation.n_candidates} candidates; {k} passages listed", style="dim"))


def _table(*titles: str) -> Table:
    """An empty table; columns of figures stand at the right."""
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for title in titles:
        table.add_column(title, justify="left" if title in _LEFT else "right", no_wrap=True)
    return table


def _p(change: Comparison) -> str:
    return "-" if change.p is None else f"{change.p:.4f}"


def _figure(value: float | None, *, signed: bool = False) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def _interval(low: float | None, high: float | None, *, signed: bool = False) -> str:
    return "" if low is None or high is None else f"{_figure(low, signed=signed)}..{_figure(high, signed=signed)}"
