"""The process that ``api.workers.pool`` starts: it answers questions of one store until its connection is closed.

``python -P -m api.workers.worker FD``. It imports nothing of the HTTP side.
"""

import logging
import pickle
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from socket import socket
from typing import TYPE_CHECKING

from api.server.memory import keep_few_arenas
from api.telemetry import logs
from api.workers.messages import Answered, Question, Task, Unexpected, answer
from index.errors import StoreError
from index.process import forbid_inspection, parents_socket, receive, send
from rag.model.loading import begin_loading
from rag.shared.errors import RagError

if TYPE_CHECKING:
    from rag.service import Service

logger = logging.getLogger(__name__)


def main() -> None:
    """Serve the process that started this one."""
    # A supervisor sends these to all processes of a unit; it is the service that says when this one ends.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    forbid_inspection()
    keep_few_arenas()
    with parents_socket() as connection, suppress(EOFError, ConnectionError):  # it has closed it, or is no more
        task: Task = pickle.loads(receive(connection))
        logs.configure(task.log_format)
        _serve(connection, task)


def _serve(connection: socket, task: Task) -> None:
    loading = begin_loading(task.store, task.config)
    from rag.service import Service

    try:
        with Service.open(task.store, task.config, loading=loading) as service:
            service.warm()
            send(connection, pickle.dumps(service.embedder.precision))
            while True:
                for reply in replies(service, pickle.loads(receive(connection))):
                    send(connection, pickle.dumps(reply))
    except (RagError, StoreError) as error:
        send(connection, pickle.dumps(error))


def replies(service: "Service", questions: Sequence[Question]) -> Iterator[Answered | Exception]:
    """What is replied to some questions, one by one."""
    if len(questions) > 1:
        with suppress(Exception):  # what is wrong is said to each by itself
            service.embed_ahead([question.query for question in questions])
    for question in questions:
        logs.request_id.set(question.request_id)
        yield _reply(service, question)


def _reply(service: "Service", question: Question) -> Answered | Exception:
    try:
        return answer(service, question.query)
    except (RagError, StoreError) as error:
        return error
    except Exception as error:
        logger.error("unexpected error", exc_info=error)
        return Unexpected(f"a process that answers met a {type(error).__name__}")


if __name__ == "__main__":
    main()
