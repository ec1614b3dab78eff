"""The files of a snapshot with the SHA-256 of each, in ``snapshot.json``: what tells a whole snapshot from any other directory."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from index.errors import StoreDamaged
from index.local.system import files, sealed
from index.local.system.clock import now
from index.local.system.names import DATABASE

CATALOGUE = "snapshot.json"
_FORMAT = 1


def write_catalogue(copy: Path, generation: int) -> int:
    """List the files of a snapshot with their hashes; their size in bytes. generation: the last change that it holds."""
    listed, size = {}, 0
    for path in files_of(copy):
        with files.reading(path) as file:
            listed[path.relative_to(copy).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
            size += file.tell()
    content = {"format": _FORMAT, "taken_at": now(), "generation": generation, "files": listed}
    files.write(copy / CATALOGUE, sealed.seal(content))
    files.sync_directory(copy)
    return size


def read_catalogue(source: Path) -> tuple[int, Mapping[str, str]]:
    """The generation and the hashes by file.  Raises StoreDamaged when they are missing or not what was written."""
    try:
        content = sealed.unseal(files.system.read(source / CATALOGUE), _FORMAT)
        if DATABASE not in content["files"]:
            raise ValueError("it does not list a database")
        return content["generation"], content["files"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreDamaged(f"{source / CATALOGUE} cannot be used ({error}): take another snapshot") from error


def require_whole(source: Path) -> None:
    """Raises StoreDamaged when the files of a snapshot are not as they were made."""
    for name, expected in read_catalogue(source)[1].items():
        path = source / name
        if not path.is_file():
            raise StoreDamaged(f"{path} is missing: the snapshot cannot be used; take another one")
        with files.reading(path) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise StoreDamaged(
                    f"{path} is not as it was when the snapshot was taken: it cannot be used; take another one"
                )


def files_of(copy: Path) -> list[Path]:
    """All files below a directory, in order."""
    return sorted(path for path in copy.rglob("*") if path.is_file())
