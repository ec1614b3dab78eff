"""``rag status``: what the store holds and what it is asked with."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rag.cli.output import JsonOption, StoreOption, open_service, print_json
from rag.cli.upkeep.snapshot import size_in_words
from rag.shared.printable import visible_line

if TYPE_CHECKING:
    from rag.service import Service


def status(store: StoreOption = None, json: JsonOption = False) -> None:
    """Say what the store holds: documents, passages, collections, failures, its model and its size.

    Example: rag status --json
    """
    with open_service(store) as service:
        state = _state(service)
    if json:
        print_json(state)
        return
    collections = state.pop("collections")
    assert isinstance(collections, dict)
    n_bytes = state.pop("bytes")
    for name, value in state.items():
        typer.echo(f"{name}: {visible_line(str(value))}")
    if isinstance(n_bytes, int):
        typer.echo(f"size: {size_in_words(n_bytes)}")
    for name, counts in collections.items():
        typer.echo(f"collection {name}: {counts['documents']} documents, {counts['passages']} passages")
    if state["failures"]:
        typer.echo("rag list --failed names the files that could not be taken in")


def _state(service: "Service") -> dict[str, object]:
    documents, passages = service.counts()
    collections = service.collections()
    return {
        "store": service.place,
        "documents": documents,
        "passages": passages,
        "failures": len(service.failures()),
        "model": str(service.settings["model"]),
        "precision": service.precision,
        "generation": service.generation,
        "fingerprint": service.store.fingerprint,
        "bytes": _bytes_below(service.place),
        "collections": {name: {"documents": n, "passages": m} for name, (n, m) in collections.items()},
    }


def _bytes_below(place: str) -> int | None:
    """Size of all files of a store, None for one that is in a database; files that go meanwhile count nothing."""
    from index.backend import is_database

    if is_database(place):
        return None
    total = 0
    for file in Path(place).rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total
