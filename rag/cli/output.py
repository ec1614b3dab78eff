"""What every command shares: options, exit codes, messages on stderr, JSON and text on stdout."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO

import typer

from rag.cli.interruption import INTERRUPTED
from rag.shared.errors import BadInput, RagError
from rag.shared.printable import as_utf8, is_utf8, visible

if TYPE_CHECKING:
    from rich.console import Console

    from index.backend import Place
    from rag.service import Service

DONE, FAILED, USAGE, NO_STORE = 0, 1, 2, 3
NO_WIDTH = 100_000  # columns: more than any line has

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="The store's directory, or postgresql://... for one in a database (else $RAG_STORE, else ./.rag).",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout and nothing else there.")]
CollectionOption = Annotated[str, typer.Option("--collection", metavar="C", help="Which collection of documents.")]


def store_path(option: str | None) -> "Place":
    """Where the store is, from the option, the environment, the settings file or the current folder."""
    from index.backend import is_database

    if option is not None:
        path: Place = option if is_database(option) else Path(option)
    else:
        from rag.shared.config import store_from

        path = store_from(os.environ)
    if is_database(path):
        return path
    if not is_utf8(full := os.path.abspath(path)):
        fail(f"the store's path is not UTF-8 ({as_utf8(full)}): rename that folder or choose another", USAGE)
    if scheme := re.match(r"\w[\w+.-]+:/", str(path)):
        fail(
            f"{scheme[0]}/... is no store's address: give a directory, or postgresql://... for one in a database", USAGE
        )
    return path


def open_service(option: str | None, *, to_ask: bool = False, create: bool = False) -> "Service":
    """The service of the chosen store; says on stderr when a view had to be made again.

    to_ask: for one question, so that the model is loaded from the start, on one core, with which it loads fastest.
    create: a new store where there is none.
    """
    from dataclasses import replace

    from rag.model.engine import load_numpy
    from rag.shared.config import Config

    config, loading = Config.from_environment(), None
    if to_ask:
        from rag.model.loading import begin_loading

        config = replace(config, threads=1)
        loading = begin_loading(store_path(option), config)
    load_numpy()
    from rag.service import Service

    place = store_path(option)
    service = Service.open_or_create(place, config) if create else Service.open(place, config, loading=loading)
    note_rebuilt(service)
    return service


def note_rebuilt(service: "Service") -> None:
    """Tell that a damaged or missing view was made again from the stored truth: nothing is lost, but someone should know."""
    if service.store.rebuilt:
        message(
            f"the search files ({', '.join(service.store.rebuilt)}) were missing or damaged and have been made again"
        )


# Packages that not every installation has, and the extra that brings each.
_EXTRAS = {"ir_measures": "eval", "scipy": "eval"}


def message(text: str) -> None:
    """A line for people, on stderr; when that can be written to no more, the work goes on and its exit code tells."""
    with suppress(OSError):
        typer.echo(f"rag: {visible(text)}", err=True)


def fail(text: str, code: int = FAILED) -> NoReturn:
    """Say what is wrong and end with an exit code."""
    message(text)
    raise typer.Exit(code)


@contextmanager
def errors() -> Iterator[None]:
    """Turns the errors that a user can meet into one message and the exit code of the contract: around every command."""
    try:
        yield
    except BadInput as error:
        fail(str(error), USAGE)
    except RagError as error:
        fail(str(error), FAILED)
    except BrokenPipeError:  # the reader of stdout left (a pager, head): nothing to say
        drop_output()
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        fail("stopped; what is done stays", INTERRUPTED)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        extra = _EXTRAS[package]
        fail(f"this needs {package}, of the extra {extra}: make install, or pip install 'footnote-rag[{extra}]'")
    except Exception as error:
        # The store's errors are in a package whose import takes a tenth of a second, which ``rag --help`` has not to spare.
        from index.errors import NoPlace, StoreDamaged, StoreError, StoreMismatch, StoreMissing, StoreTooNew

        if isinstance(error, NoPlace | StoreMissing | StoreDamaged | StoreTooNew | StoreMismatch):
            fail(str(error), NO_STORE)
        if isinstance(error, StoreError):
            fail(str(error), FAILED)
        if _for_want_of_memory(error):
            fail("there is not enough memory: free some, or raise the limit that was set (ulimit -v)", FAILED)
        raise


def _for_want_of_memory(error: BaseException) -> bool:
    """Whether Python, the system or the engine had no memory left, each of which says so in words of its own."""
    signs = ("bad_alloc", "Cannot allocate memory", "failed to map segment", "can't start new thread")
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in signs)


def drop_output() -> None:
    """What is still to be written to stdout goes nowhere: it cannot be written, and would be tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(value: object) -> None:
    """One JSON value on stdout, in ASCII where that is not UTF-8: nothing of it is lost."""
    typer.echo(json.dumps(value, ensure_ascii=not writes_utf8(sys.stdout)))


def writes_utf8(stream: TextIO) -> bool:
    """Whether all text can be written to a stream."""
    return (stream.encoding or "utf-8").lower().replace("_", "-") in ("utf-8", "utf8")


def console(*, stderr: bool = False) -> "Console":
    """Where text for people goes; without colours, wrapping and a width when it is no terminal, so that programs get lines."""
    from rich.console import Console

    if (sys.stderr if stderr else sys.stdout).isatty():
        return Console(stderr=stderr, highlight=False)
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=NO_WIDTH)
