"""A directory made ready to be used as a store: a swap finished, the database opened, its format brought up to date."""

from pathlib import Path
from typing import NamedTuple

from index.errors import NoPlace, StoreMissing, StoreReplaced
from index.local.database.connection import Database
from index.local.database.errors import translated_files
from index.local.opening import swap
from index.local.opening.layout import StoreMeta, holds_store, read_meta
from index.local.opening.upgrade import upgrade
from index.local.system.lock import WriterLock
from index.local.system.names import DATABASE, LOCK


class Prepared(NamedTuple):
    """What a store works with. The database is open, and for the caller to close."""

    lock: WriterLock
    database: Database
    meta: StoreMeta


def prepare(path: Path, lock_timeout_s: float) -> Prepared:
    """The store in a directory, ready to be used.

    Raises StoreMissing, StoreDamaged, StoreTooNew, StoreReplaced or StoreUnwritable.
    """
    _require_store(path)
    lock = WriterLock(path / LOCK)
    if swap.pending(path):
        with lock.held(lock_timeout_s):
            swap.finish(path, lock)
    acknowledged = lock.acknowledged()
    database = Database(path / DATABASE)
    try:
        if swap.pending(path):
            raise StoreReplaced(f"another store is being put in the place of {path}: try again")
        meta = read_meta(database, acknowledged)
        if database.outdated():
            with lock.held(lock_timeout_s):
                swap.finish(path, lock)
                database.require_current()
                upgrade(path, database)
    except BaseException:
        database.close()
        raise
    return Prepared(lock, database, meta)


def _require_store(path: Path) -> None:
    with translated_files(path):
        try:
            if path.exists() and holds_store(path):
                return
        except NoPlace as error:
            raise StoreMissing(f"no store at {path}: something else is there; give the directory of a store") from error
    raise StoreMissing(f"no store at {path}: create one with `rag add PATH --store {path}`")
