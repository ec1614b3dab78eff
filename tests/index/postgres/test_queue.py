"""Uploads wait in the database until a worker has taken them in, whatever becomes of workers meanwhile."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from index.postgres.queue import PostgresQueue, ensure_tables
from index.postgres.store import PostgresStore
from index.types import Outcome, Upload
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
TakeIn = Callable[[Upload], Outcome]


@pytest.fixture
def queue(store: PostgresStore) -> PostgresQueue:
    return PostgresQueue(store.database)


def upload(key: str, content: bytes = b"text", collection: str = "default") -> Upload:
    return Upload(collection, key, {"kind": "file", "metadata": {"nul": "\0"}}, content)


@contextmanager
def working(queue: PostgresQueue, take_in: TakeIn) -> Iterator[list[str]]:
    """A worker in a thread; gives what it said is in the way."""
    stop, delays = threading.Event(), list[str]()
    worker = threading.Thread(target=queue.work, args=(take_in, stop, delays.append))
    worker.start()
    try:
        yield delays
    finally:
        stop.set()
        worker.join()


def wait_for_end(queue: PostgresQueue, job_id: str) -> str:
    def state() -> str | None:
        job = queue.job(job_id)
        return job.state if job is not None and job.state in ("done", "failed") else None

    return wait_until(state) or ""


def test_a_job_waits_runs_and_tells_what_became_of_it(queue: PostgresQueue) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def take_in(one: Upload) -> Outcome:
        begun.set()
        assert go_on.wait(300)
        if one.content == b"bad":
            return Outcome(failed=({"name": one.key, "reason": "bad"},))
        return Outcome(({"key": one.key, **one.described["metadata"]},))

    put = queue.put("default", [upload("a"), upload("b", b"bad")], [{"name": "c", "reason": "no name"}])
    waiting = queue.job(put.id)
    assert waiting is not None and (put.state, waiting.state) == ("waiting", "waiting")
    with working(queue, take_in):
        assert begun.wait(300)
        running = queue.job(put.id)
        assert running is not None and running.state == "running"
        go_on.set()
        assert wait_for_end(queue, put.id) == "done"
    done = queue.job(put.id)
    assert done is not None
    assert done.outcome.documents == [{"key": "a", "nul": "\0"}]
    assert [one["name"] for one in done.outcome.failed] == ["c", "b"]


def test_a_job_of_which_nothing_went_in_has_failed(queue: PostgresQueue) -> None:
    job = queue.put("default", [upload("a")], [])
    with working(queue, lambda one: Outcome(failed=({"name": one.key, "reason": "bad"},))):
        assert wait_for_end(queue, job.id) == "failed"


def test_what_the_store_does_not_take_now_is_tried_again(queue: PostgresQueue) -> None:
    attempts: list[str] = []

    def take_in(one: Upload) -> Outcome:
        attempts.append(one.key)
        if len(attempts) == 1:
            raise OSError("the disk is full")
        return Outcome(({"key": one.key},))

    job = queue.put("default", [upload("a")], [])
    with working(queue, take_in) as delays:
        assert wait_for_end(queue, job.id) == "done"
    assert attempts == ["a", "a"] and delays == ["the disk is full"]


def test_uploads_of_one_name_are_taken_in_in_the_order_in_which_they_came(queue: PostgresQueue) -> None:
    seen: list[bytes] = []

    def take_in(one: Upload) -> Outcome:
        seen.append(one.content)
        return Outcome(({"key": one.key},))

    jobs = [queue.put("default", [upload("a", b"%d" % number)], []) for number in range(6)]
    with working(queue, take_in), working(queue, take_in):
        for job in jobs:
            wait_for_end(queue, job.id)
    assert seen == [b"%d" % number for number in range(6)]


def test_what_a_worker_had_finished_is_not_done_again(queue: PostgresQueue) -> None:
    """As when it dies after it has written down what became of the upload, before the queue knows."""
    job = queue.put("default", [upload("a")], [])
    taken: list[str] = []

    def take_in(one: Upload) -> Outcome:
        taken.append(one.key)
        return Outcome(({"key": one.key},))

    queue.take(job.id, 0, take_in)
    queue.take(job.id, 0, take_in)
    assert taken == ["a"]


def test_an_upload_that_five_workers_died_with_is_given_up(queue: PostgresQueue, store: PostgresStore) -> None:
    job = queue.put("default", [upload("a")], [])
    with store.database.connected() as connection:
        connection.execute("UPDATE footnote_jobs.uploads SET lost = 5")

    def take_in(one: Upload) -> Outcome:
        raise AssertionError("it was tried a sixth time")

    queue.take(job.id, 0, take_in)
    ended = queue.job(job.id)
    assert ended is not None and ended.state == "failed"
    assert [one["name"] for one in ended.outcome.failed] == ["a"]


def test_the_content_is_removed_when_it_is_in(queue: PostgresQueue, store: PostgresStore) -> None:
    job = queue.put("default", [upload("a")], [])
    queue.take(job.id, 0, lambda one: Outcome(({"key": one.key},)))
    with store.database.reading("SELECT count(*) FROM footnote_jobs.uploads WHERE content IS NOT NULL") as (_, row):
        assert row == (0,)


def test_there_is_no_job_before_the_first_upload(queue: PostgresQueue) -> None:
    assert queue.job("00000000-0000-0000-0000-000000000000") is None


def test_of_two_that_find_no_tables_the_second_uses_those_of_the_first(
    queue: PostgresQueue, store: PostgresStore
) -> None:
    waits = (
        "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE datname = current_database()"
        " AND locktype = 'advisory' AND NOT granted)"
    )
    with ThreadPoolExecutor(1) as other, store.database.connected() as first, store.database.connected() as watching:
        with first.transaction():
            ensure_tables(first)
            second = other.submit(queue.put, "default", [upload("a")], [])
            while watching.execute(waits).fetchone() == (False,):
                assert not second.done()
        assert queue.job(second.result().id) is not None
