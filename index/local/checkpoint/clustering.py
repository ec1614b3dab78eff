"""Building the lists of a large store, in a process of its own, while the store is read and written.

Vectors are read from SQLite some thousand at a time, each time in a transaction of its own: a passage never changes, and what came
or went meanwhile is seen when the lists are taken over. A delete removes the directory that is built in, with the vectors in it:
the work is then lost, and begun again with the next checkpoint.
"""

import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from index.local.database.connection import Database
from index.local.database.errors import translated_files
from index.local.system import files
from index.local.views.vectors import CODES, write_clustered, write_purged
from index.process import Stoppable, Worker, outcome, work_behind
from index.types import Ids

PREFIX = "clustering-"
LISTS = "lists.faiss"
_WORKER = "index.local.checkpoint.clustering"
_READ_TOGETHER = 5000
_log = logging.getLogger(__name__)


class ClusterBuilder(Stoppable):
    """Builds one set of lists at a time."""

    @contextmanager
    def clustered(self, views: Path, database: Path, dim: int) -> Iterator[Path | None]:
        """Lists of all passages in new files, built now; None, and a warning, when that failed. Removed when the block ends."""
        if self.stopped.is_set():
            yield None
            return
        directory = views / f"{PREFIX}{secrets.token_hex(4)}"
        with translated_files(directory):
            files.clear_for_directory(views)
            files.make_directory(directory)
        try:
            problem = self.run(_WORKER, "cluster", str(database), str(directory), str(dim))
            if problem and not self.stopped.is_set():
                _log.warning("%s: vectors were not sorted into lists, all are read instead: %s", views.parent, problem)
            yield directory / LISTS if not problem and (directory / LISTS).exists() else None
        finally:
            with suppress(OSError):
                files.remove(directory)


def purge(source: Path, target: Path, gone: Ids) -> None:
    """Write lists without some ids, and sync them. Raises OSError."""
    listed = target.with_suffix(".gone")
    files.write(listed, gone.astype("<i8").tobytes())
    try:
        if problem := outcome(Worker(_WORKER, "purge", str(source), str(target), str(listed))):
            raise OSError(f"{target} could not be written: {problem}")
    finally:
        with suppress(OSError):
            files.remove(listed)


def _cluster(database: Path, directory: Path, dim: int) -> None:
    ids: list[Ids] = []
    vectors = directory / "vectors.f16"
    with vectors.open("xb") as file:
        for part, packed in _vectors(database):
            ids.append(part)
            file.write(packed)
    numbers = np.concatenate(ids)
    mapped = np.memmap(vectors, dtype="<f2", mode="r", shape=(len(numbers), dim))
    write_clustered(directory / LISTS, numbers, mapped)
    _sync(directory / LISTS)
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


def _sync(lists: Path) -> None:
    files.sync(lists)
    if lists.with_name(CODES).exists():
        files.sync(lists.with_name(CODES))


def _work() -> None:
    """``cluster DATABASE DIRECTORY DIM`` or ``purge SOURCE TARGET GONE``."""
    work, *arguments = sys.argv[2:]
    if work == "cluster":
        _cluster(Path(arguments[0]), Path(arguments[1]), int(arguments[2]))
    else:
        source, target, gone = map(Path, arguments)
        write_purged(source, target, np.fromfile(gone, dtype="<i8"))
        _sync(target)


if __name__ == "__main__":
    work_behind(_work)
