"""One writer at a time, among threads and processes; and the number of the last change that was acknowledged."""

import errno
import fcntl
import json
import os
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from index.errors import StoreLocked, StoreMissing, StoreUnwritable
from index.local.system import files
from index.local.system.clock import now

_POLL_S = 0.01


class WriterLock:
    """``flock`` on one file, which dies with its holder, around a lock between threads.

    Who waits holds a second lock, on the file's directory and between threads, without which nobody can begin to wait: a writer
    that comes back at once comes after the one that has waited, and not again and again before it.

    The file also names the holder, for whoever waits in vain, and carries the number of the last acknowledged change.
    That number is written without a sync after each commit: it survives a killed process, and after a power loss it is at most too
    small, so that a database which holds less has lost its write-ahead log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._next_thread = threading.Lock()
        self._fd: int | None = None

    @contextmanager
    def held(self, timeout_s: float) -> Iterator[None]:
        """Hold the lock. Raises StoreLocked, naming the holder, when it was not free within timeout_s seconds."""
        deadline = time.monotonic() + timeout_s
        if not self._acquire_thread(deadline):
            raise StoreLocked(
                f"another thread of this process kept the store for over {timeout_s:g} s: try again later"
            )
        try:
            self._fd = self._acquire_file(deadline, timeout_s)
            try:
                self._write(self.acknowledged())
                yield
            finally:
                os.close(self._fd)  # also releases the flock
                self._fd = None
        finally:
            self._threads.release()

    def acknowledge(self, sequence: int) -> None:
        """Note the last committed change. The lock is held."""
        self._write(sequence)

    def reset(self) -> None:
        """Forget the number, for a database that holds other changes, and make that durable. The lock is held."""
        if self._fd is None:
            raise ValueError("the lock is not held")
        files.system.write_at(self._fd, _note(0))
        files.system.sync(self._fd)

    def acknowledged(self) -> int:
        """Number of the last change noted here; 0 when nothing readable is."""
        content = self._read()
        noted = content.get("acknowledged")
        return noted if isinstance(noted, int) and content.get("check") == _check(noted) else 0

    def _acquire_thread(self, deadline: float) -> bool:
        if not self._next_thread.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return False
        try:
            return self._threads.acquire(timeout=max(0.0, deadline - time.monotonic()))
        finally:
            self._next_thread.release()

    def _acquire_file(self, deadline: float, timeout_s: float) -> int:
        """Descriptor of the file, locked, to be closed by the caller."""
        queue = self._opened(self._path.parent, os.O_RDONLY)
        try:
            self._wait(queue, deadline, timeout_s)
            while True:
                fd = self._opened(self._path, os.O_RDWR | os.O_CREAT)
                try:
                    self._wait(fd, deadline, timeout_s)
                    if _is_file(fd, self._path):
                        return fd
                except BaseException:
                    os.close(fd)
                    raise
                os.close(fd)  # somebody removed the file meanwhile: its lock keeps nobody out
        finally:
            os.close(queue)

    @property
    def wrong_kind(self) -> bool:
        """Whether something lies in the file's place that can never be locked."""
        return files.not_a_file(self._path)

    def _opened(self, path: Path, flags: int) -> int:
        if self.wrong_kind:
            raise StoreUnwritable(f"{self._path} is not a file, so nothing can be written: remove it and try again")
        try:
            return files.system.open(path, flags)
        except FileNotFoundError as error:  # the directory: the file would be made
            raise StoreMissing(
                f"{self._path.parent} was moved or removed while it was open: start again with the place it has now"
            ) from error
        except OSError as error:
            raise StoreUnwritable(
                f"{self._path} cannot be opened for writing: {error.strerror}: check its permissions"
            ) from error

    def _wait(self, fd: int, deadline: float, timeout_s: float) -> None:
        while not try_lock(fd):
            if time.monotonic() >= deadline:
                raise StoreLocked(f"{self._holder()} has been writing for over {timeout_s:g} s: try again later")
            time.sleep(_POLL_S)

    def _holder(self) -> str:
        holder = self._read()
        return f"process {holder.get('pid', '?')} on {holder.get('host', '?')} ({holder.get('command', '?')})"

    def _read(self) -> dict[str, object]:
        try:
            content = json.loads(files.system.read(self._path))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, acknowledged: int) -> None:
        if self._fd is None:
            raise ValueError("the lock is not held")
        # Only a note: a full disk must not turn a committed change into a failure.
        with suppress(OSError):
            files.system.write_at(self._fd, _note(acknowledged))


def _note(acknowledged: int) -> bytes:
    content = {
        "pid": os.getpid(),
        "host": os.uname().nodename,
        "command": _command(),
        "since": now(),
        "acknowledged": acknowledged,
        "check": _check(acknowledged),
    }
    return json.dumps(content).encode()


def _check(sequence: int) -> int:
    return zlib.crc32(str(sequence).encode())


def _command() -> str:
    """The program and its subcommand: the whole command line may hold words that a delete promises to remove."""
    return " ".join([Path(sys.argv[0]).name or "python", *(word for word in sys.argv[1:2] if word.isidentifier())])


def try_lock(fd: int) -> bool:
    """Lock a file or directory until its descriptor is closed; False when another process has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _is_file(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
