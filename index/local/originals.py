"""Files as they were given, beside the database: kept as long as a document is made of them, and not a moment longer.

Each lies in the directory ``originals`` under the digest that its document is known by (``content_sha256``), and behind a dot under
its own SHA-256 where that is another. What no document is made of is removed by the next writer. Functions that write are called by
the holder of the writer lock.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from index.local.database.connection import Connection
from index.local.database.errors import translated_files
from index.local.system import files
from index.local.system.names import ORIGINALS

_NAME = re.compile(r"[0-9a-f]{64}(?:\.[0-9a-f]{64})?")
_INCOMING = "incoming.new"


def keep(store: Path, digest: str, content: bytes) -> None:
    """Keep a file under the digest of its document, durably.  Raises StoreFull or StoreUnwritable."""
    folder = store / ORIGINALS
    sha256 = hashlib.sha256(content).hexdigest()
    target = folder / (digest if digest == sha256 else f"{digest}.{sha256}")
    with translated_files(store):
        if target.exists():
            return
        if not folder.is_dir():
            files.make_directory(folder)
            files.sync_directory(store)
        files.write(folder / _INCOMING, content)
        files.replace(folder / _INCOMING, target)


def read(store: Path, digest: str) -> bytes | None:
    """The file that is kept under a digest; None where none is, or another than was kept."""
    path = _find(store, digest)
    if path is None:
        return None
    try:
        content = files.system.read(path)
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == path.name[-64:] else None


def remove_unused(store: Path, connection: Connection) -> None:
    """Remove what no document is made of.  connection: sees the documents that there are.  Raises OSError."""
    for path in unused(store, connection):
        files.remove(path)
        files.sync_directory(path.parent)


def unused(store: Path, connection: Connection) -> list[Path]:
    """Files that no document is made of, and what an interruption left."""
    folder = store / ORIGINALS
    if not folder.is_dir():
        return []
    kept = sorted(folder.iterdir())
    if not kept:
        return []
    used = {digest for (digest,) in connection.execute("SELECT content_sha256 FROM documents")}
    return [path for path in kept if not _NAME.fullmatch(path.name) or path.name[:64] not in used]


def copy(store: Path, target: Path, connection: Connection) -> None:
    """Copy the files of the documents that the connection sees into another store's directory.  Raises OSError."""
    files.make_directory(target / ORIGINALS)
    left_out = set(unused(store, connection))
    for path in sorted((store / ORIGINALS).glob("*")):
        if path not in left_out:
            files.link_or_copy(path, target / ORIGINALS / path.name)
    files.sync_directory(target / ORIGINALS)


def damaged(store: Path) -> Iterator[Path]:
    """Files that are not what was kept."""
    for path in sorted((store / ORIGINALS).glob("*")):
        if _NAME.fullmatch(path.name):
            try:
                with files.reading(path) as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:  # its document was deleted meanwhile
                continue
            except OSError:
                sha256 = ""
            if sha256 != path.name[-64:]:
                yield path


def _find(store: Path, digest: str) -> Path | None:
    folder = store / ORIGINALS
    if not _NAME.fullmatch(digest):
        return None
    if (folder / digest).is_file():
        return folder / digest
    with suppress(OSError):
        return next(folder.glob(f"{digest}.*"), None)
    return None
