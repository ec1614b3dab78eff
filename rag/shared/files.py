"""Files that are written whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from index.local.system.files import sync_directory

_PRIVATE = 0o600


def replace_file(path: Path, text: str, *, private: bool = False) -> None:
    """Put a file with this text, synced, in the place of another; what was there stays where that fails.  Raises OSError.

    private: whether its owner alone may read it.
    """
    beside = file_beside(path)
    beside.unlink(missing_ok=True)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(beside, flags, _PRIVATE if private else 0o666), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        with suppress(OSError):  # not every file system does that, nor may everybody
            sync_directory(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def file_beside(path: Path) -> Path:
    """The name under which this process writes a file before it puts it in its place."""
    return path.with_name(f".{path.name}.{os.getpid()}")
