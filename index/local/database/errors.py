"""SQLite's errors and those of the file system as the store's own, each with a message that says what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from index.errors import StoreDamaged, StoreError, StoreFull, StoreLocked, StoreUnwritable

_FULL = (apsw.SQLITE_IOERR_SHMSIZE,)
_UNREADABLE = (
    apsw.SQLITE_IOERR_DATA,
    apsw.SQLITE_IOERR_READ,
    apsw.SQLITE_IOERR_SHORT_READ,
    apsw.SQLITE_IOERR_CORRUPTFS,
)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into the store's, with a message that says what to do."""
    try:
        yield
    except apsw.Error as error:
        store_error = _store_error(error, path)
        if store_error is None:
            raise
        raise store_error from error


@contextmanager
def translated_files(path: Path) -> Iterator[None]:
    """Turns the errors of writing files into the store's."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"no space is left for {path}: free some and try again") from error
        at = error.filename if error.filename not in (None, str(path)) else None
        reason = f"{at}: {error.strerror}" if at else error.strerror or str(error)
        raise StoreUnwritable(
            f"{path} cannot be written ({reason}): check its permissions and its disk, or choose another place"
        ) from error


def damaged(path: Path, detail: str) -> StoreDamaged:
    """The error for a broken or missing truth, which nothing here can rebuild."""
    directory = path.parent
    return StoreDamaged(
        f"{path} {detail}: bring the store back with `rag restore SRC --store {directory}`, "
        f"or delete {directory} and `rag add` the documents again"
    )


def _store_error(error: apsw.Error, path: Path) -> StoreError | None:
    extended = getattr(error, "extendedresult", 0)
    if isinstance(error, apsw.CorruptError | apsw.NotADBError) or extended in _UNREADABLE:
        return damaged(path, f"is damaged ({error})")
    if isinstance(error, apsw.FullError) or extended in _FULL:
        return StoreFull(f"no space is left for {path}: free some and try again; what was acknowledged before is kept")
    if isinstance(error, apsw.BusyError):
        return StoreLocked(f"{path} is in use by another process: try again later")
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError | apsw.IOError):
        return StoreUnwritable(f"{path} cannot be opened or written ({error}): check its permissions and its disk")
    return None
