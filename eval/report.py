"""Runs and what comes of them as tables in a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval.calibration import CalibrationReport
from eval.comparison import Comparison
from eval.perturbation import KINDS
from eval.robustness import Perturbed
from eval.runs import Run
from eval.scoring import LOWER_IS_BETTER

_LOWER = " ↓"
_HEADLINES = ("RR@10", "nDCG@10", "Answer")


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
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("measure", no_wrap=True)
    table.add_column("mean", justify="right", no_wrap=True)
    table.add_column("95 %", no_wrap=True)
    if compared is not None:
        table.add_column("change", justify="right", no_wrap=True)
        table.add_column("95 %", no_wrap=True)
        table.add_column("p", justify="right", no_wrap=True)
        table.add_column("n", justify="right", no_wrap=True)
        table.add_column("effect", justify="right", no_wrap=True)
        table.add_column("higher/lower", justify="right", no_wrap=True)
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
                "-" if change.p is None else f"{change.p:.4f}",
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


def print_calibration(console: Console, report: CalibrationReport, store: Path) -> None:
    """What a refit of confidence changed, by cross-validation."""
    refit = report.refit
    console.print(
        Text(
            f"\nconfidence fitted on {refit.positives} questions that the listed passages answer and {refit.negatives} that they "
            f"do not, and kept with {store}"
        )
    )
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for title in ("confidence", "before", "after", "change"):
        table.add_column(title, justify="left" if title == "confidence" else "right", no_wrap=True)
    table.add_column("95 %", no_wrap=True)
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


def print_perturbed(console: Console, found: Sequence[Perturbed]) -> None:
    """What each kind of change costs, by the measures that say most."""
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("questions changed", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("measure", no_wrap=True)
    for title in ("clean", "changed", "change"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("95 %", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    for kind, run, changes in found:
        first = [kind, str(len(run.results))]
        for name in _HEADLINES:
            if name in changes and (change := changes[name]).difference is not None:
                now = run.measures[name].mean
                table.add_row(
                    *first,
                    name,
                    _figure(None if now is None else now - change.difference),
                    _figure(now),
                    _figure(change.difference, signed=True),
                    _interval(change.low, change.high, signed=True),
                    "-" if change.p is None else f"{change.p:.4f}",
                )
                first = ["", ""]
    console.print()
    console.print(table)
    console.print(Text("; ".join(f"{kind}: {KINDS[kind]}" for kind, _, _ in found), style="dim"))


def _figure(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def _interval(low: float | None, high: float | None, *, signed: bool = False) -> str:
    return "" if low is None or high is None else f"{_figure(low, signed=signed)}..{_figure(high, signed=signed)}"
