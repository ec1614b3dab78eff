"""``rag ask`` without a question in a terminal: questions one after another, until ``:quit``."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import typer

from rag.cli.output import message
from rag.shared.errors import RagError
from rag.shared.types import Turn

if TYPE_CHECKING:
    from rag.shared.types import Answer

_PROMPT = "? "
_HELP = """Ask in words; a question may follow up on the one before.
The arrow keys bring back earlier ones.
  :new    forget what was asked before
  :help   this
  :quit   leave, as Ctrl-D does"""


def converse(
    answer_to: "Callable[[str, Sequence[Turn]], Answer]", show: "Callable[[str, Answer], None]", greeting: str
) -> None:
    """Read questions from the terminal and show their answers, until the user leaves.

    answer_to: gets the question and the turns before it, newest last.
    """
    try:
        import readline  # noqa: F401  # lets input() edit a line and bring back earlier ones
    except ImportError:
        pass  # Python was built without it: lines are read as they are
    typer.echo(f"{greeting} :help says what else can be typed, :quit leaves.")
    turns: list[Turn] = []
    while (line := _next_line()) is not None:
        if line in (":quit", ":q", ":exit"):
            return
        if line == ":new":
            turns.clear()
            typer.echo("What was asked before is forgotten.")
        elif line.startswith(":"):
            typer.echo(_HELP)
        elif line:
            try:
                answer = answer_to(line, turns)
            except RagError as error:  # one question that cannot be asked does not end the conversation
                message(str(error))
                continue
            show(line, answer)
            turns.append(Turn(line, answer.answer.text if answer.answer is not None else ""))


def _next_line() -> str | None:
    """What was typed, None at the end of input."""
    try:
        return input(_PROMPT).strip()
    except EOFError:
        typer.echo()
        return None
