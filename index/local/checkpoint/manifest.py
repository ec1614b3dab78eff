"""The manifest: which checkpoint of the views is in force, and what each of its files must be.

FAISS reads a flipped bit without a word, so a file is believed only when its size and SHA-256 are those noted here, in a file that
is replaced as a whole and carries a checksum of itself.
"""

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from index.local.system import files as disk
from index.local.system import sealed
from index.local.system.names import DATABASE

MANIFEST = "manifest.json"
VIEWS = "views"
# The views, as they are named where one is damaged, and the names of their files in a checkpoint's directory.
PARTS = ("vectors", "lexical")
VECTORS = "vectors.faiss"
LEXICAL = "lexical"
ARRAYS = "arrays"
BURIED = "buried.i64"
_FORMAT = 4
# Files that are hashed side by side when a checkpoint is loaded.
_HASHED_TOGETHER = 4


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file of a checkpoint must be. bytes: its size."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The current checkpoint. checkpoint: its directory, relative to the store; files: by path in it.

    n_passages: that existed.  n_entries, n_terms: of the postings, with what is buried in them.

    history: of the database at this sequence, by which the views of another store, or of other days of this one, are told.
    """

    checkpoint: str
    sequence: int
    history: str
    n_passages: int
    n_entries: int
    n_terms: int
    files: Mapping[str, FileState]

    def problems(self, store: Path, names: Iterable[str], *, anew: bool = False) -> dict[str, str]:
        """Those of the named files that are not what they must be, with the reason.

        anew: read also what this process has read before and has not changed by size and time since.
        """
        problems = {}
        state = file_state if anew else _state_once

        def check(name: str) -> tuple[str, str | None]:
            expected = self.files[name]
            try:
                actual = state(store / self.checkpoint / name)
            except OSError as error:
                return name, f"cannot be read: {error.strerror}"
            if actual == expected:
                return name, None
            return (
                name,
                f"has {actual.bytes} bytes and SHA-256 {actual.sha256}, not {expected.bytes} and {expected.sha256}",
            )

        with ThreadPoolExecutor(_HASHED_TOGETHER) as pool:
            for name, problem in pool.map(check, names):
                if problem:
                    problems[name] = problem
        return problems


class CheckpointDamaged(Exception):
    """A part of the checkpoint is missing or changed. parts: "vectors", "lexical" or both."""

    def __init__(self, parts: tuple[str, ...], detail: str) -> None:
        super().__init__(detail)
        self.parts = parts


def read_manifest(store: Path) -> Manifest:
    """The current manifest. Raises CheckpointDamaged when it is missing or not what was written."""
    try:
        content = sealed.unseal(disk.system.read(store / MANIFEST), _FORMAT)
        del content["format"]
        files = {path: FileState(**state) for path, state in content["files"].items()}
        return Manifest(**{**content, "files": files})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointDamaged(PARTS, f"{MANIFEST} cannot be used: {error}") from error


def write_manifest(store: Path, manifest: Manifest) -> None:
    """Bring a checkpoint that is on disk as a whole into force."""
    draft = store / (MANIFEST + ".new")
    disk.write(draft, sealed.seal({"format": _FORMAT, **asdict(manifest)}))
    disk.let_read([draft], store / DATABASE)
    disk.replace(draft, store / MANIFEST)


def part_of(name: str) -> str:
    """Which view a file belongs to."""
    return "lexical" if name.startswith(LEXICAL + "/") else "vectors"


def file_state(path: Path) -> FileState:
    """What a file is now."""
    with disk.reading(path) as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileState(digest.hexdigest(), file.tell())


def _state_once(path: Path) -> FileState:
    """As ``file_state``, without reading a file again that has not changed since this process read it last."""
    status = path.stat()
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if key not in _states:
        _states[key] = file_state(path)
    return _states[key]


# By device, inode, size and time of the last change; a few for each checkpoint, so small that none is ever dropped.
_states: dict[tuple[int, int, int, int], FileState] = {}
