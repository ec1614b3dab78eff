"""The command ``rag bench``. Imported by ``rag --help``: everything heavy is imported when it runs."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import JsonOption, console, errors, message, print_json

if TYPE_CHECKING:
    from eval.bench.results import Row

bench = typer.Typer(no_args_is_help=True, help="Measure this machine: one question a command, all figures of one run.")

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


@bench.command()
def embed(
    gold: GoldOption = None,
    passages: Annotated[int, typer.Option("--passages", min=32, help="How many to embed in a round.")] = 512,
    precision: Annotated[
        list[str], typer.Option("--precision", metavar="P", help="f32, bf16 or int8; may be repeated.")
    ] = ["auto"],  # noqa: B006
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """How fast passages are embedded, as a share of what the machine can multiply.

    Example: rag bench embed --precision bf16 --precision int8
    """
    with errors():
        from eval.bench import embed as question
        from rag.config import Config

        config = Config.from_environment()
        _report(question.rows(gold, passages, precision, config), out, json)


@bench.command()
def ingest(
    gold: GoldOption = None,
    documents: Annotated[
        int | None, typer.Option("--documents", min=1, help="Only the first so many.", show_default=False)
    ] = None,
    larger: Annotated[bool, typer.Option(help="Also a corpus four times as large.")] = True,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """How fast documents go in, where the time goes, and whether memory grows with the corpus.

    Example: rag bench ingest --documents 50 --no-larger
    """
    with errors():
        from eval.bench import ingest as question
        from rag.config import Config

        _report(question.rows(gold, documents, larger, Config.from_environment()), out, json)


@bench.command()
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
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """How long an answer takes over HTTP, alone and with ever more clients.

    Example: rag bench ask --clients 1 --clients 8
    """
    with errors():
        from contextlib import ExitStack

        from eval.bench import ask as question
        from eval.bench import corpus
        from rag.config import Config

        source = corpus.read(gold)
        with ExitStack() as stack:
            folder = store or stack.enter_context(corpus.stored(gold, source, Config.from_environment(), message))
            _report(question.rows(folder, source.questions, clients, seconds), out, json)


@bench.command()
def start(out: OutOption = None, json: JsonOption = False) -> None:
    """How long commands take from a cold start.

    Example: rag bench start
    """
    with errors():
        from eval.bench import start as question

        _report(question.rows(), out, json)


@bench.command()
def overload(
    gold: GoldOption = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long each case takes.")] = 10,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """What a service does under ten times the load it can serve, and while files are uploaded that mean it harm.

    Example: rag bench overload --seconds 5
    """
    with errors():
        from eval.bench import overload as question

        _report(question.rows(gold, seconds), out, json)


def _report(rows: "Iterator[Row]", out: Path | None, json: bool) -> None:
    """Print rows as a table or as one JSON array, and keep each as soon as it is there."""
    from eval.bench.results import line_of, tables
    from rag.errors import BadInput

    found = []
    try:
        file = out.open("a", encoding="utf-8") if out is not None else None
    except OSError as error:
        raise BadInput(f"--out {out} cannot be written: {error.strerror or error}") from error
    try:
        for row in rows:
            found.append(row)
            if file is not None:
                print(line_of(row), file=file, flush=True)
            if sys.stderr.isatty():
                typer.echo(f"measured: {row.bench} {row.case}", err=True)
    finally:
        if file is not None:
            file.close()
    if json:
        import json as codec

        print_json([codec.loads(line_of(row)) for row in found])
        return
    from rich.table import Table

    screen = console()
    for bench_name, cases, lines in tables(found):
        table = Table(bench_name, box=None, pad_edge=False)
        for case in cases:
            table.add_column(case, justify="right")
        for line in lines:
            table.add_row(*line)
        screen.print(table)
        screen.print()
