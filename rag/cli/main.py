"""Entry point of ``rag``: puts the commands together and keeps tracebacks from people."""

import atexit
import errno
import gc
import io
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer
import typer.exceptions

from rag.cli.interruption import INTERRUPTED, interruptible
from rag.cli.output import FAILED, USAGE, drop_output, message, writes_utf8
from rag.printable import as_utf8, is_utf8

_DISTRIBUTION, _GROUP = "footnote-rag", "footnote.commands"
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
# Where each command is, in the order of ``rag --help``.
_COMMANDS = {
    "add": "rag.cli.documents:add",
    "ask": "rag.cli.ask:ask",
    "list": "rag.cli.documents:list_documents",
    "show": "rag.cli.documents:show",
    "rm": "rag.cli.documents:remove",
    "verify": "rag.cli.verify:verify",
    "repair": "rag.cli.repair:repair",
    "snapshot": "rag.cli.snapshot:snapshot",
    "restore": "rag.cli.snapshot:restore",
    "reindex": "rag.cli.reindex:reindex",
    "watch": "rag.cli.watch:watch",
}


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

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


def build(wanted: str = "") -> typer.Typer:
    """The command line. wanted: the command that will be run, if it is known; where it is one of ``_COMMANDS``, the others are
    left out and nothing of theirs is imported.
    """
    app = typer.Typer(name="rag", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback()(_root)
    for name in [wanted] if wanted in _COMMANDS else _COMMANDS:
        module, function = _COMMANDS[name].split(":")
        app.command(name)(getattr(import_module(module), function))
    if wanted not in _COMMANDS:
        _add_plugged_in(app)
    return app


def _add_plugged_in(app: typer.Typer) -> None:
    """The commands of the folders that build on this one."""
    for name, place in sorted(plugged_in().items()):
        module, function = place.split(":")
        command = getattr(import_module(module), function)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)


def plugged_in() -> dict[str, str]:
    """Where each command of the folders that build on this one is, "module:function", as it was declared when installed.

    Read as the installer wrote it (packaging.python.org, "Entry points specification"): ``importlib.metadata`` takes 20 ms of the
    150 of a help page, for it imports what reads e-mail, and is asked only where that file is not found.
    """
    for folder in sys.path:
        for path in Path(folder).glob(f"{_DISTRIBUTION.replace('-', '_')}-*.dist-info/entry_points.txt"):
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
            if (heading := f"[{_GROUP}]") in lines:
                named = takewhile(lambda line: not line.startswith("["), lines[lines.index(heading) + 1 :])
                return {
                    name.strip(): place.strip() for name, _, place in (line.partition("=") for line in named if line)
                }
    from importlib.metadata import distribution

    return {entry.name: entry.value for entry in distribution(_DISTRIBUTION).entry_points.select(group=_GROUP)}


def _hold_standard_streams() -> None:
    """Open what the caller closed of stdin, stdout and stderr: else a file of the store may take its number and get the output."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(opened, True)
    os.close(opened)
    sys.stdin = sys.stdin or open(0, closefd=False)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not writes_utf8(stream):
            stream.reconfigure(errors="replace")  # a terminal of another encoding shows what it can


def _refuse(arguments: Sequence[str]) -> None:
    """End with a usage error at arguments that nobody means: empty ones, as of a variable that is not set, and what is no text."""
    for argument in arguments:
        if not argument or argument.startswith("--") and argument.endswith("="):
            message(f"an argument is empty ({argument or repr(argument)}): is a variable not set? The folder here is .")
            sys.exit(USAGE)
        # Files of any name are told as failed by rag add, so that the others go in.
        if not is_utf8(argument) and not (arguments[0] == "add" and os.path.lexists(argument)):
            message(
                f"an argument is not UTF-8 ({as_utf8(argument)}): rename what it names, or set the terminal to UTF-8"
            )
            sys.exit(USAGE)


def main() -> None:
    """Run ``rag`` and end the process with its exit code."""
    _hold_standard_streams()
    _refuse(sys.argv[1:])
    # The interpreter's last collections would go through all that was imported: 0.12 s of an answer's 0.9.
    atexit.register(gc.freeze)
    logging.basicConfig(level=logging.WARNING, format="rag: %(message)s", stream=sys.stderr)
    logging.getLogger("rag").setLevel(logging.INFO)
    command = typer.main.get_command(build(sys.argv[1] if len(sys.argv) > 1 else ""))
    try:
        with interruptible():
            code = command.main(prog_name="rag", standalone_mode=False)
    except typer.exceptions.TyperException as error:
        context = getattr(error, "ctx", None)
        typer.echo(f"rag: {error.format_message()}", err=True)
        typer.echo(f"Try: {context.command_path if context else 'rag'} --help", err=True)
        sys.exit(getattr(error, "exit_code", USAGE))
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("rag: stopped", err=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        message(f"the output cannot be written: {error.strerror}")
        drop_output()
        sys.exit(FAILED)
    sys.exit(code if isinstance(code, int) else 0)
