"""``rag work``: uploads that wait in a database are taken in, by any number of processes."""

from typing import TYPE_CHECKING

from rag.cli.interruption import set_when_ended
from rag.cli.output import JsonOption, StoreOption, message, open_service, print_json, store_path
from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from index.types import Outcome, Upload


def work(store: StoreOption = None, json: JsonOption = False) -> None:
    """Take in what was uploaded with `Prefer: respond-async` to services of a store in PostgreSQL, on as many machines as you like.

    Ends with Ctrl-C when the upload at hand is in, with a second one at once. An upload whose worker died goes to another one. With
    --json a line for each upload.

    Example: rag work --store postgresql://localhost/footnote
    """
    from index.backend import is_database

    place = store_path(store)
    if not is_database(place):
        raise BadInput(f"{place} is a directory: rag work takes a store in PostgreSQL (--store postgresql://...)")
    with open_service(store, create=True) as service:
        from rag.intake.jobs import take_in

        if (queue := service.queue) is None:
            raise BadInput("rag work needs the extra [postgres]: pip install 'footnote-rag[postgres]'")
        service.warm()
        stop = set_when_ended()
        message(f"working for {service.place} - stop with Ctrl-C")

        def handle(upload: "Upload") -> "Outcome":
            outcome = take_in(service.intake, upload)
            _report(outcome, json)
            return outcome

        queue.work(handle, stop, lambda reason: message(f"{reason}; trying again"))


def _report(outcome: "Outcome", json: bool) -> None:
    if json:
        print_json({"documents": list(outcome.documents), "failed": list(outcome.failed)})
        return
    for document in outcome.documents:
        message(f"{document['outcome']} {document['title']}")
    for failed in outcome.failed:
        message(f"failed {failed['name']}: {failed['reason']}")
