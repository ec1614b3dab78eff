"""``rag snapshot`` and ``rag restore``: a checked copy of the store while it is served, and the store brought back from it."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import JsonOption, StoreOption, open_service, print_json, store_path
from rag.cli.progress import progress

if TYPE_CHECKING:
    from index.backend import Snapshot


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
    with open_service(store) as service, progress("checking", "passages") as show:
        from index.stores import snapshot as take

        taken = take(service.store, dest, show)
    if json:
        print_json(_snapshot_json(taken, started))
    else:
        typer.echo(
            f"copied {taken.documents} documents, {taken.passages} passages ({size_in_words(taken.bytes)}) to {dest}"
        )


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
    from index.stores import restore as restore_store

    with progress("checking", "passages") as show:
        restored = restore_store(src, store_path(store), overwrite=overwrite, progress=show)
    if json:
        print_json(_snapshot_json(restored, started))
    else:
        typer.echo(f"restored {restored.documents} documents, {restored.passages} passages to {restored.store}")


def _snapshot_json(taken: "Snapshot", started: float) -> dict[str, object]:
    fields = asdict(taken)
    return {"snapshot": str(fields.pop("path")), **fields, "seconds": round(time.perf_counter() - started, 3)}


def size_in_words(n_bytes: int) -> str:
    """A size as people read it."""
    return f"{n_bytes / 2**20:.1f} MiB" if n_bytes < 2**30 else f"{n_bytes / 2**30:.1f} GiB"
