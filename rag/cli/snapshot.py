"""``rag snapshot`` and ``rag restore``: a checked copy of the store while it is served, and the store brought back from it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import JsonOption, StoreOption, console, errors, open_service, print_json, store_path

if TYPE_CHECKING:
    from index.backend import Progress, Snapshot


def snapshot(
    dest: Annotated[
        Path, typer.Argument(metavar="DEST", help="A new or empty directory for the copy.", show_default=False)
    ],
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Copy the store as it is now, checked, to a new directory; questions and changes may go on meanwhile.

    Example: rag snapshot backups/monday
    """
    started = time.perf_counter()
    with errors(), open_service(store) as service, checking() as progress:
        taken = service.snapshot(dest, progress)
    if json:
        print_json(_snapshot_json(taken, started))
    else:
        typer.echo(f"copied {taken.documents} documents, {taken.passages} passages ({_size(taken.bytes)}) to {dest}")


def restore(
    src: Annotated[
        Path, typer.Argument(metavar="SRC", help="A snapshot, or the directory of a store.", show_default=False)
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the store that is there, which is then gone.")
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Bring a store back from a snapshot: all of it, or nothing changes. A store that is there is kept unless --overwrite.

    Example: rag restore backups/monday --store .rag
    """
    started = time.perf_counter()
    with errors():
        from index.backend import restore as restore_store

        with checking() as progress:
            restored = restore_store(src, store_path(store), overwrite=overwrite, progress=progress)
    if json:
        print_json(_snapshot_json(restored, started))
    else:
        typer.echo(f"restored {restored.documents} documents, {restored.passages} passages to {restored.store}")


@contextmanager
def checking() -> Iterator["Progress | None"]:
    """A progress bar over the passages that are checked, on stderr when it is a terminal."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TextColumn("passages")
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("checking", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _snapshot_json(taken: "Snapshot", started: float) -> dict[str, object]:
    return {
        "snapshot": str(taken.path),
        "store": taken.store,
        "generation": taken.generation,
        "documents": taken.documents,
        "passages": taken.passages,
        "bytes": taken.bytes,
        "seconds": round(time.perf_counter() - started, 3),
    }


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:.1f} MiB" if n_bytes < 2**30 else f"{n_bytes / 2**30:.1f} GiB"
