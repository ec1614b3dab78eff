"""Faults planted on purpose: each test of a promise must fail with the one that breaks it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from index import changes, checkpoint, database, files, manifest, views
from index.store import Store

# What is to be said of the operation under way, once it is done; empty when it was said already.
current: list[str] = []


def plant(name: str) -> None:
    """Plant a fault in this process, for good."""
    if name:
        BUGS[name]()


def acknowledge_before_commit() -> None:
    original = Store.add

    def add(self: Store, *arguments: Any) -> Any:
        print(*current, flush=True)
        current.clear()
        return original(self, *arguments)

    Store.add = add  # type: ignore[method-assign, assignment]


def synchronous_off() -> None:
    original = database._connect

    def connect(path: Path, vfs: str, *, create: bool = False) -> apsw.Connection:
        connection = original(path, vfs, create=create)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    database._connect = connect


def no_directory_sync() -> None:
    files.sync_directory = lambda path: None


def replay_by_operation() -> None:
    """The log's entries are applied as they were, and not by what the rows are now: what was added and removed since comes back."""

    def named_ids(connection: database.Connection, after: int) -> set[int]:
        return set()

    views._named_ids = named_ids


def checkpoint_one_too_high() -> None:
    original, last_sequence = checkpoint.write, changes.last_sequence

    def write(*arguments: Any, **options: Any) -> Any:
        vars(checkpoint)["last_sequence"] = lambda connection: last_sequence(connection) + 1
        try:
            return original(*arguments, **options)
        finally:
            vars(checkpoint)["last_sequence"] = last_sequence

    checkpoint.write = write


def no_checksum() -> None:
    manifest.Manifest.problems = lambda self, *arguments, **options: {}  # type: ignore[method-assign]


def delete_without_wal_checkpoint() -> None:
    database.Database.empty_wal = lambda self, timeout_s: None  # type: ignore[method-assign]


def manifest_in_place() -> None:
    original = files.replace

    def replace_in_place(source: Path, target: Path) -> None:
        if target.name == manifest.MANIFEST:
            files.write(target, files.system.read(source))
            files.remove(source)
        else:
            original(source, target)

    files.replace = replace_in_place


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        acknowledge_before_commit,
        synchronous_off,
        no_directory_sync,
        replay_by_operation,
        checkpoint_one_too_high,
        no_checksum,
        delete_without_wal_checkpoint,
        manifest_in_place,
    )
}
