"""The reference of commands, docs/commands.md, made from what each command says of itself: ``make docs`` writes it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from rag.cli.main import build

_WIDTH = 100
_INTRODUCTION = """# Commands

Made from the commands' own help by `make docs`; `rag COMMAND --help` and `rag help COMMAND` print the same.

Every command has `--json`: one JSON value on stdout and nothing else there. Messages and progress are on stderr. Exit codes:
0 done (that the documents do not answer a question is a result too), 1 the work or a part of it failed, 2 wrong usage,
3 no store or one that must not be opened, 130 interrupted.
"""


def commands() -> Iterator[tuple[str, str]]:
    """Each command that does something, by its whole name, with its help."""
    root = typer.main.get_command(build())
    yield from _below(root.context_class(root, info_name="rag", terminal_width=_WIDTH, **root.context_settings))


def _below(context: Any) -> Iterator[tuple[str, str]]:
    yield context.command_path, context.get_help()
    for name, command in getattr(context.command, "commands", {}).items():
        yield from _below(type(context)(command, info_name=name, parent=context))


def reference() -> str:
    """The page, in Markdown."""
    sections = [f"## {name}\n\n```text\n{text.strip()}\n```\n" for name, text in commands()]
    return "\n".join([_INTRODUCTION, *sections])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
