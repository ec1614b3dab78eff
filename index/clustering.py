"""Building the lists of a large store, in a process of its own, while the store is read and written.

Vectors are read from SQLite some thousand at a time, each time in a transaction of its own: a passage never changes, and what came
or went meanwhile is seen when the lists are taken over. A delete removes the directory that is built in, with the vectors in it:
the work is then lost, and begun again with the next checkpoint.
"""

import logging
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from index import files
from index.database import Database
from index.types import Ids
from index.vectors import write_clustered, write_purged

PREFIX = "clustering-"
LISTS = "lists.faiss"
_READ_TOGETHER = 5000
_log = logging.getLogger(__name__)


@contextmanager
def clustered(views: Path, database: Path, dim: int) -> Iterator[Path | None]:
    """Lists of all passages in a new file, built now; None, and a warning, when that failed. Removed when the block ends."""
    directory = views / f"{PREFIX}{secrets.token_hex(4)}"
    files.make_directory(directory)
    try:
        problem = _run("cluster", str(database), str(directory), str(dim))
        if problem or not (directory / LISTS).exists():
            _log.warning("%s: the vectors were not sorted into lists, search goes on without: %s", views.parent, problem)
            yield None
        else:
            yield directory / LISTS
    finally:
        with suppress(OSError):
            files.remove(directory)


def purge(source: Path, target: Path, gone: Ids) -> None:
    """Write lists without some ids, and sync them. Raises OSError."""
    listed = target.with_suffix(".gone")
    files.write(listed, gone.astype("<i8").tobytes())
    try:
        if problem := _run("purge", str(source), str(target), str(listed)):
            raise OSError(f"{target} could not be written: {problem}")
    finally:
        with suppress(OSError):
            files.remove(listed)


def _run(*arguments: str) -> str:
    """Run this module in a fresh interpreter; what it said when it failed, else nothing.

    Not forked: after FAISS has run that would hang. It ends when this process does, whose end of the pipe is then closed.
    """
    command = [sys.executable, "-P", "-m", "index.clustering", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        said = process.stderr.read().decode(errors="replace").strip()
    except BaseException:
        process.kill()
        raise
    finally:
        assert process.stdin is not None
        process.stdin.close()
        status = process.wait()
    return "" if status == 0 else (said.rpartition("\n")[2] or f"the process ended with {status}")


def _cluster(database: Path, directory: Path, dim: int) -> None:
    ids: list[Ids] = []
    vectors = directory / "vectors.f16"
    with vectors.open("xb") as file:
        for found, packed in _vectors(database):
            ids.append(found)
            file.write(packed)
    numbers = np.concatenate(ids)
    mapped = np.memmap(vectors, dtype="<f2", mode="r", shape=(len(numbers), dim))
    write_clustered(directory / LISTS, numbers, mapped)
    files.sync(directory / LISTS)
    files.remove(vectors)


def _vectors(path: Path) -> Iterator[tuple[Ids, bytes]]:
    database = Database(path)
    last = 0
    query = "SELECT passage, vector FROM embeddings WHERE passage > ? ORDER BY passage LIMIT ?"
    while True:
        with database.reading() as connection:
            rows: list[tuple[int, bytes]] = list(connection.execute(query, (last, _READ_TOGETHER)))
        if not rows:
            break
        last = rows[-1][0]
        yield np.array([passage for passage, _ in rows], dtype=np.int64), b"".join(vector for _, vector in rows)
    database.close()


def _purge(source: Path, target: Path, listed: Path) -> None:
    write_purged(source, target, np.fromfile(listed, dtype="<i8"))
    files.sync(target)


def _end_with_parent() -> None:
    os.read(0, 1)  # not through sys.stdin, whose lock the interpreter wants when it ends
    os._exit(3)


def main() -> None:
    """``python -m index.clustering cluster DATABASE DIRECTORY DIM`` or ``purge SOURCE TARGET GONE``."""
    os.nice(10)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work, *arguments = sys.argv[1:]
    if work == "cluster":
        _cluster(Path(arguments[0]), Path(arguments[1]), int(arguments[2]))
    else:
        _purge(*map(Path, arguments))


if __name__ == "__main__":
    main()
