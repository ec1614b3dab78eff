"""The command ``rag bench``. Imported by ``rag --help``: everything heavy is imported when it runs."""

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from rag.cli.output import JsonOption, console, errors, message, print_json
from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from eval.bench.results import Row

bench = typer.Typer()

Measure = TypeVar("Measure", bound="Callable[..., Iterator[Row]]")

GoldOption = Annotated[
    Path | None,
    typer.Option(
        "--gold",
        metavar="FOLDER",
        help="Documents and questions in the BEIR layout; else made from the seeds.",
        show_default=False,
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help="Append the results to this file, one JSON object a line.", show_default=False
    ),
]


@bench.callback(invoke_without_command=True)
def _benchmarks(context: typer.Context, json: JsonOption = False) -> None:
    """Measure this machine: one question a command, all figures of one run. Alone it lists them.

    Example: rag bench start
    """
    named = context.invoked_subcommand
    with errors():
        if named is not None and json:
            raise BadInput(f"--json: write it behind the command: rag bench {named} --json")
    if named is None and json:
        measuring = [info for info in bench.registered_commands if info.callback is not chart]
        print_json({"benchmarks": [_described(info) for info in measuring]})
    elif named is None:
        typer.echo(context.get_help())


def _described(command: typer.models.CommandInfo) -> dict[str, str]:
    """Name, question and example of a benchmark, of which the last two are its docstring."""
    asks, _, example = inspect.cleandoc(inspect.getdoc(command.callback) or "").partition("\n\nExample: ")
    return {"name": command.name or getattr(command.callback, "__name__", ""), "asks": asks, "example": example}


def _benchmark(measure: Measure) -> Measure:
    """Make a command of a function that gives rows, whose options are its own, ``--out`` and ``--json``."""

    @wraps(measure)
    def command(*, out: Path | None, json: bool, **options: Any) -> None:
        with errors():
            _report(measure(**options), out, json)

    signature = inspect.signature(measure)
    shared = {"out": (OutOption, None), "json": (JsonOption, False)}
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
        for name, (annotation, default) in shared.items()
    ]
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *added], return_annotation=None
    )
    command.__annotations__ = {}
    bench.command(measure.__name__.strip("_"))(command)
    return measure


@_benchmark
def embed(
    gold: GoldOption = None,
    passages: Annotated[int, typer.Option("--passages", min=32, help="How many to embed in a round.")] = 512,
    precision: Annotated[
        list[str] | None,
        typer.Option(
            "--precision", metavar="P", help="f32, bf16, int8, int8-bf16 or auto (the default); may be repeated."
        ),
    ] = None,
) -> "Iterator[Row]":
    """How fast passages are embedded, as a share of what the machine can multiply.

    Example: rag bench embed --precision f32 --precision int8
    """
    from eval.bench import embed
    from rag.shared.config import Config

    return embed.rows(gold, passages, precision or ["auto"], Config.from_environment())


@_benchmark
def checks(
    gold: Annotated[Path, typer.Argument(metavar="GOLD", help="A folder in the BEIR layout: its documents are used.")],
    n: Annotated[int, typer.Option("-n", min=1, help="Sentences of each kind.")] = 150,
    seed: Annotated[int, typer.Option(help="Of the choice of sentences.")] = 1,
) -> "Iterator[Row]":
    """How well generated answers are checked: altered sentences that pass, true ones that do not.

    Example: rag bench checks clapnq
    """
    from eval.bench import checks

    return checks.rows(gold, n, seed)


@_benchmark
def ingest(
    gold: GoldOption = None,
    documents: Annotated[
        int | None, typer.Option("--documents", min=1, help="Only the first so many.", show_default=False)
    ] = None,
    larger: Annotated[bool, typer.Option(help="Also a corpus four times as large.")] = True,
) -> "Iterator[Row]":
    """How fast documents go in, where the time goes, and whether memory grows with the corpus.

    Example: rag bench ingest --documents 50 --no-larger
    """
    from eval.bench import ingest
    from rag.shared.config import Config

    return ingest.rows(gold, documents, larger, Config.from_environment())


@_benchmark
def ask(
    gold: GoldOption = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="Ask this store the questions of --gold.", show_default=False),
    ] = None,
    clients: Annotated[
        list[int], typer.Option("--clients", metavar="N", min=1, help="At the same time; may be repeated.")
    ] = [1, 2, 4, 8, 16],  # noqa: B006
    seconds: Annotated[float, typer.Option(min=0.1, help="For each number of clients.")] = 8.0,
) -> "Iterator[Row]":
    """How long an answer takes over HTTP, alone and with ever more clients.

    Example: rag bench ask --clients 1 --clients 8
    """
    from eval.bench import ask, corpus

    with corpus.stored(gold, store) as (folder, questions):
        yield from ask.rows(folder, questions, clients, seconds)


@_benchmark
def doors(
    gold: GoldOption = None,
    rounds: Annotated[int, typer.Option(min=1, help="Questions at each door, one client.")] = 200,
    seconds: Annotated[float, typer.Option(min=0.1, help="For eight clients at each door.")] = 8.0,
) -> "Iterator[Row]":
    """What a question costs at each other door (MCP, OpenAI, Dify, ...), against /v1/ask.

    Example: rag bench doors --gold squad2
    """
    from eval.bench import corpus, doors

    with corpus.stored(gold) as (folder, questions):
        yield from doors.rows(folder, questions, rounds, seconds)


@_benchmark
def scale(
    gold: Annotated[
        list[Path],
        typer.Argument(
            metavar="GOLD...", help="BEIR folders of whose passages the corpora are made.", show_default=False
        ),
    ],
    size: Annotated[list[int], typer.Option("--size", metavar="N", min=1, help="Passages; may be repeated.")] = [  # noqa: B006
        1_000,
        10_000,
        100_000,
        1_000_000,
    ],
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="For the stores: 13 GB for a million.", show_default=False),
    ] = None,
) -> "Iterator[Row]":
    """What a store costs as it grows, and what its index misses.

    Example: rag bench scale squad2 covidqa --size 10000 --size 100000
    """
    from eval.bench import scale
    from rag.shared.config import Config

    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"--folder {folder} cannot be made: {error.strerror}") from error
    return scale.rows(gold, size, Config.from_environment(), folder)


@_benchmark
def start() -> "Iterator[Row]":
    """How long commands take from a cold start.

    Example: rag bench start
    """
    from eval.bench import start

    return start.rows()


@_benchmark
def overload(
    gold: GoldOption = None, seconds: Annotated[float, typer.Option(min=1, help="How long each case takes.")] = 10
) -> "Iterator[Row]":
    """What a service does under ten times the load it can serve, and while files are uploaded that mean it harm.

    Example: rag bench overload --seconds 5
    """
    from eval.bench import overload

    return overload.rows(gold, seconds)


@_benchmark
def peers(
    gold: Annotated[
        Path, typer.Option("--gold", metavar="FOLDER", help="Documents and questions in the BEIR layout, with answers.")
    ],
    peer: Annotated[
        list[str], typer.Option("--peer", metavar="NAME", help="Which ones; may be repeated. All by default.")
    ] = [],  # noqa: B006
    limit: Annotated[int, typer.Option("--limit", min=1, help="Questions, drawn at random.")] = 400,
) -> "Iterator[Row]":
    """Footnote beside LangChain, LlamaIndex, Haystack, txtai and Chroma, which are installed once into the cache.

    Example: rag bench peers --gold squad2 --peer txtai
    """
    from eval.bench.peers import running
    from rag.shared.config import Config

    if unknown := [name for name in peer if name not in running.PEERS]:
        raise BadInput(f"--peer {unknown[0]}: use one of {', '.join(running.PEERS)}")
    return running.rows(gold, peer or running.PEERS, limit, Config.from_environment(), message)


@_benchmark
def _all(
    gold: GoldOption = None,
    with_peers: Annotated[
        bool, typer.Option("--peers/--no-peers", help="Also the other systems (needs --gold).")
    ] = False,
) -> "Iterator[Row]":
    """All questions one after another, about a quarter of an hour; without `rag bench scale`, which has a command of its own.

    Example: rag bench all --out results.jsonl && rag bench chart results.jsonl chart.svg
    """
    if with_peers and gold is None:
        raise BadInput("--peers needs a gold set: name its folder with --gold")
    yield from embed(gold, precision=["f32", "auto"])
    yield from start()
    yield from ingest(gold)
    yield from ask(gold)
    yield from overload(gold)
    if with_peers and gold is not None:
        yield from peers(gold)


@bench.command()
def chart(
    results: Annotated[Path, typer.Argument(metavar="FILE", help="Results saved with --out.", show_default=False)],
    picture: Annotated[
        Path, typer.Argument(metavar="PICTURE", help="Where to draw them: .svg or .png.", show_default=False)
    ],
    json: JsonOption = False,
) -> None:
    """Draw saved results.

    Example: rag bench chart results.jsonl chart.svg
    """
    with errors():
        from eval.bench.results import draw, read_rows

        if picture.suffix not in (".svg", ".png"):
            raise BadInput(f"{picture}: name a file that ends in .svg or .png")
        if not picture.absolute().parent.is_dir():
            raise BadInput(f"{picture}: name a file in a folder that exists")
        titles = draw(read_rows(results), picture)
        if json:
            print_json({"picture": str(picture), "charts": titles})


def _report(rows: "Iterator[Row]", out: Path | None, json: bool) -> None:
    """Print rows as a table or as one JSON array, and keep each as soon as it is there."""
    from eval.bench.results import line_of, tables

    measured: list[Row] = []
    try:
        file = out.open("a", encoding="utf-8") if out is not None else None
    except OSError as error:
        raise BadInput(f"--out {out} cannot be written: {error.strerror or error}") from error
    try:
        for row in rows:
            measured.append(row)
            if file is not None:
                print(line_of(row), file=file, flush=True)
            if sys.stderr.isatty():
                typer.echo(f"measured: {row.bench} {row.case}", err=True)
    finally:
        if file is not None:
            file.close()
    if json:
        import json as codec

        print_json([codec.loads(line_of(row)) for row in measured])
        return
    from rich.table import Table

    screen = console()
    for bench_name, cases, lines in tables(measured):
        table = Table(bench_name, box=None, pad_edge=False)
        for case in cases:
            table.add_column(case, justify="right")
        for line in lines:
            table.add_row(*line)
        screen.print(table)
        screen.print()
