"""``rag add``, ``list``, ``show`` and ``rm``."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import (
    FAILED,
    NO_WIDTH,
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
from rag.printable import visible, visible_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from index.types import Document, JsonScalar, Span
    from rag.intake.pipeline import Progress as ShowProgress
    from rag.service import Service
    from rag.types import IngestProgress, IngestReport, ParseOptions

CollectionFilter = Annotated[
    str | None, typer.Option("--collection", metavar="C", help="Only this collection.", show_default=False)
]
FieldsOption = Annotated[
    str | None,
    typer.Option(
        "--fields",
        metavar="F,F",
        help="Of JSON records take only these fields (title,author.name).",
        show_default=False,
    ),
]
OcrOption = Annotated[bool, typer.Option("--ocr", help="Recognise the text of scans and pictures (needs tesseract).")]
References = Annotated[
    list[str] | None, typer.Argument(metavar="DOC...", help="Ids, beginnings of ids, or sources.", show_default=False)
]


def add(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files, folders with all below them, and addresses of the web (https://...).",
            show_default=False,
        ),
    ],
    collection: CollectionOption = "default",
    meta: Annotated[
        list[str], typer.Option("--meta", metavar="K=V", help="Metadata for these documents; may be repeated.")
    ] = [],  # noqa: B006
    sync: Annotated[
        bool, typer.Option("--sync", help="Also remove documents of these paths whose file is gone or ignored by now.")
    ] = False,
    fields: FieldsOption = None,
    ocr: OcrOption = False,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private-addresses", help="Fetch also from addresses that are not public, such as this machine's."
        ),
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

    What .gitignore and .footnoteignore leave out of a folder is not read. Files in archives are documents of their own.

    Example: rag add notes/ report.md --meta year=2025
    """
    with errors():
        from rag.model.blas import load_numpy

        load_numpy()
        from dataclasses import replace

        from index.errors import StoreMissing
        from rag.config import Config
        from rag.intake.folders import find_files
        from rag.intake.web import is_address
        from rag.service import Service
        from rag.types import IngestReport

        metadata = given_metadata(meta)
        urls = [path for path in paths if is_address(path)]
        files = [Path(path) for path in paths if not is_address(path)]
        options = parse_options(fields, ocr)
        config = Config.from_environment()
        if model is not None:
            config = replace(config, model=model)
        service: Service | None = None
        try:
            service = Service.open(store_path(store), config)
        except StoreMissing:
            if urls or any(os.path.exists(path) for path in files):  # else a mistyped path leaves no trace
                service = Service.create(store_path(store), config)
        if service is None:
            report = IngestReport(0, 0, 0, 0, tuple(find_files(files)[1]), 0, 0.0)
        else:
            with service:
                note_rebuilt(service)

                def work(progress: "ShowProgress | None") -> IngestReport:
                    return service.intake.add_paths(
                        files,
                        collection=collection,
                        metadata=metadata,
                        sync=sync,
                        options=options,
                        urls=urls,
                        allow_private=allow_private,
                        progress=progress,
                    )

                report = _with_progress(work)
    if json:
        from rag.serialization import report_json

        print_json(report_json(report))
    else:
        print_report(report)
    if report.failed:
        raise typer.Exit(FAILED)


def given_metadata(meta: list[str]) -> "dict[str, JsonScalar | list[JsonScalar]]":
    """Metadata from ``--meta``: a key that is given more than once has a list."""
    return {key: values[0] if len(values) == 1 else [*values] for key, values in pairs(meta, "--meta").items()}


def parse_options(fields: str | None, ocr: bool) -> "ParseOptions":
    """How files are read, from the options of a command."""
    from rag.types import ParseOptions

    names = tuple(name.strip() for name in (fields or "").split(",") if name.strip())
    if fields is not None and not names:
        raise BadInput("--fields: name at least one, such as title,body")
    if ocr:
        from rag.parsing.pdf.ocr import require_program

        require_program()
    return ParseOptions(names, ocr)


def _with_progress(work: "Callable[[ShowProgress | None], IngestReport]") -> "IngestReport":
    """Do it, with a bar that shows how far it is where someone watches; when it ends early, say how far it came."""
    done = 0

    def count(progress: "IngestProgress") -> None:
        nonlocal done
        done = progress.documents

    try:
        return _with_bar(work, count)
    except BaseException:
        if done:
            message(f"{done} documents are done and stay; the same command takes in the rest")
        raise


def _with_bar(work: "Callable[[ShowProgress | None], IngestReport]", count: "ShowProgress") -> "IngestReport":
    if not sys.stderr.isatty():
        return work(count)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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

        def advance(progress: "IngestProgress") -> None:
            count(progress)
            elapsed = bar.tasks[0].elapsed or 1.0
            rate = progress.passages / max(elapsed, 0.001)
            bar.update(
                task, completed=progress.documents, total=progress.n_documents, passages=progress.passages, rate=rate
            )

        return work(advance)


def print_report(report: "IngestReport") -> None:
    for failure in report.failed:
        message(f"{failure.path}: {failure.reason}")
    for note in report.notes:
        message(f"note: {note}")
    counts = {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.skipped,
        "deleted": report.deleted,
        "failed": len(report.failed),
    }
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to add"
    typer.echo(f"{shown}; {report.passages} passages in {report.seconds:.1f} s")


def list_documents(
    collection: CollectionFilter = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="List instead the files that could not be taken in, and why.")
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List the documents, in the order they came.

    Example: rag list --collection default
    """
    if failed:
        _list_failed(collection, store, json)
        return
    with errors(), open_service(store) as service:
        found: list[Document] = []
        while page := service.documents(collection=collection, after=found[-1].id if found else None, limit=1000):
            found += page
    if json:
        from rag.serialization import document_json

        print_json([document_json(document) for document in found])
        return
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "title", "source", "collection", "passages", "added", box=None, pad_edge=False)
    for document in found:
        table.add_row(
            document.id,
            Text(visible_line(document.title)),
            Text(visible_line(document.source or "")),
            Text(document.collection),
            str(document.n_passages),
            document.added_at[:19].replace("T", " "),
        )
    out = console()
    if Measurement.get(out, out.options.update_width(NO_WIDTH), table).maximum <= out.width:
        out.print(table)
        return
    for document in found:  # a table that is squeezed shows no id and no path whole
        for line in (
            f"{document.id}  {visible_line(document.title)}",
            f"    {visible_line(document.source or '')}",
            f"    {document.collection}, {document.n_passages} passages, {document.added_at[:19].replace('T', ' ')}",
        ):
            out.print(Text(line), soft_wrap=True)


def _list_failed(collection: str | None, store: str | None, json: bool) -> None:
    with errors(), open_service(store) as service:
        failures = service.failures(collection)
    if json:
        from rag.serialization import failed_file_json

        print_json([failed_file_json(one) for one in failures])
        return
    for one in failures:
        typer.echo(f"{visible_line(one.source)}: {one.reason} ({one.at[:19].replace('T', ' ')}, {one.collection})")
    if not failures:
        typer.echo("no file failed")


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
        typer.echo(visible(text) if sys.stdout.isatty() else text)


def remove(
    docs: References = None,
    collection: CollectionFilter = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Remove documents, or with --collection alone a whole collection: nothing of them can be found once this is done.

    Example: rag rm seeds/us-ukraine-minerals-deal.txt
    """
    with errors(), open_service(store) as service:
        if docs:
            # All are looked up before the first is removed, so that a mistyped name changes nothing.
            documents = {document.id: document for document in (_one(service, doc, collection) for doc in docs)}
            receipts = [service.delete(document_id) for document_id in documents]
        elif collection is not None:
            receipts = service.delete_collection(collection)
        else:
            raise BadInput("nothing to remove: give documents, or --collection C for all of a collection")
    if json:
        from rag.serialization import receipt_json

        print_json([receipt_json(receipt) for receipt in receipts])
        return
    if not docs:
        n_passages = sum(receipt.passages for receipt in receipts)
        typer.echo(f"removed collection {collection}: {len(receipts)} documents, {n_passages} passages")
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
