"""Entry point of ``rag``: puts the commands together and keeps tracebacks from people."""

import logging
import sys
from importlib.metadata import distribution, version
from typing import Annotated

import typer
import typer.exceptions

from rag.cli import ask, documents, reindex, repair, snapshot, verify, watch
from rag.cli.output import USAGE

_DISTRIBUTION = "footnote"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"footnote {version(_DISTRIBUTION)}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Answers from your own documents, each with a citation exact to the character.

    Example: rag add seeds/ && rag ask "why did Zelensky refuse to sign?"
    """


def build() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(name="rag", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback()(_root)
    app.command("add")(documents.add)
    app.command("ask")(ask.ask)
    app.command("list")(documents.list_documents)
    app.command("show")(documents.show)
    app.command("rm")(documents.remove)
    app.command("verify")(verify.verify)
    app.command("repair")(repair.repair)
    app.command("snapshot")(snapshot.snapshot)
    app.command("restore")(snapshot.restore)
    app.command("reindex")(reindex.reindex)
    app.command("watch")(watch.watch)
    for entry in sorted(
        distribution(_DISTRIBUTION).entry_points.select(group="footnote.commands"), key=lambda entry: entry.name
    ):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)
    return app


def main() -> None:
    """Run ``rag`` and end the process with its exit code."""
    logging.basicConfig(level=logging.WARNING, format="rag: %(message)s", stream=sys.stderr)
    logging.getLogger("rag").setLevel(logging.INFO)
    command = typer.main.get_command(build())
    try:
        code = command.main(prog_name="rag", standalone_mode=False)
    except typer.exceptions.TyperException as error:
        context = getattr(error, "ctx", None)
        typer.echo(f"rag: {error.format_message()}", err=True)
        typer.echo(f"Try: {context.command_path if context else 'rag'} --help", err=True)
        sys.exit(getattr(error, "exit_code", USAGE))
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("rag: stopped", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
