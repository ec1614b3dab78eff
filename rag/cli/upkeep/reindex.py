"""``rag reindex``: the store changed over to another model, while it is used."""

import os
from typing import Annotated

import typer

from rag.cli.output import JsonOption, StoreOption, print_json, store_path
from rag.cli.progress import progress


def reindex(
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="M",
            help="Folder or name of a sentence-transformers model (else $RAG_MODEL, else the default model).",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Embed all documents again with another model. Questions and changes go on meanwhile; the new vectors take over at the end.

    Documents that an older version took for English are found by the words of their own language from then on.
    Passages stay as they are cut, and with them every citation; for passages of another size add the files to a new store.
    When it is interrupted, the same command goes on from there; with the store's own model it removes what was begun.

    Example: rag reindex --model models/my-model
    """
    from dataclasses import asdict, replace

    from rag.intake.reindex import reindex as reindex_store
    from rag.shared.config import Config

    config = Config.from_environment(os.environ)
    config = config if model is None else replace(config, model=model)
    with progress("reindexing", "documents") as show:
        done = reindex_store(store_path(store), config, lambda what, n_done, total: show(n_done, total, what))
    if json:
        print_json({**asdict(done), "seconds": round(done.seconds, 3)})
        return
    if done.reanalyzed:
        typer.echo(f"documents found by the words of their own language now: {done.reanalyzed}")
    if done.changed:
        typer.echo(
            f"{done.documents} documents, {done.passages} passages now have vectors of {done.model}"
            f" ({done.embedded} documents embedded, {done.seconds:.1f} s)"
        )
    elif not done.reanalyzed:
        typer.echo(f"nothing to do: the store has vectors of {done.model} already")
