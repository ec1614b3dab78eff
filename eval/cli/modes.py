"""What ``rag eval`` does with gold sets: score one, say of one question where its evidence was lost, or set baselines beside it.

Each is a frozen value with the options that it looks at, and refuses all others: see ``rag eval``.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eval.files import check_writable, write_json, write_text
from rag.cli.output import FAILED, console, message, open_service, print_json
from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from eval.scoring.calibration import CalibrationReport
    from eval.scoring.comparison import Comparison
    from eval.scoring.robustness import Perturbed
    from eval.scoring.runs import Run
    from eval.sets.gold import GoldSet, Question
    from rag.service import Service

Shown = dict[str, object]


@dataclass(frozen=True, slots=True)
class Baselines:
    """A table of this system and the baselines over several sets; with ``out`` also saved, as JSON and as text beside it."""

    gold: Sequence[Path]
    corpus: Path | None
    store: str | None
    limit: int | None
    seed: int
    out: Path | None
    json: bool
    baselines: bool = True

    def run(self) -> None:
        from io import StringIO

        from rich.console import Console

        from eval.cli.opening import opened, standing
        from eval.reporting.report import print_standings
        from eval.scoring.baselines import standing_json

        # Never the file of the figures itself.
        table = self.out.with_name(f"{self.out.name}.txt") if self.out is not None else None
        if table is not None:
            check_writable("--out", table)
        standings = []
        for path in self.gold:
            with opened(path, self.corpus, self.store, self.limit, self.seed) as (questions, service):
                standings.append(standing(service, questions, path))
                settings = service.settings
        saved = {"settings": settings, "sets": [standing_json(line) for line in standings]}
        if self.out is not None and table is not None:
            write_json("--out", self.out, saved)
            text = StringIO()
            print_standings(Console(file=text, width=200), standings)
            write_text("--out", table, text.getvalue())
        if self.json:
            print_json(saved)
        else:
            print_standings(console(), standings)


@dataclass(frozen=True, slots=True)
class Why:
    """At which stage one question's evidence was lost, and to what.  why: its id."""

    gold: Sequence[Path]
    corpus: Path | None
    store: str | None
    why: str
    k: int
    json: bool

    def run(self) -> None:
        from eval.cli.opening import opened
        from eval.scoring.lost_evidence import explain, explanation_json

        with opened(self.gold[0], self.corpus, self.store, only=self.why) as (questions, service):
            explanation = explain(service.ask, service.inspector, questions.questions[0], self.k)
        if self.json:
            print_json(explanation_json(explanation))
        else:
            from eval.reporting.report import print_explanation

            print_explanation(console(), explanation, self.k)


@dataclass(frozen=True, slots=True)
class Scoring:
    """The run of one set, with all that is asked for beside it."""

    gold: Sequence[Path]
    corpus: Path | None
    store: str | None
    k: int
    out: Path | None
    html: Path | None
    compare: Path | None
    fail_under: Sequence[str]
    limit: int | None
    seed: int
    calibrate: bool
    foreign: Path | None
    perturb: Sequence[str]
    json: bool

    def run(self) -> None:
        from eval.scoring.robustness import kinds_of
        from eval.scoring.runs import load_run

        thresholds = _thresholds(self.fail_under)
        kinds_of(self.perturb)  # refuses what it does not know, before any work
        earlier = load_run(self.compare) if self.compare is not None else None
        results = self._results(thresholds, earlier)
        saved = results.to_json()
        if self.out is not None:
            write_json("--out", self.out, saved)
        if self.html is not None:
            write_text("--html", self.html, results.page)
        if self.json:
            print_json(saved)
        else:
            results.print()
        if missed := _missed(results.run, thresholds):
            for line in missed:
                message(line)
            raise typer.Exit(FAILED)

    def _results(self, thresholds: Mapping[str, float], earlier: "Run | None") -> "_Results":
        from eval.cli.opening import asked, opened
        from eval.scoring.calibration import calibrate, digest_of
        from eval.scoring.comparison import compare
        from eval.scoring.lost_evidence import explain
        from eval.scoring.robustness import kinds_of, perturbed
        from eval.sets.gold import GoldSet

        gold = self.gold[0]
        apart = self.calibrate and (self.corpus is not None or gold.is_dir())
        store = None if apart else self.store
        check = partial(_check, thresholds)
        with opened(gold, self.corpus, store, self.limit, self.seed, check, self.foreign) as (questions, service):
            digest = digest_of(gold)
            with _to_calibrate(service, self.store, apart=apart) as target:
                run = asked(service, questions, gold, digest, self.k)
                fitted = None
                if self.calibrate:
                    fitted = calibrate(run.results, service.refit, service.confidence_basis, digest)
                    target.set_refit(fitted.refit)
                place = target.place

            def ask_changed(changed: "Sequence[Question]") -> "Run":
                return asked(service, GoldSet(tuple(changed)), gold, "", self.k)

            changed = perturbed(run, questions.questions, kinds_of(self.perturb), self.seed, ask_changed)
            compared = compare(run, earlier) if earlier is not None else None
            page = ""
            if self.html is not None:  # while the service is open, of which it asks where evidence was lost
                from eval.reporting.page import render_page

                follow = partial(explain, service.ask, service.inspector, k=self.k)
                page = render_page(
                    run, questions.questions, follow, earlier=earlier, compared=compared, perturbed=changed
                )
        return _Results(run, compared, changed, fitted, place, page)


@dataclass(frozen=True, slots=True)
class _Results:
    """What scoring gave. compared: to an earlier run.  changed: of questions as people type them.

    fitted: the new confidence of the store at ``place``.  page: the report, "" where none was wanted.
    """

    run: "Run"
    compared: "Mapping[str, Comparison] | None"
    changed: "Sequence[Perturbed]"
    fitted: "CalibrationReport | None"
    place: str
    page: str

    def to_json(self) -> Shown:
        from eval.scoring.calibration import calibration_json
        from eval.scoring.robustness import perturbed_json
        from eval.scoring.runs import run_json

        saved: Shown = {**run_json(self.run)}
        if self.compared is not None:
            saved["compare"] = {name: change._asdict() for name, change in self.compared.items()}
        if self.fitted is not None:
            saved["calibration"] = calibration_json(self.fitted)
        if self.changed:
            saved["perturbed"] = perturbed_json(self.changed)
        return saved

    def print(self) -> None:
        from eval.reporting.report import print_calibration, print_perturbed, print_run

        print_run(console(), self.run, self.compared)
        if self.changed:
            print_perturbed(console(), self.changed)
        if self.fitted is not None:
            print_calibration(console(), self.fitted, self.place)


@contextmanager
def _to_calibrate(service: "Service", store: str | None, *, apart: bool) -> "Iterator[Service]":
    """The store whose confidence is to be fitted, which is the one asked or another one made the same way."""
    from index.errors import StoreMismatch

    if not apart:
        yield service
        return
    with open_service(store) as target:
        if target.confidence_basis != service.confidence_basis:
            raise StoreMismatch(
                f"{store} has another model or other passage settings than the gold set's documents are indexed with: "
                "ask questions of that store instead (a JSONL file without --corpus)"
            )
        yield target


def _thresholds(options: Sequence[str]) -> dict[str, float]:
    thresholds = {}
    for option in options:
        name, _, value = option.rpartition("=")
        try:
            threshold = float(value)
        except ValueError:
            threshold = math.nan
        if not name or not math.isfinite(threshold):  # nothing is below nan
            raise BadInput(f'--fail-under {option!r}: write it as MEASURE=NUMBER, as in "nDCG@10=0.7"')
        thresholds[name.strip()] = threshold
    return thresholds


def _check(thresholds: Mapping[str, float], gold_set: "GoldSet") -> None:
    """Refuse a threshold for a measure that the set does not have or that is better when lower."""
    from eval.scoring.score import LOWER_IS_BETTER, measure_names

    names = [name for name in measure_names(gold_set.questions) if name not in LOWER_IS_BETTER]
    for name in thresholds:
        if name not in names:
            raise BadInput(f"--fail-under {name!r}: this gold set has {', '.join(names)}")


def _missed(run: "Run", thresholds: Mapping[str, float]) -> list[str]:
    missed = []
    for name, threshold in thresholds.items():
        mean = run.measures[name].mean
        if mean is None:
            missed.append(f"{name} is not defined for these questions, so not {threshold} or more")
        elif mean < threshold:
            missed.append(f"{name} is {mean:.4f}, below {threshold}")
    return missed
