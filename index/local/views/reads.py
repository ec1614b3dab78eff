"""Many short runs of bytes of large files, read at once."""

import os
import sys
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from index.local.system import files


class OpenFile:
    """A file that stays open as long as something reads from it, also when it was removed.

    Not mapped: a passage is 4 kB somewhere in a large file, for which a process gets at least 64 kB of it into its memory, page by
    page, and has to let go of them again. (110 passages of 100,000: 0.4 to 0.6 ms, mapped 0.4 to 1.2, and at last all of the file.)
    """

    def __init__(self, path: Path) -> None:
        with files.reading(path) as file:
            self._fd = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._fd)

    def size(self) -> int:
        """In bytes."""
        return os.fstat(self._fd).st_size

    def read(self, into: memoryview, offset: int) -> None:
        """Fill a buffer from an offset on, with zeros where the file ends or the disk gives an error."""
        begin = 0
        while begin < len(into):
            try:
                n = os.preadv(self._fd, [into[begin:]], offset + begin)
            except OSError:
                n = 0
            if not n:
                into[begin:] = bytes(len(into) - begin)
                return
            begin += n

    if sys.platform == "linux":

        def cached(self, into: memoryview, offset: int) -> int:
            """How many bytes could be read without waiting for the disk."""
            try:
                return os.preadv(self._fd, [into], offset, os.RWF_NOWAIT)
            except OSError:  # BlockingIOError; or the file system cannot tell
                return 0

        def ask_for(self, offset: int, size: int) -> None:
            """Let the system bring this into its cache; waits for nothing."""
            with suppress(OSError):
                os.posix_fadvise(self._fd, offset, size, os.POSIX_FADV_WILLNEED)

    else:

        def cached(self, into: memoryview, offset: int) -> int:
            return 0

        def ask_for(self, offset: int, size: int) -> None:
            pass


def read_runs(into: memoryview, runs: Iterable[tuple[OpenFile, int, int]]) -> None:
    """Fill a buffer with runs of bytes of files (file, offset, size), one after another."""
    waiting: list[tuple[OpenFile, memoryview, int]] = []
    begin = 0
    for file, offset, size in runs:
        run = into[begin : begin + size]
        n = file.cached(run, offset)
        if n < size:
            waiting.append((file, run[n:], offset + n))
        begin += size
    # All are asked for before the first is waited for: a disk finds 110 at once in the time of 20 one by one.
    for file, run, offset in waiting:
        file.ask_for(offset, len(run))
    for file, run, offset in waiting:
        file.read(run, offset)
