"""The one way in which commands show how far they are, on stderr: a bar on a terminal, elsewhere a line every some seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rag.cli.output import console, message

EVERY_S = 10.0  # between two lines where no terminal is: few in a log, and soon enough for whoever waits


class Show(Protocol):
    """Shows that ``done`` of ``total`` are through; a total of None is not known yet. detail: what else there is to say."""

    def __call__(self, done: int, total: int | None, detail: str = "") -> None: ...


def show_nothing(done: int, total: int | None, detail: str = "") -> None:
    """For who wants no progress shown."""


@contextmanager
def progress(doing: str, unit: str, *, quiet: bool = False) -> Iterator[Show]:
    """Within the block, a ``Show``.  doing: "adding".  unit: what is counted, "documents"."""
    if quiet:
        yield show_nothing
    elif sys.stderr.isatty():
        with _bar(doing, unit) as show:
            yield show
    else:
        yield _Lines(doing, unit)


@contextmanager
def _bar(doing: str, unit: str) -> Iterator[Show]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn(unit + "{task.fields[detail]}"))
    # Transient: what stays on the screen is the result.
    with Progress(*columns, TimeRemainingColumn(), console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None, detail="")

        def show(done: int, total: int | None, detail: str = "") -> None:
            bar.update(task, completed=done, total=total, detail=detail and f", {detail}")

        yield show


class _Lines:
    """A line when the last one, or the beginning, is ``EVERY_S`` ago: short work says nothing."""

    def __init__(self, doing: str, unit: str) -> None:
        self._doing, self._unit = doing, unit
        self._last = time.monotonic()

    def __call__(self, done: int, total: int | None, detail: str = "") -> None:
        now = time.monotonic()
        if now - self._last >= EVERY_S:
            self._last = now
            of = "" if total is None else f" of {total}"
            message(f"{self._doing}: {done}{of} {self._unit}" + (detail and f", {detail}"))
