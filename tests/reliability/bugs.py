"""Faults planted on purpose: each test of a promise must fail with the one that breaks it."""

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from index.errors import StoreError
from index.local.checkpoint import directory as checkpoint
from index.local.checkpoint import manifest
from index.local.database import connection as database
from index.local.database import documents as changes
from index.local.database import migrations, scrub
from index.local.database.rows import pack_document
from index.local.opening import layout, upgrade
from index.local.store import Store
from index.local.system import files
from index.local.views import state as views
from index.local.views.lexical import analyze
from index.types import Change, NewDocument, NewPassage

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

    def connect(path: Path, vfs: str) -> apsw.Connection:
        connection = original(path, vfs)
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


class _Undone(Exception):
    """Rolls a transaction back."""


def commit_with_the_next() -> None:
    """A document is acknowledged as if it were stored, and stored only when the next change comes."""
    add, delete_many = Store.add, Store.delete_many
    waiting: list[tuple[NewDocument, Sequence[NewPassage]]] = []
    one_at_a_time = threading.RLock()

    def store_waiting(self: Store) -> None:
        while waiting:
            add(self, *waiting.pop())

    def acknowledge(
        self: Store, document: NewDocument, passages: Sequence[NewPassage], original: bytes | None = None
    ) -> Change:
        with one_at_a_time:
            store_waiting(self)
            try:
                with self.writers_waiting(), self._database.writing() as connection:
                    outcome, stored = changes.write_document(
                        connection, pack_document(document, passages, self.dim, analyze)
                    )
                    raise _Undone
            except _Undone:
                waiting.append((document, passages))
                return Change(stored, outcome)

    def delete(self: Store, document_ids: Sequence[str]) -> Any:
        with one_at_a_time:
            store_waiting(self)
            return delete_many(self, document_ids)

    Store.add, Store.delete_many = acknowledge, delete  # type: ignore[method-assign]


def acknowledge_what_failed() -> None:
    original = Store.add

    def add(self: Store, *arguments: Any) -> Any:
        try:
            return original(self, *arguments)
        except StoreError:
            return None

    Store.add = add  # type: ignore[method-assign, assignment]


def migrate_step_by_step() -> None:
    def migrate(connection: apsw.Connection) -> None:
        for version in range(migrations.format_version(connection), migrations.FORMAT_VERSION):
            with migrations.transaction(connection):
                migrations.MIGRATIONS[version](connection)
                connection.pragma("user_version", version + 1)

    vars(database)["migrate"] = migrate


def migrate_without_a_copy() -> None:
    upgrade._kept = lambda store, database: store


def snapshot_without_the_log() -> None:
    """Of the database its file alone is copied, without what its log holds."""

    def copy_database(connection: apsw.Connection, target: Path) -> None:
        shutil.copyfile(connection.filename, target)

    vars(layout)["copy_database"] = copy_database


def copy_into_an_empty_file() -> None:
    """A copy of the database begins without the page that turns the checksums of all others on."""

    def connect(path: Path) -> apsw.Connection:
        path.touch()
        return database._connect(path, scrub.NAME)

    database._connect_new = connect


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
        commit_with_the_next,
        acknowledge_what_failed,
        migrate_step_by_step,
        migrate_without_a_copy,
        snapshot_without_the_log,
        copy_into_an_empty_file,
    )
}
