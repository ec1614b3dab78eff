"""Files that were sent and belong to no collection yet: they wait on disk, for an hour, to be put into a vector store."""

import errno
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from uuid import uuid4

from index.errors import StoreFull
from index.temporary import PassingFolder, remove_left

KEPT_S = 3600
_MAX_FILES = 1000
_KIND = "files"


@dataclass(slots=True)
class StagedFile:
    """A file as it was sent.  documents: of each collection that it was put into, the document that it became.

    owner: the key that sent it; no other finds it.
    """

    id: str
    name: str
    purpose: str
    n_bytes: int
    created_at: float
    owner: str
    path: Path
    documents: dict[str, str] = field(default_factory=dict)


class Staging:
    """Thread-safe.  max_bytes: of all files together."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._files: dict[str, StagedFile] = {}
        self._folder: PassingFolder | None = None
        remove_left(_KIND)

    def add(self, name: str, content: bytes, purpose: str, owner: str) -> StagedFile:
        """The file, kept from now on.  Raises StoreFull when too much is waiting, or there is no room."""
        with self._lock:
            self._forget_old()
            waiting = sum(file.n_bytes for file in self._files.values())
            if len(self._files) >= _MAX_FILES or waiting + len(content) > self._max_bytes:
                raise StoreFull("too many files wait to be put into a vector store")
            file_id = f"file-{uuid4().hex}"
            path = self._written(file_id, content)
            file = StagedFile(file_id, name, purpose, len(content), time.time(), owner, path)
            self._files[file_id] = file
            return file

    def _written(self, file_id: str, content: bytes) -> Path:
        """The path of a new file with this content.  Raises StoreFull, and leaves nothing then."""
        path = None
        try:
            if self._folder is None:
                self._folder = PassingFolder(_KIND)
            path = self._folder.path / file_id
            path.write_bytes(content)
        except OSError as error:
            if path is not None:
                path.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise StoreFull(f"no space is left for files that wait ({error.strerror})") from error
        return path

    def get(self, file_id: str, owner: str) -> StagedFile | None:
        """The file that this owner sent; None for any other."""
        with self._lock:
            self._forget_old()
            file = self._files.get(file_id)
            return file if file is not None and file.owner == owner else None

    def of(self, owner: str) -> list[StagedFile]:
        """The files that this owner sent, in the order they came."""
        with self._lock:
            self._forget_old()
            return [file for file in self._files.values() if file.owner == owner]

    def remove(self, file: StagedFile) -> None:
        """Forget a file."""
        with self._lock:
            if self._files.pop(file.id, None) is not None:
                file.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Forget all files."""
        with self._lock:
            self._files.clear()
            if self._folder is not None:
                self._folder.close()
                self._folder = None

    def _forget_old(self) -> None:
        before = time.time() - KEPT_S
        for file in [file for file in self._files.values() if file.created_at < before]:
            del self._files[file.id]
            file.path.unlink(missing_ok=True)
