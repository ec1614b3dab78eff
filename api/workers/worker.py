"""The process that ``api.workers.pool`` starts: it answers questions of one store, one at a time, until its connection is closed.

``python -P -m api.workers.worker FD``. It imports nothing of the HTTP side.
"""

import logging
import signal
import sys
from multiprocessing.connection import Connection

from api.server.memory import keep_few_arenas
from api.telemetry import logs
from api.workers.messages import Question, Task, Unexpected, answer
from index.errors import StoreError
from index.process import forbid_inspection
from rag.errors import RagError
from rag.model.loading import begin_loading

logger = logging.getLogger(__name__)


def main() -> None:
    """Serve the connection whose descriptor is the first argument."""
    # A supervisor sends these to all processes of a unit; it is the service that says when this one ends.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    forbid_inspection()
    keep_few_arenas()
    with Connection(int(sys.argv[1])) as connection:
        try:
            task: Task = connection.recv()
            logs.configure(task.log_format)
            _serve(connection, task)
        except (EOFError, ConnectionError):
            pass  # the service has closed it, or is no more


def _serve(connection: "Connection[object, Task | Question]", task: Task) -> None:
    loading = begin_loading(task.store, task.config)
    from rag.service import Service

    try:
        service = Service.open(task.store, task.config, loading=loading)
    except (RagError, StoreError) as error:
        return connection.send(error)
    with service:
        try:
            service.warm()
        except (RagError, StoreError) as error:
            return connection.send(error)
        connection.send(service.embedder.precision)
        while True:
            question = connection.recv()
            assert isinstance(question, Question)
            logs.request_id.set(question.request_id)
            try:
                reply: object = answer(service, question.query)
            except (RagError, StoreError) as error:
                reply = error
            except Exception as error:
                logger.error("unexpected error", exc_info=error)
                reply = Unexpected(f"a process that answers met a {type(error).__name__}")
            connection.send(reply)


if __name__ == "__main__":
    main()
