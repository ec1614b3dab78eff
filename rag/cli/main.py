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
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.exceptions

from rag.cli.interruption import INTERRUPTED, interruptible
from rag.cli.output import FAILED, USAGE, JsonOption, drop_output, errors, message, print_json, writes_utf8
from rag.shared.printable import as_utf8, is_utf8

_DISTRIBUTION, _GROUP = "footnote-rag", "footnote.commands"
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
# Where each command is, in the order of ``rag --help``.
_COMMANDS = {
    "add": "rag.cli.documents.add:add",
    "ask": "rag.cli.questions.ask:ask",
    "list": "rag.cli.documents.stored:list_documents",
    "show": "rag.cli.documents.stored:show",
    "rm": "rag.cli.documents.stored:remove",
    "status": "rag.cli.upkeep.status:status",
    "verify": "rag.cli.upkeep.verify:verify",
    "repair": "rag.cli.upkeep.repair:repair",
    "snapshot": "rag.cli.upkeep.snapshot:snapshot",
    "restore": "rag.cli.upkeep.snapshot:restore",
    "reindex": "rag.cli.upkeep.reindex:reindex",
    "watch": "rag.cli.documents.watch:watch",
    "work": "rag.cli.upkeep.work:work",
    "version": "rag.cli.main:version",
}
_HELP = "help"
# Those that take paths: an empty one would be the current folder.
_OF_PATHS = ("add", "watch", "snapshot", "restore")


def version(json: JsonOption = False) -> None:
    """Print the version.

    Example: rag version --json
    """
    from importlib.metadata import version as version_of

    number = version_of(_DISTRIBUTION)
    if json:
        print_json({"name": "footnote", "version": number})
    else:
        typer.echo(f"footnote {number}")


def _show_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


def show_help(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="Of which command, such as: key add.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print the help of a command, or of all of them.

    Example: rag help add
    """
    place: Any = context.find_root()
    for name in command or []:
        commands = getattr(place.command, "commands", {})
        if name not in commands:
            raise typer.BadParameter(f"there is no command {' '.join(command or [])!r}", param_hint="COMMAND")
        place = type(place)(commands[name], info_name=name, parent=place)
    text = place.get_help()
    if json:
        print_json({"command": place.command_path, "help": text})
    else:
        typer.echo(text)


def _root(
    wants_version: Annotated[
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
    app = typer.Typer(
        name="rag",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in [wanted] if wanted in _COMMANDS else _COMMANDS:
        module, function = _COMMANDS[name].split(":")
        app.command(name)(errors()(getattr(import_module(module), function)))
    if wanted not in _COMMANDS:
        _add_plugged_in(app)
        app.command(_HELP)(show_help)
    return app


def _add_plugged_in(app: typer.Typer) -> None:
    """The commands of the folders that build on this one."""
    for name, place in sorted(plugged_in().items()):
        module, function = place.split(":")
        command = getattr(import_module(module), function)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(errors()(command))


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
            folder = " The folder here is ." if arguments[0] in _OF_PATHS else ""
            message(f"an argument is empty ({argument or repr(argument)}): is a variable not set?{folder}")
            sys.exit(USAGE)
        # Files of any name are told as failed by rag add, so that the others go in.
        if not is_utf8(argument) and not (arguments[0] == "add" and os.path.lexists(argument)):
            message(
                f"an argument is not UTF-8 ({as_utf8(argument)}): rename what it names, or set the terminal to UTF-8"
            )
            sys.exit(USAGE)


def _tell_of_namesakes() -> None:
    """Name a package of another program that has taken the place of one of ours: what fails then is not our code."""
    ours = Path(__file__).parents[2]
    for name in ("index", "api", "eval"):
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).parents[1] != ours:
            place = spec.origin if spec and spec.origin else "nowhere"
            message(
                f"the package {name!r} is another program's ({place}): install Footnote in an environment of its own"
            )


def _has_folder() -> bool:
    """Whether the folder that this process is in is still there."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def main() -> None:
    """Run ``rag`` and end the process with its exit code."""
    _hold_standard_streams()
    arguments = sys.argv[1:] or ["--help"]
    _refuse(arguments)
    _tell_of_namesakes()
    # The interpreter's last collections would go through all that was imported: 0.12 s of an answer's 0.9.
    atexit.register(gc.freeze)
    logging.basicConfig(level=logging.WARNING, format="rag: %(message)s", stream=sys.stderr)
    logging.getLogger("rag").setLevel(logging.INFO)
    command = typer.main.get_command(build(arguments[0]))
    try:
        with interruptible():
            code = command.main(arguments, prog_name="rag", standalone_mode=False)
    except typer.exceptions.TyperException as error:
        context = getattr(error, "ctx", None)
        typer.echo(f"rag: {error.format_message()}", err=True)
        typer.echo(f"Try: {context.command_path if context else 'rag'} --help", err=True)
        sys.exit(getattr(error, "exit_code", USAGE))
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("rag: stopped", err=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not _has_folder():
            message("the current folder is no longer there: go to another one with cd")
            sys.exit(USAGE)
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        message(f"the output cannot be written: {error.strerror}")
        drop_output()
        sys.exit(FAILED)
    sys.exit(code if isinstance(code, int) else 0)
