"""The connections to the store's SQLite file, and its transactions.

Every page carries a checksum (SQLite's own ``cksumvfs``, which comes with apsw), checked whenever a page is read from disk: a
flipped bit is an error and never an answer.
"""

import functools
import os
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import apsw

from index.errors import StoreLocked, StoreMissing, StoreReplaced, StoreTooNew, StoreUnwritable
from index.local.database import scrub
from index.local.database.errors import damaged, translated
from index.local.database.migrations import FORMAT_VERSION, format_version, migrate, roll_back, transaction
from index.local.system import files

Connection = apsw.Connection

_APPLICATION_ID = 0x466F6F74  # "Foot"
_CHECKSUMS = "cksmvfs"
_PAGE_BYTES = 4096
_LOCK_PAGE = (1 << 30) // _PAGE_BYTES + 1  # SQLite never uses the page at 1 GiB
_CHECKSUM_BYTES = 8  # reserved at the end of each page; cksumvfs acts on exactly this number
_WAL_PAGES = 1000
_BUSY_TIMEOUT_MS = 10_000
_CHECKPOINT_TRY_MS = 30
_STEP_PAGES = 1000  # copied before an interrupt is noticed
_CACHE_KIB = 16_384  # per connection


def beside(path: Path) -> tuple[Path, Path]:
    """SQLite's own files beside a database: its write-ahead log, and the index of that."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


class Database:
    """A pool of connections that read, each used by one thread at a time, and one that writes, used under the writer lock.

    What goes into the database file goes through the one that writes, and so through ``scrub``: the others never checkpoint.
    """

    def __init__(self, path: Path) -> None:
        """Open an existing database. Raises StoreDamaged, StoreTooNew or StoreUnwritable."""
        _check_kinds(path)
        self.path = path
        self._idle: list[_Reading] = []
        self._writer: apsw.Connection | None = None
        self._logged_pages = 0
        self._mutex = threading.Lock()
        self._closed = False
        self._file = _identity(path)
        with translated(path), self._reader() as connection:
            _check_identity(connection, path, in_use=_at_rest(path) is None)
            _check_size(connection, path)
            self.format_version = format_version(connection)

    def migrate(self) -> None:
        """Bring the tables up to date, or leave them as they are. The caller holds the writer lock, and has kept a copy."""
        with translated(self.path):
            connection = self._write_connection()
            migrate(connection)
            self.format_version = format_version(connection)

    def outdated(self) -> bool:
        """Whether ``migrate`` has something to do: asked of the file, for another process may have done it."""
        with self.reading() as connection:
            self.format_version = format_version(connection)
        return self.format_version < FORMAT_VERSION

    def require_current(self) -> None:
        """Raises StoreReplaced, or StoreMissing, when the file that is open is no longer the one of this name."""
        identity = _identity(self.path)
        if identity is None:
            raise StoreMissing(
                f"{self.path} was moved or removed while it was open: start again with the place it has now"
            )
        if identity != self._file:
            raise StoreReplaced(f"another store was put in the place of {self.path.parent} meanwhile: try again")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection in one read transaction: all that it returns comes from one state."""
        with translated(self.path), self._reader() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                roll_back(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in one write transaction, committed and on disk when the block ends. The caller holds the writer lock."""
        with translated(self.path):
            connection = self._write_connection()
            with transaction(connection):
                self._require_format(connection)
                yield connection
            if self._logged_pages > _WAL_PAGES:
                # If this fails, on a full disk, the log only stays long.
                with suppress(apsw.Error):
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def empty_wal(self, timeout_s: float) -> None:
        """Move all of the write-ahead log into the database and leave the log empty, so that no deleted byte remains in it.

        The caller holds the writer lock. Raises StoreLocked when readers kept hold of older states for timeout_s seconds.
        """
        with translated(self.path):
            connection = self._write_connection()
            connection.set_busy_timeout(_CHECKPOINT_TRY_MS)
            try:
                _truncate(connection, time.monotonic() + timeout_s)
            finally:
                connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
            # Its cache holds pages as they were before they were scrubbed, and would log them so with the next change.
            self._writer = None
            connection.close()

    def close(self) -> None:
        """Close all connections; one that is reading is closed when it is given back."""
        with self._mutex:
            self._closed = True
            idle, self._idle = self._idle, []
        for reading in idle:
            reading.connection.close()
        if self._writer is not None:
            # Last, because the last one empties the log. When the disk is full it stays, and nothing is lost.
            with suppress(apsw.Error):
                self._writer.close()

    def _require_format(self, connection: apsw.Connection) -> None:
        """Raises StoreTooNew when a newer program has changed the tables since they were opened here."""
        if (version := connection.pragma("user_version")) != self.format_version:
            raise StoreTooNew(
                f"{self.path.parent} was brought to format {version} meanwhile, this program knows {self.format_version}:"
                " upgrade the program and start it again"
            )

    def _write_connection(self) -> apsw.Connection:
        if self._closed:
            raise ValueError("the store is closed")
        if self._writer is None:
            self._writer = self._checked(_connect(self.path, scrub.NAME))
            self._writer.set_wal_hook(
                self._note_wal
            )  # in place of SQLite's own way, by which a commit could fail after the fact
        return self._writer

    def _read_connection(self) -> "_Reading":
        rest = _at_rest(self.path)
        connection = self._checked(_connect(self.path, _CHECKSUMS) if rest is None else _connect_at_rest(self.path))
        connection.execute("PRAGMA query_only = ON")
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        return _Reading(connection, rest)

    def _checked(self, connection: apsw.Connection) -> apsw.Connection:
        """A new connection, once it is known to be one to the file that was opened here."""
        try:
            connection.pragma("user_version")  # opens the write-ahead log, and with it all files of this connection
            self.require_current()
        except BaseException:
            connection.close()
            raise
        return connection

    def _note_wal(self, connection: apsw.Connection, database: str, n_pages: int) -> int:
        self._logged_pages = n_pages
        return apsw.SQLITE_OK

    @contextmanager
    def _reader(self) -> Iterator[apsw.Connection]:
        with self._mutex:
            if self._closed:
                raise ValueError("the store is closed")
            reading = self._idle.pop() if self._idle else None
        if reading is not None and reading.outdated(self.path):
            reading.connection.close()
            reading = None
        if reading is None:
            reading = self._read_connection()
        try:
            yield reading.connection
            if reading.outdated(self.path):
                raise StoreLocked(f"{self.path} was written to while it was read without a lock: try again")
        finally:
            with self._mutex:
                closed = self._closed
                if not closed:
                    self._idle.append(reading)
            if closed:  # as it was then: one that is idle is closed by ``close``
                reading.connection.close()


_Rest = tuple[int, int, int]


class _Reading(NamedTuple):
    """A connection that reads. rest: what the file was when it was opened without any lock, None where there are locks."""

    connection: apsw.Connection
    rest: _Rest | None

    def outdated(self, path: Path) -> bool:
        """Whether a file that was opened without any lock has been written to since, or is about to be."""
        return self.rest is not None and self.rest != _at_rest(path)


def _at_rest(path: Path) -> _Rest | None:
    """What tells later whether a database was written to; None where it can be opened with a lock, or somebody has it open.

    SQLite keeps its locks in files beside the database, which this process may not be allowed to make.
    """
    if files.writable(path.parent) or os.path.lexists(beside(path)[0]):
        return None
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def create_database(path: Path, meta: Mapping[str, str]) -> None:
    """Make a new database with these meta rows; it appears under its name only when it is complete and on disk."""
    draft = path.with_name(path.name + ".new")
    for leftover in (draft, *beside(draft)):
        files.remove(leftover)
    with translated(path):
        connection = _connect_new(draft)
        try:
            migrate(connection)
            with transaction(connection):
                connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            connection.pragma("journal_mode", "wal")
        finally:
            connection.close()
    files.sync(draft)
    files.replace(draft, path)


def _truncate(connection: apsw.Connection, deadline: float) -> None:
    """Checkpoint and empty the log, as often as it takes.

    One try looks once which of the log's slots hold older states, and then waits for those slots to be free. A reader that follows
    another in the same slot holds the newest state, but keeps such a try waiting for ever.
    """
    while True:
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            return
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise


def copy_database(connection: Connection, target: Path) -> None:
    """Copy the state that this connection's transaction sees into a new file, complete and on disk when this returns.

    The transaction keeps deletes from cleaning the write-ahead log meanwhile, and nothing else from going on.
    """
    with translated(target):
        copy = _connect_new(target)
        try:
            with copy.backup("main", connection, "main") as backup:
                while not backup.done:
                    backup.step(_STEP_PAGES)
        except SystemError as error:  # how apsw reports a second error, while the backup is closed after the first
            raise StoreUnwritable(f"{target} cannot be written ({error.__cause__ or error}): check the disk") from error
        finally:
            copy.close()
    for left in beside(target):
        files.remove(left)
    files.sync(target)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another that later has its name; None when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _connect(path: Path, vfs: str) -> apsw.Connection:
    _register_file_layers()
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    try:
        connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
        connection.execute(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;"
            f"PRAGMA cell_size_check = ON; PRAGMA cache_size = -{_CACHE_KIB}"
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_at_rest(path: Path) -> apsw.Connection:
    """A connection that reads a database as its file is now, without a lock and without a log."""
    _register_file_layers()
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    return apsw.Connection(f"file:{quote(str(path))}?immutable=1", flags=flags, vfs=_CHECKSUMS)


def _connect_new(path: Path) -> apsw.Connection:
    """A connection to a new database, whose first page is on disk.

    cksumvfs gives pages their checksums from then on. A backup writes its first page last, and others before it as soon as they
    fill SQLite's cache: without this they would keep what the log holds in place of a checksum.
    """
    os.close(files.system.open(path, os.O_RDWR | os.O_CREAT))  # SQLite's own would be there for others to read
    connection = _connect(path, scrub.NAME)
    try:
        # Nobody knows of the file yet: one sync at the end is enough.
        connection.execute(f"PRAGMA synchronous = OFF; PRAGMA page_size = {_PAGE_BYTES}")
        connection.reserve_bytes(reserve=_CHECKSUM_BYTES)
        connection.pragma("application_id", _APPLICATION_ID)
    except BaseException:
        connection.close()
        raise
    return connection


@functools.cache
def _register_file_layers() -> None:
    """Makes the checksumming file layer known to SQLite, and the scrubbing one on top of it, once a process."""
    try:
        loader = apsw.Connection(":memory:")
        # As apsw.sqlite_extra does it, which imports importlib.resources and zipfile to find the file: a tenth of `rag list`.
        loader.enable_load_extension(True)
        loader.load_extension(str(Path(apsw.__file__).with_name("sqlite_extra_binaries") / "cksumvfs"))
        loader.close()
        scrub.register(_CHECKSUMS)
    except apsw.Error as error:
        raise StoreUnwritable(
            f"this build of apsw lacks cksumvfs, which guards the store's pages: install the wheel from PyPI ({error})"
        ) from error


def _check_kinds(path: Path) -> None:
    """What SQLite would open is a file, or is not there: of anything else it says only that it cannot open something."""
    if files.not_a_file(path):
        raise damaged(path, "is not a file")
    for own in beside(path):
        if files.not_a_file(own):
            raise StoreUnwritable(f"{own} is not a file: remove it and try again")


def _check_identity(connection: apsw.Connection, path: Path, *, in_use: bool) -> None:
    if connection.pragma("application_id") != _APPLICATION_ID:
        raise damaged(path, "is not the database of a store")
    # Without the reserved bytes SQLite would read the pages, but nobody would check them.
    if connection.reserve_bytes() != _CHECKSUM_BYTES or connection.pragma("checksum_verification") not in (1, "1"):
        raise damaged(path, "has lost its page checksums")
    if in_use and connection.pragma("journal_mode") != "wal":
        raise StoreUnwritable(f"{path} cannot be opened for reading beside a writer: is its directory writable?")


def _check_size(connection: apsw.Connection, path: Path) -> None:
    """Raises StoreDamaged when a page is neither in the database nor in its write-ahead log.

    With a log beside it SQLite takes a page beyond the end of a file cut short for one of zeros, and zeros fit their checksum.
    """
    wal, _ = beside(path)
    connection.execute("BEGIN")
    try:
        n_pages = connection.pragma("page_count")
        # In this order: what leaves the log meanwhile is in the database by then.
        logged = _logged_pages(wal) if path.stat().st_size < n_pages * _PAGE_BYTES and wal.exists() else set()
        first_missing = path.stat().st_size // _PAGE_BYTES + 1
    finally:
        roll_back(connection)
    if not logged.issuperset(page for page in range(first_missing, n_pages + 1) if page != _LOCK_PAGE):
        raise damaged(path, f"should have {n_pages} pages and was cut short")


def _logged_pages(wal: Path) -> set[int]:
    """Page numbers in a write-ahead log: after a header of 32 bytes, each page has one of 24 that begins with its number."""
    frame = struct.Struct(f">I{20 + _PAGE_BYTES}x")
    frames = memoryview(wal.read_bytes())[32:]
    return {page for (page,) in frame.iter_unpack(frames[: len(frames) // frame.size * frame.size])}
