"""``rag repair``: mends what ``rag verify`` found, where what is right follows from the rest of the store."""

from dataclasses import asdict

import typer

from index import stores
from rag.cli.output import FAILED, JsonOption, StoreOption, open_service, print_json
from rag.cli.progress import progress


def repair(store: StoreOption = None, json: JsonOption = False) -> None:
    """Check the whole store and mend what can be mended: search files, counts, indexes. Documents are never changed.

    What is left needs its document, the model or a snapshot again, and is listed with what to do. Exit code 1 when something is.

    Example: rag repair
    """
    with open_service(store) as service, progress("checking", "passages") as show:
        mended = stores.repair(service.store, service.store.verify(show))
    # Opened anew, so that what had to be made at the start is no finding any more.
    with open_service(store) as service, progress("checking", "passages") as show:
        left = service.store.verify(show)
    if json:
        print_json({"mended": list(map(asdict, mended)), "left": list(map(asdict, left))})
    else:
        for finding in mended:
            typer.echo(f"mended {finding.kind} in {finding.where}: {finding.detail}")
        for finding in left:
            typer.echo(f"left {finding.kind} in {finding.where}: {finding.detail}; {finding.remedy}")
        typer.echo("nothing was to be mended" if not mended else f"{len(mended)} mended")
    if left:
        raise typer.Exit(FAILED)
