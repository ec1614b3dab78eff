"""The command ``rag eval``. Imported by ``rag --help``: everything heavy is imported when it runs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eval.files import check_writable, write_json, write_text
from rag.cli.output import (
    FAILED,
    JsonOption,
    StoreOption,
    console,
    errors,
    message,
    open_service,
    print_json,
)
from rag.errors import BadInput

if TYPE_CHECKING:
    from eval.scoring.calibration import CalibrationReport
    from eval.scoring.comparison import Comparison
    from eval.scoring.robustness import Perturbed
    from eval.scoring.runs import Run
    from eval.sets.gold import GoldSet, Question
    from rag.service import Service

_MAX_K = 1000
# What the modes that score no run look at; they refuse every other option, which they would ignore.
_LOOKED_AT = {
    "baselines": {"baselines", "gold", "corpus", "store", "limit", "seed", "out", "json"},
    "why": {"why", "gold", "corpus", "store", "k", "json"},
}


def evaluate(
    context: typer.Context,
    gold: Annotated[
        list[Path],
        typer.Argument(
            metavar="GOLD", help="A folder in the BEIR layout, or a JSONL file of questions.", show_default=False
        ),
    ],
    corpus: Annotated[
        Path | None,
        typer.Option(
            "--corpus",
            metavar="PATH",
            help="Documents that a JSONL file is asked of; else those of the store.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", "--top-k", help=f"Passages listed per question, 1 to {_MAX_K}.")] = 10,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN.json", help="Save the run.", show_default=False)
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="REPORT.html", help="Write the report as a page.", show_default=False),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="RUN.json", help="Differences to a saved run.", show_default=False),
    ] = None,
    fail_under: Annotated[
        list[str],
        typer.Option("--fail-under", metavar="M=X", help='Exit 1 when a measure is below, as in "nDCG@10=0.7".'),
    ] = [],  # noqa: B006
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only so many questions, drawn at random.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which questions --limit draws.")] = 0,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="Fit the store's confidence to these questions and keep that with the store. "
            "Where the questions have documents of their own, --store says which store.",
        ),
    ] = False,
    foreign: Annotated[
        Path | None,
        typer.Option(
            "--foreign",
            metavar="GOLD",
            help="Another gold set, whose questions these documents do not answer: how well does confidence tell them apart?",
            show_default=False,
        ),
    ] = None,
    perturb: Annotated[
        list[str],
        typer.Option(
            "--perturb",
            metavar="KIND",
            help="Also ask the questions as people type them: typo, two-typos, lower, unpunctuated, chatty, spelling, numbers, "
            "names, double, or all; may be repeated.",
        ),
    ] = [],  # noqa: B006
    why: Annotated[
        str | None,
        typer.Option(
            "--why",
            metavar="QUERY_ID",
            help="Say of this question at which stage its evidence was lost, and to what.",
            show_default=False,
        ),
    ] = None,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines",
            help="Set this system beside dense, BM25 and their fusion by ranks, on the same passages; several GOLD may be given. "
            "--out then also keeps the table, as RUN.json.txt.",
        ),
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Score the answers to a gold set: measures with 95 % intervals, and every question's result.

    Example: rag eval eval/data/seeds.jsonl --corpus seeds --out before.json
    """
    with errors():
        _refuse_ignored(context)
        if not 1 <= k <= _MAX_K:
            raise BadInput(f"-k {k}: list 1 to {_MAX_K} passages")
        for path in gold:
            if not path.exists():
                raise BadInput(f"no gold set at {path}: give a folder in the BEIR layout or a JSONL file")
        if foreign is not None and not foreign.exists():
            raise BadInput(f"--foreign {foreign}: there is no gold set")
        if len(gold) > 1 and not baselines:
            raise BadInput(f"{len(gold)} gold sets: give one, or several with --baselines")
        first = gold[0]
        brings_documents = corpus is not None or first.is_dir()
        if calibrate and brings_documents and store is None:
            raise BadInput(
                "--calibrate with documents that are not the store's: say by --store which store to calibrate"
            )
        if corpus is not None and store is not None and not calibrate:
            raise BadInput("--corpus and --store are two places for documents: give one")
        if out is not None:
            check_writable("--out", out)
        if html is not None:
            check_writable("--html", html)
        if baselines:
            _against_baselines(gold, corpus, store, limit, seed, out, json)
        elif why is not None:
            _explain(first, corpus, store, why, k, json)
        else:
            _score(
                first,
                corpus,
                store,
                k,
                out=out,
                html=html,
                compare=compare,
                fail_under=fail_under,
                limit=limit,
                seed=seed,
                calibrate=calibrate,
                foreign=foreign,
                perturb=perturb,
                json=json,
            )


def _refuse_ignored(context: typer.Context) -> None:
    """Raises BadInput for an option that the mode asked for would ignore."""
    given = {
        parameter.name: parameter.opts[-1]
        for parameter in context.command.params
        if (source := context.get_parameter_source(parameter.name or "")) is not None and source.name == "COMMANDLINE"
    }
    for mode, looked_at in _LOOKED_AT.items():
        for name, option in given.items():
            if mode in given and name not in looked_at:
                raise BadInput(f"{given[mode]} would ignore {option}: give one of the two")


def _score(
    gold: Path,
    corpus: Path | None,
    store: str | None,
    k: int,
    *,
    out: Path | None,
    html: Path | None,
    compare: Path | None,
    fail_under: Sequence[str],
    limit: int | None,
    seed: int,
    calibrate: bool,
    foreign: Path | None,
    perturb: Sequence[str],
    json: bool,
) -> None:
    """The run of one set, with all that is asked for beside it."""
    from eval.cli.opening import asked, opened
    from eval.scoring.calibration import calibration_json, digest_of
    from eval.scoring.comparison import compare as compare_runs
    from eval.scoring.robustness import kinds_of, perturbed, perturbed_json
    from eval.scoring.runs import load_run, run_json
    from eval.sets.gold import GoldSet

    thresholds = _thresholds(fail_under)
    kinds = kinds_of(perturb)
    earlier = load_run(compare) if compare is not None else None
    brings_documents = corpus is not None or gold.is_dir()
    asked_store = None if calibrate and brings_documents else store
    with opened(gold, corpus, asked_store, limit, seed, lambda questions: _check(thresholds, questions), foreign) as (
        questions,
        service,
    ):
        fitted, fitted_place = None, ""
        if calibrate:
            with _to_calibrate(service, store, apart=brings_documents) as target:
                run = asked(service, questions, gold, digest_of(gold), k)
                fitted = _calibrated(run, service, target, digest_of(gold))
                fitted_place = target.place
        else:
            run = asked(service, questions, gold, digest_of(gold), k)

        def ask_changed(changed: "Sequence[Question]") -> "Run":
            return asked(service, GoldSet(tuple(changed)), gold, "", k)

        changed = perturbed(run, questions.questions, kinds, seed, ask_changed)
        compared = compare_runs(run, earlier) if earlier is not None else None
        page = None if html is None else _page(run, questions, service, k, earlier, compared, changed)
    saved = run_json(run)
    if compared is not None:
        saved["compare"] = {name: change._asdict() for name, change in compared.items()}
    if fitted is not None:
        saved["calibration"] = calibration_json(fitted)
    if kinds:
        saved["perturbed"] = perturbed_json(changed)
    if out is not None:
        write_json("--out", out, saved)
    if html is not None and page is not None:
        write_text("--html", html, page)
    if json:
        print_json(saved)
    else:
        from eval.reporting.report import print_calibration, print_perturbed, print_run

        print_run(console(), run, compared)
        if kinds:
            print_perturbed(console(), changed)
        if fitted is not None:
            print_calibration(console(), fitted, fitted_place)
    if missed := _missed(run, thresholds):
        for line in missed:
            message(line)
        raise typer.Exit(FAILED)


def _page(
    run: "Run",
    questions: "GoldSet",
    service: "Service",
    k: int,
    earlier: "Run | None",
    compared: "Mapping[str, Comparison] | None",
    changed: "Sequence[Perturbed]",
) -> str:
    """The report as a page; made while the service is open, of which it asks where evidence was lost."""
    from eval.reporting.page import render_page
    from eval.scoring.loss import explain

    inspector = service.inspector
    return render_page(
        run,
        questions.questions,
        lambda question: explain(service.ask, inspector, question, k),
        earlier=earlier,
        compared=compared,
        perturbed=changed,
    )


def _against_baselines(
    gold: Sequence[Path],
    corpus: Path | None,
    store: str | None,
    limit: int | None,
    seed: int,
    out: Path | None,
    json: bool,
) -> None:
    """A table of this system and the baselines over several sets; with --out also saved, as JSON and as text beside it."""
    from io import StringIO

    from rich.console import Console

    from eval.cli.opening import opened, standing
    from eval.reporting.report import print_standings
    from eval.scoring.baselines import standing_json

    table = out.with_name(f"{out.name}.txt") if out is not None else None  # never the file of the figures itself
    if table is not None:
        check_writable("--out", table)
    standings = []
    for path in gold:
        with opened(path, corpus, store, limit, seed) as (questions, service):
            standings.append(standing(service, questions, path))
            settings = service.settings
    saved = {"settings": settings, "sets": [standing_json(one) for one in standings]}
    if out is not None and table is not None:
        write_json("--out", out, saved)
        text = StringIO()
        print_standings(Console(file=text, width=200), standings)
        write_text("--out", table, text.getvalue())
    if json:
        print_json(saved)
    else:
        print_standings(console(), standings)


def _explain(gold: Path, corpus: Path | None, store: str | None, query_id: str, k: int, json: bool) -> None:
    from eval.cli.opening import opened
    from eval.scoring.loss import explain, explanation_json

    with opened(gold, corpus, store, only=query_id) as (questions, service):
        found = explain(service.ask, service.inspector, questions.questions[0], k)
    if json:
        print_json(explanation_json(found))
    else:
        from eval.reporting.report import print_explanation

        print_explanation(console(), found, k)


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


def _calibrated(run: "Run", service: "Service", target: "Service", gold_sha256: str) -> "CalibrationReport":
    from eval.scoring.calibration import calibrate

    report = calibrate(run.results, service.refit, service.confidence_basis, gold_sha256)
    target.set_refit(report.refit)
    return report


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
