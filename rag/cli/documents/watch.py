"""``rag watch``: folders kept in step with the store until it is stopped."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.documents.add import print_report
from rag.cli.documents.options import FieldsOption, MetaOption, OcrOption, PasswordOption, metadata_of, parse_options
from rag.cli.interruption import set_when_ended
from rag.cli.output import CollectionOption, JsonOption, StoreOption, message, open_service, print_json
from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from rag.shared.types import IngestReport


def watch(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Folders, with all below them.", show_default=False)
    ],
    collection: CollectionOption = "default",
    meta: MetaOption = None,
    fields: FieldsOption = None,
    ocr: OcrOption = False,
    password_file: PasswordOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Keep folders in step: what is added, changed, renamed or deleted in them is so in the store, seconds later.

    Ends with Ctrl-C when the documents at hand are in, with a second one at once. What it missed while it did not run it makes up
    for at the start. With --json a line for each round.

    Example: rag watch notes/
    """
    from rag.model.engine import load_numpy

    load_numpy()
    for folder in folders:
        if not folder.is_dir():
            raise BadInput(f"{folder} is not a folder: rag watch takes folders, rag add also files")
    metadata, options = metadata_of(meta), parse_options(fields, ocr, password_file)
    stop = set_when_ended()

    def report(done: "IngestReport") -> None:
        if json:
            from rag.shared.serialization import report_json

            print_json(report_json(done))
        else:
            print_report(done)
        sys.stdout.flush()

    with open_service(store, create=True) as service:
        from rag.intake import watch as watching

        watching.watch(
            service.intake,
            folders,
            collection=collection,
            metadata=metadata,
            options=options,
            on_report=report,
            on_delay=lambda error: message(f"{error}; trying again"),
            stop=stop,
        )
