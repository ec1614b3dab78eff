"""The store's own file operations, all of them in one place: what is written here is on disk when a function returns.

SQLite and tantivy write their files themselves. Everything else goes through ``system``, in whose place tests put one that fails,
loses what was not synced, or ends the process at a given call.
"""

import errno
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_BLOCK_BYTES = 1 << 20


class System:
    """The operating system's calls, as the store uses them."""

    def open(self, path: Path, flags: int) -> int:
        """A file descriptor, closed on exec; a file that is created can be read by its owner alone."""
        return os.open(path, flags | os.O_CLOEXEC, 0o600)

    def read(self, path: Path) -> bytes:
        """All of a file."""
        with reading(path) as file:
            return file.read()

    def write(self, fd: int, data: memoryview) -> int:
        """Write some of the data at the descriptor's place, return how many bytes."""
        return os.write(fd, data)

    def write_at(self, fd: int, data: bytes) -> None:
        """Make this the content of a small file that is written over in place, without a sync."""
        os.pwrite(fd, data, 0)
        os.ftruncate(fd, len(data))

    def sync(self, fd: int) -> None:
        """Make a file's content, or the names in a directory, durable."""
        os.fsync(fd)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file or directory another name; what has that name is replaced."""
        os.replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name."""
        os.link(source, target)

    def unlink(self, path: Path) -> None:
        """Remove a file's name."""
        os.unlink(path)

    def mkdir(self, path: Path) -> None:
        """Make a directory, for its owner alone."""
        os.mkdir(path, 0o700)

    def rmdir(self, path: Path) -> None:
        """Remove an empty directory."""
        os.rmdir(path)


system = System()


class SourceUnreadable(OSError):
    """What was to be copied cannot be read."""


def reading(path: Path) -> io.BufferedReader:
    """A file to read from. Raises OSError for anything else: a named pipe would keep who opens it waiting for ever."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "is not a file", str(path))
    return os.fdopen(fd, "rb")


def writable(directory: Path) -> bool:
    """Whether this process may make files in a directory."""
    return os.access(directory, os.W_OK | os.X_OK)


def let_read(paths: Iterable[Path], like: Path) -> None:
    """Let those read files and directories who may read another file or directory."""
    mode = os.stat(like).st_mode & 0o666
    for entry in paths:
        wanted = mode | (mode & 0o444) >> 2 if entry.is_dir() else mode
        if stat.S_IMODE(entry.stat().st_mode) != wanted:
            with suppress(PermissionError):  # somebody else's, who shares the store
                os.chmod(entry, wanted)


def not_a_file(path: Path) -> bool:
    """Whether there is something else than a file, or than a link to one."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return path.is_symlink()


def write(path: Path, data: bytes | memoryview) -> None:
    """Write a file and sync its content; its name is durable after ``sync_directory`` of the directory."""
    write_blocks(path, iter([data]))


def copy(source: Path, target: Path) -> None:
    """Copy a file's content and sync it. Raises SourceUnreadable, or OSError when the copy cannot be written."""
    write_blocks(target, _blocks(source))


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file that never changes a second name, or copy it where there are no hard links."""
    try:
        system.link(source, target)
    except OSError:
        copy(source, target)


def replace(source: Path, target: Path) -> None:
    """Put a synced file or directory in the place of another at once, and make that durable.

    A directory that lies where a file belongs is removed before.
    """
    if target.is_dir() and not target.is_symlink() and not source.is_dir():
        remove(target)
    system.rename(source, target)
    sync_directory(target.parent)


def sync(path: Path) -> None:
    """Make a file's content durable."""
    _sync(path, os.O_RDONLY)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def sync_directories(path: Path) -> None:
    """Make the names in a directory, and in each below it, durable."""
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            sync_directories(entry)
    sync_directory(path)


def make_directory(path: Path) -> None:
    """Make a directory, and those above it that are missing."""
    if not path.is_dir():
        if not path.parent.exists():
            make_directory(path.parent)
        try:
            system.mkdir(path)
        except FileExistsError:
            if not path.is_dir():  # else another process was quicker
                raise


def clear_for_directory(path: Path) -> None:
    """Remove what lies where a directory belongs and is neither one nor leads to one; nobody else is kept from making it."""
    if os.path.lexists(path) and not path.is_dir():
        with suppress(FileNotFoundError, IsADirectoryError):  # another process was quicker
            system.unlink(path)


def remove(path: Path) -> None:
    """Remove a file, a link or a directory with all in it; nothing happens when it is not there."""
    if path.is_dir() and not path.is_symlink():
        for entry in sorted(path.iterdir()):
            remove(entry)
        system.rmdir(path)
    elif os.path.lexists(path):
        system.unlink(path)


@contextmanager
def removed_on_failure(path: Path) -> Iterator[None]:
    """What is built in a directory within the block is removed when the block fails: whole, or nothing."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            remove(path)
        raise


def write_blocks(path: Path, blocks: Iterator[bytes | memoryview]) -> None:
    """Write a file block by block and sync its content, as ``write``."""
    fd = system.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        for block in blocks:
            rest = memoryview(block)
            while rest:
                rest = rest[system.write(fd, rest) :]
        system.sync(fd)
    finally:
        os.close(fd)


def _blocks(source: Path) -> Iterator[bytes]:
    try:
        with reading(source) as file:
            while block := file.read(_BLOCK_BYTES):
                yield block
    except OSError as error:
        raise SourceUnreadable(*error.args) from error


def _sync(path: Path, flags: int) -> None:
    fd = system.open(path, flags)
    try:
        system.sync(fd)
    finally:
        os.close(fd)
