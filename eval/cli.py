"""The command ``rag eval``. Imported by ``rag --help``: everything heavy is imported when it runs."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import FAILED, JsonOption, StoreOption, console, errors, message, open_service, print_json
from rag.errors import BadInput

if TYPE_CHECKING:
    from eval.gold import GoldSet
    from eval.runs import Run
    from rag.service import Service
    from rag.types import IngestProgress

_MAX_K = 1000


def evaluate(
    gold: Annotated[
        Path,
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
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Score the answers to a gold set: measures with 95 % intervals, and every question's result.

    Example: rag eval eval/gold/seeds.jsonl --corpus seeds --out before.json
    """
    with errors():
        if not 1 <= k <= _MAX_K:
            raise BadInput(f"-k {k}: list 1 to {_MAX_K} passages")
        if not gold.exists():
            raise BadInput(f"no gold set at {gold}: give a folder in the BEIR layout or a JSONL file")
        if corpus is not None and store is not None:
            raise BadInput("--corpus and --store are two places for documents: give one")
        if out is not None and (out.is_dir() or not out.absolute().parent.is_dir()):
            raise BadInput(f"--out {out}: name a file in a folder that exists")

        from eval.comparison import compare as compare_runs
        from eval.runs import load_run, run_json

        thresholds = _thresholds(fail_under)
        earlier = load_run(compare) if compare is not None else None
        questions, service = _opened(gold, corpus, store, limit, seed, thresholds)
        with service:
            run = _run(service, questions, str(gold), k)
        compared = compare_runs(run, earlier) if earlier is not None else None
        saved = run_json(run)
        if compared is not None:
            saved["compare"] = {name: change._asdict() for name, change in compared.items()}
        if out is not None:
            _save(out, saved)
        if json:
            print_json(saved)
        else:
            from eval.report import print_run

            print_run(console(), run, compared)
    if missed := _missed(run, thresholds):
        for line in missed:
            message(line)
        raise typer.Exit(FAILED)


def _opened(
    gold: Path,
    corpus: Path | None,
    store: Path | None,
    limit: int | None,
    seed: int,
    thresholds: Mapping[str, float],
) -> tuple["GoldSet", "Service"]:
    """The questions and the documents to ask them of; a threshold that they do not allow is told before anything is indexed."""
    from eval import corpora
    from eval.gold import GoldSet, locate, read_folder, read_jsonl, sample
    from rag.config import Config

    if gold.is_dir():
        if corpus is not None or store is not None:
            raise BadInput(f"{gold} brings its own corpus: leave out --corpus and --store")
        read = read_folder(gold)
        chosen = GoldSet(sample(read.questions, limit, seed), read.notes)
        _check(thresholds, chosen)
        with _indexing() as progress:
            service = corpora.open_folder(gold, Config.from_environment(), message, progress)
        return chosen, service
    quoted = sample(read_jsonl(gold), limit, seed)
    if corpus is None:
        service = open_service(store)
    else:
        with _indexing() as progress:
            service = corpora.open_path(corpus, Config.from_environment(), message, progress)
    try:
        chosen = locate(gold, quoted, _texts(service))
        _check(thresholds, chosen)
        return chosen, service
    except BaseException:
        service.close()
        raise


def _texts(service: "Service") -> Iterator[tuple[str, str]]:
    """Name and stored text of every document that a question without a collection is asked of."""
    after = None
    while page := service.documents(collection="default", after=after, limit=1000):
        after = page[-1].id
        for document in page:
            yield document.source or document.id, service.text(document.id)


def _run(service: "Service", gold_set: "GoldSet", gold: str, k: int) -> "Run":
    from eval.runs import StoreState
    from eval.scoring import run

    for note in gold_set.notes:
        message(f"{gold}: {note}")
    documents, passages = service.counts()
    state = StoreState(service.fingerprint, service.settings, documents, passages)
    with _asking(len(gold_set.questions)) as progress:
        return run(service.ask, gold_set.questions, gold=gold, k=k, store=state, progress=progress)


def _thresholds(options: Sequence[str]) -> dict[str, float]:
    thresholds = {}
    for option in options:
        name, _, value = option.rpartition("=")
        try:
            thresholds[name.strip()] = float(value)
        except ValueError:
            name = ""
        if not name:
            raise BadInput(f'--fail-under {option!r}: write it as MEASURE=NUMBER, as in "nDCG@10=0.7"')
    return thresholds


def _check(thresholds: Mapping[str, float], gold_set: "GoldSet") -> None:
    """Refuse a threshold for a measure that the set does not have or that is better when lower."""
    from eval.scoring import LOWER_IS_BETTER, measure_names

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


def _save(path: Path, value: object) -> None:
    """Write the file whole or leave what was there."""
    import json
    import os

    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise BadInput(f"--out {path} cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _indexing() -> Iterator[Callable[["IngestProgress"], None] | None]:
    """A progress bar for a corpus that must be indexed first; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("indexing"), MofNCompleteColumn(), TextColumn("documents"), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("indexing", total=None, visible=False)
        yield lambda done: bar.update(task, completed=done.documents, total=done.n_documents, visible=True)


@contextmanager
def _asking(n_questions: int) -> Iterator[Callable[[int], None] | None]:
    """A progress bar over the questions; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TextColumn("time left"), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("asking", total=n_questions)
        yield lambda done: bar.update(task, completed=done)
