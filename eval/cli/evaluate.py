"""The command ``rag eval``. Imported by ``rag --help``: everything heavy is imported when it runs."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from eval.cli.modes import Baselines, Scoring, Why
from eval.files import check_writable
from rag.cli.output import JsonOption, StoreOption
from rag.shared.errors import BadInput

_MAX_K = 1000


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
        typer.Option("--fail-under", metavar="M=X", help='Exit 1 when measure M is below X, as in "nDCG@10=0.7".'),
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
    if baselines:
        _refuse_ignored(context, "--baselines", Baselines)
    if why is not None:
        _refuse_ignored(context, "--why", Why)
    if not 1 <= k <= _MAX_K:
        raise BadInput(f"-k {k}: list 1 to {_MAX_K} passages")
    for path in gold:
        if not path.exists():
            raise BadInput(f"no gold set at {path}: give a folder in the BEIR layout or a JSONL file")
    if foreign is not None and not foreign.exists():
        raise BadInput(f"--foreign {foreign}: there is no gold set")
    if len(gold) > 1 and not baselines:
        raise BadInput(f"{len(gold)} gold sets: give one, or several with --baselines")
    if calibrate and (corpus is not None or gold[0].is_dir()) and store is None:
        raise BadInput("--calibrate with documents that are not the store's: say by --store which store to calibrate")
    if corpus is not None and store is not None and not calibrate:
        raise BadInput("--corpus and --store are two places for documents: give one")
    for option, written in (("--out", out), ("--html", html)):
        if written is not None:
            check_writable(option, written)
    if baselines:
        Baselines(gold, corpus, store, limit, seed, out, json).run()
    elif why is not None:
        Why(gold, corpus, store, why, k, json).run()
    else:
        Scoring(
            gold, corpus, store, k, out, html, compare, fail_under, limit, seed, calibrate, foreign, perturb, json
        ).run()


def _refuse_ignored(context: typer.Context, mode: str, kind: type[Baselines] | type[Why]) -> None:
    """Raises BadInput for an option that a mode would ignore, as its value has no field for it."""
    looked_at = {entry.name for entry in fields(kind)}
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name not in looked_at:
            raise BadInput(f"{mode} would ignore {parameter.opts[-1]}: give one of the two")
