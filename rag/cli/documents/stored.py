"""``rag list``, ``show`` and ``rm``: the documents that are in the store."""

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.documents.choice import documents_meant, matching, the_document, unknown_collection
from rag.cli.documents.options import CollectionFilter
from rag.cli.output import (
    NO_WIDTH,
    JsonOption,
    StoreOption,
    console,
    message,
    open_service,
    print_json,
    store_path,
)
from rag.shared.errors import BadInput
from rag.shared.printable import visible, visible_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from index.backend import Reader
    from index.local.database.listing import Rows
    from index.types import Document, Span
    from rag.service import Service

_COLUMNS = ("id", "title", "source", "collection", "passages", "added")


def list_documents(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATTERN...", help="Only documents whose source, file name or title fits ('*.pdf')."),
    ] = None,
    collection: CollectionFilter = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="List instead the files that could not be taken in, and why.")
    ] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List the documents, in the order they came; into a pipe with tabs between the columns.

    Times are those of UTC.

    Example: rag list '*.pdf' --collection default
    """
    if failed:
        _list_failed(collection, store, json)
        return
    with _rows(store) as rows:
        documents = list(rows.every_document(collection))
        if note := unknown_collection(rows.collections(), collection):
            message(note)
    if patterns:
        documents = matching(documents, patterns)
    if json:
        from rag.shared.serialization import document_json

        print_json([document_json(document) for document in documents])
    elif sys.stdout.isatty():
        _print_table(documents)
    else:
        for row in (_COLUMNS, *map(_row, documents)):
            typer.echo("\t".join(row))


@contextmanager
def _rows(option: str | None) -> "Iterator[Reader | Rows]":
    """What there is to list in the chosen store: from its rows alone, unless something has to be done or refused first."""
    from index.stores import read_rows
    from rag.shared.config import Config

    model = Config.from_environment().model
    with read_rows(store_path(option)) as rows:
        if rows is not None and model in (None, rows.settings["model"]):
            yield rows
            return
    with open_service(option) as service, service.store.read() as reader:
        yield reader


def _row(document: "Document") -> tuple[str, ...]:
    return (
        document.id,
        visible_line(document.title),
        visible_line(document.source or ""),
        document.collection,
        str(document.n_passages),
        document.added_at[:19].replace("T", " "),
    )


def _print_table(documents: "Sequence[Document]") -> None:
    """A table, or where that is wider than the terminal three lines a document: squeezed, it would show no id and no path whole."""
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(*_COLUMNS, box=None, pad_edge=False)
    rows = [_row(document) for document in documents]
    for row in rows:
        table.add_row(*map(Text, row))
    if Measurement.get(out, out.options.update_width(NO_WIDTH), table).maximum <= out.width:
        out.print(table)
        return
    for identifier, title, source, collection, passages, added in rows:
        for line in (f"{identifier}  {title}", f"    {source}", f"    {collection}, {passages} passages, {added}"):
            out.print(Text(line), soft_wrap=True)


def _list_failed(collection: str | None, store: str | None, json: bool) -> None:
    with _rows(store) as rows:
        failures = rows.failures(collection)
    if json:
        from rag.shared.serialization import failed_file_json

        print_json([failed_file_json(failure) for failure in failures])
        return
    for failure in failures:
        at = failure.at[:19].replace("T", " ")
        typer.echo(f"{visible_line(failure.source)}: {failure.reason} ({at}, {failure.collection})")
    if not failures:
        typer.echo("no file failed")


def show(
    doc: Annotated[
        str,
        typer.Argument(
            metavar="DOC",
            help="Id, beginning of an id, source, or a file's name that only one document has.",
            show_default=False,
        ),
    ],
    span: Annotated[
        str | None, typer.Option("--span", metavar="A:B", help="Only these characters.", show_default=False)
    ] = None,
    page: Annotated[
        int | None,
        typer.Option("--page", metavar="N", help="Only this page of the file, the first is 1.", show_default=False),
    ] = None,
    collection: CollectionFilter = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Print a document's stored text, or a span or page of it: the text whose characters citations count.

    Example: rag show seeds/us-ukraine-minerals-deal.txt --span 419:707
    """
    with open_service(store) as service:
        if span is not None and page is not None:
            raise BadInput("--span and --page are two parts of a document: give one")
        part = _parse_span(span) if span is not None else None
        document = the_document(service, doc, collection)
        if page is not None:
            part = _page_span(service, document.id, page)
        text = service.text(document.id, part)
    if json:
        from rag.shared.serialization import document_json

        first, last = part or (0, document.n_characters)
        print_json(document_json(document) | {"start_char_index": first, "end_char_index": last, "text": text})
    else:
        typer.echo(visible(text) if sys.stdout.isatty() else text)


def remove(
    docs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DOC...",
            help="Ids, beginnings of ids, sources, file names, or quoted patterns ('old/*.md').",
            show_default=False,
        ),
    ] = None,
    collection: CollectionFilter = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Remove documents, or with --collection alone a whole collection: nothing of them can be found once this is done.

    Example: rag rm seeds/us-ukraine-minerals-deal.txt
    """
    with open_service(store) as service:
        if docs:
            # All are looked up before the first is removed, so that a mistyped name changes nothing.
            documents = {document.id: document for document in documents_meant(service, docs, collection)}
            receipts = [service.store.delete(document_id) for document_id in documents]
        elif collection is not None:
            _require_collection(service, collection)
            receipts = service.delete_collection(collection)
        else:
            raise BadInput("nothing to remove: give documents, or --collection C for all of a collection")
    if json:
        from rag.shared.serialization import receipt_json

        print_json([receipt_json(receipt) for receipt in receipts])
        return
    if not docs:
        n_passages = sum(receipt.passages for receipt in receipts)
        typer.echo(f"removed collection {collection}: {len(receipts)} documents, {n_passages} passages")
        return
    for receipt in receipts:
        document = documents[receipt.document_id]
        source = visible_line(document.source or document.title)
        typer.echo(f"removed {source} ({receipt.document_id}): {receipt.passages} passages")


def _require_collection(service: "Service", collection: str) -> None:
    """Raises BadInput for a collection that is not there, unless files failed in it, which its removal forgets."""
    if (note := unknown_collection(service.collections(), collection)) and not service.failures(collection):
        raise BadInput(note)


def _page_span(service: "Service", document_id: str, page: int) -> "Span":
    """Where the passages of a page stand in a document's text.  Raises BadInput for a page that has none."""
    from index.types import Span

    with service.store.read() as reader:
        passages = reader.passages_of(document_id)
    spans = [passage.span for passage in passages if passage.page == page]
    if not spans:
        last = max((passage.page or 0 for passage in passages), default=0)
        known = f"its last page with text is {last}" if last else "its kind of file has no pages"
        raise BadInput(f"there is no text on page {page}: {known}")
    return Span(min(span.start for span in spans), max(span.end for span in spans))


def _parse_span(text: str) -> "Span":
    from index.types import Span

    start, separator, end = text.partition(":")
    if not separator or not start.isdecimal() or not end.isdecimal():
        raise BadInput(f"--span {text!r}: write it as START:END, two numbers of characters")
    return Span(int(start), int(end))
