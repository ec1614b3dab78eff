"""``rag add``, ``list``, ``show`` and ``rm``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import (
    FAILED,
    CollectionOption,
    JsonOption,
    StoreOption,
    console,
    errors,
    message,
    note_rebuilt,
    open_service,
    pairs,
    print_json,
    store_path,
)
from rag.errors import BadInput

if TYPE_CHECKING:
    from index.types import Document, Metadata, Span
    from rag.service import Service
    from rag.types import IngestReport

CollectionFilter = Annotated[
    str | None, typer.Option("--collection", metavar="C", help="Only this collection.", show_default=False)
]
References = Annotated[
    list[str], typer.Argument(metavar="DOC...", help="Ids, beginnings of ids, or sources.", show_default=False)
]


def add(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Files, and folders with all below them.", show_default=False),
    ],
    collection: CollectionOption = "default",
    meta: Annotated[
        list[str], typer.Option("--meta", metavar="K=V", help="Metadata for these documents; may be repeated.")
    ] = [],  # noqa: B006
    sync: Annotated[
        bool, typer.Option("--sync", help="Also remove documents of these paths whose file is gone.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Folder or name of a sentence-transformers model, for a new store.",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Take in files and folders; unchanged files are skipped, changed ones replaced.

    Example: rag add notes/ report.md --meta year=2025
    """
    with errors():
        from dataclasses import replace

        from index.errors import StoreMissing
        from rag.config import Config
        from rag.ingest import nothing_there
        from rag.service import Service

        metadata: Metadata = {
            key: values[0] if len(values) == 1 else [*values] for key, values in pairs(meta, "--meta").items()
        }
        config = Config.from_environment()
        if model is not None:
            config = replace(config, model=model)
        service: Service | None = None
        try:
            service = Service.open(store_path(store), config)
        except StoreMissing:
            if any(path.exists() for path in paths):  # else a mistyped path leaves no trace
                service = Service.create(store_path(store), config)
        if service is None:
            report = nothing_there(paths)
        else:
            with service:
                note_rebuilt(service)
                report = _add_with_progress(service, paths, collection, metadata, sync)
    if json:
        from rag.serialization import report_json

        print_json(report_json(report))
    else:
        _print_report(report)
    if report.failed:
        raise typer.Exit(FAILED)


def _add_with_progress(
    service: "Service", paths: list[Path], collection: str, metadata: "Metadata", sync: bool
) -> "IngestReport":
    if not sys.stderr.isatty():
        return service.add_paths(paths, collection=collection, metadata=metadata, sync=sync)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from rag.types import IngestProgress

    with Progress(
        TextColumn("adding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("documents, {task.fields[passages]} passages, {task.fields[rate]:.0f} passages/s, time left"),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("adding", total=None, passages=0, rate=0.0)

        def advance(progress: IngestProgress) -> None:
            elapsed = bar.tasks[0].elapsed or 1.0
            rate = progress.passages / max(elapsed, 0.001)
            bar.update(
                task, completed=progress.documents, total=progress.n_documents, passages=progress.passages, rate=rate
            )

        return service.add_paths(paths, collection=collection, metadata=metadata, sync=sync, progress=advance)


def _print_report(report: "IngestReport") -> None:
    for failure in report.failed:
        message(f"{failure.path}: {failure.reason}")
    counts = {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.skipped,
        "deleted": report.deleted,
        "failed": len(report.failed),
    }
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to add"
    typer.echo(f"{shown}; {report.passages} passages in {report.seconds:.1f} s")


def list_documents(collection: CollectionFilter = None, store: StoreOption = None, json: JsonOption = False) -> None:
    """List the documents, in the order they came.

    Example: rag list --collection default
    """
    with errors(), open_service(store) as service:
        found: list[Document] = []
        while page := service.documents(collection=collection, after=found[-1].id if found else None, limit=1000):
            found += page
    if json:
        from rag.serialization import document_json

        print_json([document_json(document) for document in found])
        return
    from rich.table import Table

    table = Table("id", "title", "source", "collection", "passages", "added", box=None, pad_edge=False)
    for document in found:
        table.add_row(
            document.id,
            document.title,
            document.source or "",
            document.collection,
            str(document.n_passages),
            document.added_at[:19].replace("T", " "),
        )
    console().print(table)


def show(
    doc: Annotated[str, typer.Argument(metavar="DOC", help="Id, beginning of an id, or source.", show_default=False)],
    span: Annotated[
        str | None, typer.Option("--span", metavar="A:B", help="Only these characters.", show_default=False)
    ] = None,
    collection: CollectionFilter = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Print a document's stored text, or a span of it: what citations count in.

    Example: rag show seeds/us-ukraine-minerals-deal.txt --span 419:707
    """
    with errors(), open_service(store) as service:
        place = _parse_span(span) if span is not None else None
        document = _one(service, doc, collection)
        text = service.text(document.id, place)
    if json:
        from rag.serialization import document_json

        first, last = place or (0, document.n_characters)
        print_json(document_json(document) | {"start_char_index": first, "end_char_index": last, "text": text})
    else:
        typer.echo(text)


def remove(
    docs: References, collection: CollectionFilter = None, store: StoreOption = None, json: JsonOption = False
) -> None:
    """Remove documents: nothing of them can be found once this is done.

    Example: rag rm seeds/us-ukraine-minerals-deal.txt
    """
    with errors(), open_service(store) as service:
        # All are looked up before the first is removed, so that a mistyped name changes nothing.
        documents = {document.id: document for document in (_one(service, doc, collection) for doc in docs)}
        receipts = [service.delete(document_id) for document_id in documents]
    if json:
        from rag.serialization import receipt_json

        print_json([receipt_json(receipt) for receipt in receipts])
        return
    for receipt in receipts:
        document = documents[receipt.document_id]
        typer.echo(f"removed {document.source or document.title} ({receipt.document_id}): {receipt.passages} passages")


def _one(service: "Service", reference: str, collection: str | None) -> "Document":
    from index.errors import DocumentNotFound

    found = service.find(reference, collection)
    if not found:
        raise DocumentNotFound(f"no document {reference!r}: rag list shows what is there")
    if len(found) > 1:
        named = ", ".join(f"{document.id} ({document.collection})" for document in found[:5])
        raise BadInput(f"{reference!r} may be any of {named}: give one id")
    return found[0]


def _parse_span(text: str) -> "Span":
    from index.types import Span

    start, separator, end = text.partition(":")
    if not separator or not start.isdecimal() or not end.isdecimal():
        raise BadInput(f"--span {text!r}: write it as START:END, two numbers of characters")
    return Span(int(start), int(end))
