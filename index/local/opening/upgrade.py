"""A store of an older format brought to this program's, after a checked copy of it was put beside it.

The copy is a snapshot, so that both programs can bring it back: the older one as it is, this one in the new format. It is never
removed here. All steps are one transaction: whatever fails or is killed, the store has the one format or the other, whole.
"""

import logging
from contextlib import closing
from itertools import chain, count
from pathlib import Path

from index.errors import StoreDamaged, StoreFull, StoreUnwritable
from index.local.database.connection import Connection, Database
from index.local.database.documents import last_sequence
from index.local.database.errors import damaged, translated_files
from index.local.database.migrations import FORMAT_VERSION
from index.local.opening import swap as replacement
from index.local.opening.catalogue import read_catalogue, require_whole, write_catalogue
from index.local.opening.layout import copy_parts
from index.local.system import files
from index.local.system.names import DATABASE, LOCK

_log = logging.getLogger(__name__)


def upgrade(store: Path, database: Database) -> None:
    """Bring the tables to the format of this program, if nobody has meanwhile. The caller holds the writer lock.

    Raises StoreFull or StoreUnwritable when the copy cannot be written, StoreDamaged when it does not verify; the store is then
    as it was.
    """
    if not database.outdated():
        return
    version = database.format_version
    if (store.absolute().parent / LOCK).exists():  # itself a copy, or one in the making, of the store that it lies in
        database.migrate()
        return
    try:
        kept = _kept(store.absolute(), database)
    except (StoreFull, StoreUnwritable) as error:
        raise type(error)(
            f"the store has format {version} and is brought to {FORMAT_VERSION} only after a copy of it was made: {error}"
        ) from error
    _log.warning(
        "%s has format %d and is brought to %d; as it is now it is kept in %s", store, version, FORMAT_VERSION, kept
    )
    database.migrate()


def _kept(store: Path, database: Database) -> Path:
    """A snapshot of the store beside it: a new one, or that of an attempt before which holds the same."""
    name = f"{store.name}.before-format-{FORMAT_VERSION}"
    aside = store.with_name(f".{name}.partial")
    with translated_files(store.with_name(name)):
        files.remove(aside)  # of an attempt that was killed
        with files.removed_on_failure(aside):
            files.system.mkdir(aside)
            with database.reading() as connection:
                copy_parts(store, aside, connection)
                generation = last_sequence(connection)
                _check(aside, connection)
            write_catalogue(aside, generation)
            files.sync_directories(aside)
            names = chain([name], (f"{name}-{number}" for number in count(2)))
            target = next(place for place in map(store.with_name, names) if not place.exists() or _same(place, aside))
            if target.exists():
                files.remove(aside)
            else:
                files.replace(aside, target)
    return target


def _check(copy: Path, connection: Connection) -> None:
    """Read every page of a copy, and compare what it says of itself with the original. Raises StoreDamaged.

    ``index.local.checks.verify`` knows the tables of this program's format only, and so cannot be asked.
    """
    path = copy / DATABASE
    with closing(Database(path)) as database, database.reading() as copied:
        problems = [str(message) for (message,) in copied.execute("PRAGMA integrity_check") if message != "ok"]
        if not problems and _contents(copied) != _contents(connection):
            problems.append("it does not hold what the store holds")
    if problems:
        raise damaged(path, f"is the copy of a store that is damaged itself ({problems[0]})")
    replacement.settle(copy)


def _contents(connection: Connection) -> dict[str, tuple[str, int]]:
    """Tables with the statement that made each, and the number of its rows."""
    tables = {
        str(name): str(sql)
        for name, sql in connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    }
    return {name: (sql, connection.execute(f'SELECT count(*) FROM "{name}"').get) for name, sql in tables.items()}


def _same(kept: Path, fresh: Path) -> bool:
    """Whether a directory is a snapshot that is whole and holds the same as another."""
    try:
        require_whole(kept)
        return read_catalogue(kept) == read_catalogue(fresh)
    except StoreDamaged:
        return False
