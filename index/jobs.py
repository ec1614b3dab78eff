"""Uploads that wait to be taken in, for stores whose database has a queue: any number of processes put and work."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from threading import Event
from typing import Protocol

from index.backend import Store, is_database
from index.types import Job, Outcome, Upload


class Queue(Protocol):
    """The uploads of one store."""

    def put(self, collection: str, uploads: Sequence[Upload], failed: Sequence[Mapping[str, object]]) -> Job:
        """A new job of these uploads, durable when this returns. failed: what is known already not to go in."""
        ...

    def job(self, job_id: str) -> Job | None:
        """The job of an id as it is now, None where there is none."""
        ...

    def work(self, take_in: Callable[[Upload], Outcome], stop: Event, on_delay: Callable[[str], None]) -> None:
        """Take uploads in, one at a time, until ``stop`` is set; the one at hand is finished first.

        take_in: done twice it is as done once: an upload whose worker died is given to another.  What it raises puts the
        upload off.  on_delay: told what is in the way.
        """
        ...


def queue_of(store: Store) -> Queue | None:
    """The queue of a store, None where it is a directory, or where the package of the queue is not installed."""
    if not is_database(store.place) or find_spec("procrastinate") is None:
        return None
    from index.postgres.queue import PostgresQueue
    from index.postgres.store import PostgresStore

    assert isinstance(store, PostgresStore)
    return PostgresQueue(store.database)
