"""A worker of the queue: procrastinate's, beside what gives uploads of dead workers to those that live."""

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException

from index.postgres.connection import Database
from index.postgres.queue import EXPIRED, LOST, QUEUE, SCHEMA, TASK
from index.types import Outcome, Upload

_HEARTBEAT_S = 3.0
_DEAD_AFTER_S = 15.0
_LOOK_S = 5.0
_PUT_OFF_S = 5
_PAUSE_S = 2.0
_STOP_S = 0.2
_Take = Callable[[str, int, Callable[[Upload], Outcome]], None]


def work(
    database: Database,
    take: _Take,
    take_in: Callable[[Upload], Outcome],
    stop: Event,
    on_delay: Callable[[str], None],
) -> None:
    """Work until ``stop`` is set. take: called with a job, the position of an upload in it, and ``take_in``."""

    def task(job: str, position: int) -> None:
        try:
            take(job, position, take_in)
        except Exception as error:
            on_delay(str(error))
            raise

    while not stop.is_set():
        try:
            asyncio.run(_work_once(_app(database, task), stop))
        except (ConnectorException, psycopg.Error) as error:
            on_delay(f"{database.place} cannot be reached ({type(error).__name__})")
        stop.wait(_PAUSE_S)


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
            await connector.execute_query_async(LOST, **job.task_kwargs)
        await connector.execute_query_async(EXPIRED)
        await asyncio.sleep(_LOOK_S)
