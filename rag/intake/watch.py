"""Folders kept in step with the store while this runs. What has been done is in the store: a restart goes on from there."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

from watchfiles import watch as file_changes

from index.errors import StoreFull, StoreLocked, StoreUnreachable
from index.types import Metadata
from rag.intake.folders import IGNORE_FILES, IgnoreRules, is_picture
from rag.intake.intake import Intake
from rag.intake.reading import file_of
from rag.shared.errors import BadInput, UnreadableContent
from rag.shared.types import IngestReport, ParseOptions

_SETTLE_MS = 500  # without a change before what has changed is read: programs write a file in several steps
_WAIT_MS = 5000  # at most, while changes go on
_TICK_MS = 500
_RETRY_S = 10.0


def watch(
    intake: Intake,
    folders: Iterable[Path],
    *,
    collection: str = "default",
    metadata: Metadata | None = None,
    options: ParseOptions | None = None,
    on_report: Callable[[IngestReport], None],
    on_delay: Callable[[Exception], None],
    stop: Event,
) -> None:
    """Bring the folders in step, then follow every change until ``stop`` is set.

    on_report: called after each time that something was done, the first time in any case.  on_delay: called when the store does not
    take changes (another writer, a full disk); they are tried again.
    Raises BadInput for a path that is no folder, UnreadableContent when a folder is taken away.
    """
    roots = [Path(os.path.abspath(folder)) for folder in folders]
    for root in roots:
        if not root.is_dir():
            raise BadInput(f"{root} is not a folder: watch the folder that the file is in")
    pending: set[Path] = set(roots)  # everything, to begin with
    waiting_until = 0.0
    first = True
    for changed in _changes(roots, stop):
        pending |= _concerned(roots, changed, intake.place, pictures=options is not None and options.ocr)
        if not pending or time.monotonic() < waiting_until:
            continue
        for root in roots:
            if not root.is_dir():  # perhaps only taken off (a drive): nothing is removed for that
                raise UnreadableContent(f"{root} is no longer there; to remove its documents: rag add --sync {root}")
        try:
            report = intake.add_paths(
                sorted(pending), collection=collection, metadata=metadata, sync=True, options=options
            )
        except (StoreLocked, StoreFull, StoreUnreachable) as error:
            waiting_until = time.monotonic() + _RETRY_S
            on_delay(error)
            continue
        pending.clear()
        # A file that came and went before it was read is nothing to report.
        failed = tuple(failure for failure in report.failed if failure.path and _is_there(failure.path))
        report = replace(report, failed=failed)
        if first or report.added or report.updated or report.deleted or report.failed:
            on_report(report)
        first = False


def _changes(roots: list[Path], stop: Event) -> Iterator[list[Path]]:
    """What has changed, again and again, also when that is nothing; the roots themselves where it could not be told what."""
    while not stop.is_set():
        changes = file_changes(
            *roots,
            watch_filter=None,
            debounce=_WAIT_MS,
            step=_SETTLE_MS,
            rust_timeout=_TICK_MS,
            yield_on_timeout=True,  # so that the first round comes when changes are already being noticed
            stop_event=stop,
            raise_interrupt=True,
            ignore_permission_denied=True,
        )
        began = False
        try:
            for batch in changes:
                began = True
                yield [Path(path) for _, path in batch]
        except RuntimeError:  # a changed file whose name is not UTF-8 ends it
            if not began:
                raise
            yield roots


def _concerned(roots: list[Path], changed: Iterable[Path], store: str, *, pictures: bool) -> set[Path]:
    """What to read again: the changed files that no rule leaves out, or a whole folder where its rules or folders changed.

    pictures: whether files that are pictures by their name are read.
    """
    rules = IgnoreRules(roots)
    own = os.path.abspath(store)
    concerned = set()
    for path in changed:
        if (
            str(path) == own
            or str(path).startswith(own + os.sep)
            or is_picture(path)
            and path.is_file()
            and not pictures
        ):
            continue
        for root in roots:
            if root != path and root not in path.parents:
                continue
            if path.name in IGNORE_FILES or path == root:
                concerned.add(root)
            elif not rules.ignores_anywhere(root, str(path)):
                concerned.add(root if path.is_dir() else path)
    return concerned


def _is_there(source: str) -> bool:
    # A name that is not UTF-8 is told in another form than it has.
    return "\\x" in source or os.path.lexists(file_of(source))
