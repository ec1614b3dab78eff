"""The queue in a store's database: uploads in tables of ours, who takes which one in by procrastinate, all in one schema.

An upload and its place in the queue are committed together. What became of it is written before procrastinate is told that it is
done: a worker that dies in between leaves an upload that the next one finds finished.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Any, TypeVar

import psycopg
from procrastinate import App, PsycopgConnector, RetryStrategy, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.schema import SchemaManager

from index import jobs
from index.local.database.rows import document_id
from index.postgres.connection import Connection, Database, value_of
from index.types import Job, JobState, Outcome, Upload

T = TypeVar("T")

SCHEMA = "footnote_jobs"
QUEUE, TASK = "footnote", "take-in"
_TIMEOUT_S = 30.0
_KEPT_DAYS = 7
# Of a worker, seconds.
_HEARTBEAT_S = 3.0
_DEAD_AFTER_S = 15.0
_LOOK_S = 5.0
_PUT_OFF_S = 5
_PAUSE_S = 2.0
_STOP_S = 0.2
# Workers that die with an upload until it is given up: it may be what kills them.
_MAX_LOST = 5
_TABLES = f"""
CREATE TABLE {SCHEMA}.jobs (
    id uuid PRIMARY KEY,
    collection text NOT NULL,
    failed text NOT NULL,
    put_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE {SCHEMA}.uploads (
    job uuid NOT NULL REFERENCES {SCHEMA}.jobs ON DELETE CASCADE,
    position integer NOT NULL,
    collection text NOT NULL,
    key text NOT NULL,
    described text NOT NULL,
    content bytea,
    begun boolean NOT NULL DEFAULT false,
    lost integer NOT NULL DEFAULT 0,
    documents text,
    failed text,
    PRIMARY KEY (job, position)
);
"""
_PUT = f"SELECT id FROM {SCHEMA}.jobs WHERE id = ANY(%(tokens)s::uuid[])"
_REPEATABLE = "SELECT unnest(%(tokens)s::text[]) WHERE false"  # what is written twice is as written once
_LOST = f"UPDATE {SCHEMA}.uploads SET lost = lost + 1 WHERE job = %(job)s AND position = %(position)s"
_EXPIRED = (
    f"DELETE FROM {SCHEMA}.jobs WHERE put_at < now() - interval '{_KEPT_DAYS} days'"
    f" AND NOT EXISTS (SELECT FROM {SCHEMA}.uploads WHERE job = id AND documents IS NULL)"
)
_GIVEN_UP = f"{_MAX_LOST} processes ended while they took this in: it was given up"


class PostgresQueue(jobs.Queue):
    """The uploads of a store in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, collection: str, uploads: Sequence[Upload], failed: Sequence[Mapping[str, object]]) -> Job:

        def insert(connection: Connection, token: str) -> str:
            ensure_tables(connection)
            connection.execute(
                f"INSERT INTO {SCHEMA}.jobs (id, collection, failed) VALUES (%s, %s, %s)",
                (token, collection, json.dumps(list(failed))),
            )
            app = App(connector=SyncPsycopgConnector())
            for position, upload in enumerate(uploads):
                connection.execute(
                    f"INSERT INTO {SCHEMA}.uploads (job, position, collection, key, described, content)"
                    " VALUES (%s, %s, %s, %s, %s, %s)",
                    (token, position, upload.collection, upload.key, json.dumps(upload.described), upload.content),
                )
                lock = document_id(upload.collection, upload.key)
                task = app.configure_task(TASK, queue=QUEUE, lock=lock, connection=connection)
                task.defer(job=token, position=position)
            return token

        token = self._database.write(insert, _PUT, _TIMEOUT_S)
        return Job(token, collection, "waiting", Outcome((), failed))

    def job(self, job_id: str) -> Job | None:
        exists = f"SELECT to_regclass('{SCHEMA}.jobs') IS NOT NULL"
        with self._database.reading(exists, primary=True) as (connection, (has_tables,)):
            if not has_tables:
                return None
            row = connection.execute(
                f"SELECT collection, failed FROM {SCHEMA}.jobs WHERE id = %s", (job_id,)
            ).fetchone()
            uploads = connection.execute(
                f"SELECT begun, documents, failed FROM {SCHEMA}.uploads WHERE job = %s ORDER BY position", (job_id,)
            ).fetchall()
        if row is None:
            return None
        documents = [document for _, made, _ in uploads if made for document in json.loads(made)]
        failed = json.loads(row[1]) + [failure for *_, refused in uploads if refused for failure in json.loads(refused)]
        ended = [made is not None for _, made, _ in uploads]
        state: JobState = "waiting"
        if all(ended):
            state = "done" if documents else "failed"
        elif any(begun for begun, *_ in uploads):
            state = "running"
        return Job(job_id, row[0], state, Outcome(documents, failed))

    def work(self, take_in: Callable[[Upload], Outcome], stop: Event, on_delay: Callable[[str], None]) -> None:
        logging.getLogger("procrastinate").setLevel(logging.CRITICAL)  # on_delay tells

        def task(job: str, position: int) -> None:
            try:
                self.take(job, position, take_in)
            except Exception as error:
                on_delay(str(error))
                raise

        self._write(ensure_tables)
        while not stop.is_set():
            try:
                asyncio.run(_work_once(_app(self._database, task), stop))
            except (ConnectorException, psycopg.Error) as error:
                on_delay(f"{self._database.place} cannot be reached ({type(error).__name__})")
            stop.wait(_PAUSE_S)

    def take(self, job_id: str, position: int, take_in: Callable[[Upload], Outcome]) -> None:
        """Take one upload in and write down what became of it, unless that is written already.  Raises as ``take_in``."""
        place = {"job": job_id, "position": position}

        def begin(connection: Connection) -> tuple[Any, ...] | None:
            return connection.execute(
                f"UPDATE {SCHEMA}.uploads SET begun = true WHERE job = %(job)s AND position = %(position)s"
                " AND documents IS NULL RETURNING collection, key, described, content, lost",
                place,
            ).fetchone()

        row = self._write(begin)
        if row is None:
            return
        collection, key, described, content, lost = row
        if lost < _MAX_LOST:
            outcome = take_in(Upload(collection, key, json.loads(described), bytes(content)))
        else:
            outcome = Outcome(failed=({"name": key, "reason": _GIVEN_UP},))
        written = {"documents": json.dumps(list(outcome.documents)), "failed": json.dumps(list(outcome.failed))}

        def finish(connection: Connection) -> None:
            connection.execute(
                f"UPDATE {SCHEMA}.uploads SET documents = %(documents)s, failed = %(failed)s, content = NULL"
                " WHERE job = %(job)s AND position = %(position)s AND documents IS NULL",
                place | written,
            )

        self._write(finish)

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self._database.write(lambda connection, token: work(connection), _REPEATABLE, _TIMEOUT_S)


def ensure_tables(connection: Connection) -> None:
    """Make the schema where it is not there yet, and look there for what has no schema, until the transaction ends."""
    connection.execute(f"SET LOCAL search_path = {SCHEMA}, public")
    # From a table: ``to_regclass`` remembers within a transaction that there is nothing.
    exists = f"SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = '{SCHEMA}' AND tablename = 'uploads')"
    if value_of(connection, exists):
        return
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (SCHEMA,))
    if value_of(connection, exists):
        return
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.execute(SchemaManager.get_schema())
    connection.execute(_TABLES)


def _app(database: Database, task: Callable[[str, int], None]) -> App:
    async def configure(connection: "psycopg.AsyncConnection[Any]") -> None:
        await connection.execute(f"SET search_path = {SCHEMA}, public")
        await connection.commit()

    connector = PsycopgConnector(conninfo=database.writable, min_size=1, max_size=4, configure=configure)
    app = App(connector=connector)
    app.task(name=TASK, queue=QUEUE, retry=RetryStrategy(wait=_PUT_OFF_S))(task)
    return app


async def _work_once(app: App, stop: Event) -> None:
    """Work until ``stop`` is set, or the database goes away."""
    async with app.open_async():
        worker = asyncio.create_task(
            app.run_worker_async(
                queues=[QUEUE],
                delete_jobs="always",  # what became of an upload stands in a table of ours
                install_signal_handlers=False,
                update_heartbeat_interval=_HEARTBEAT_S,
                stalled_worker_timeout=_DEAD_AFTER_S,
            )
        )
        parts = [worker, asyncio.create_task(_take_up(app)), asyncio.create_task(_wait(stop))]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()  # of the worker: it finishes what it has at hand
            ended = await asyncio.gather(*parts, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def _wait(stop: Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(_STOP_S)


async def _take_up(app: App) -> None:
    """Put uploads whose worker died back into the queue, and forget jobs that ended long ago."""
    manager, connector = app.job_manager, app.connector
    while True:
        for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=_DEAD_AFTER_S):
            try:
                await manager.retry_job(job)
            except ConnectorException:
                continue  # another worker was faster
            await connector.execute_query_async(_LOST, **job.task_kwargs)
        await connector.execute_query_async(_EXPIRED)
        await asyncio.sleep(_LOOK_S)
