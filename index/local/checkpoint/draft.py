"""A checkpoint on its way to disk: files of the last one where they still hold, and the rest from the rows."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from index.local.checkpoint import clustering
from index.local.checkpoint.clustering import LISTS
from index.local.checkpoint.manifest import (
    ARRAYS,
    BURIED,
    LEXICAL,
    VECTORS,
    VIEWS,
    CheckpointDamaged,
    FileState,
    Manifest,
    file_state,
    part_of,
    read_manifest,
)
from index.local.database.connection import Connection
from index.local.database.documents import history
from index.local.database.rows import rows_of
from index.local.system import files as disk
from index.local.views.arrays import SEGMENT_PASSAGES, PassageRows, write_segment
from index.local.views.base import Base, empty_base
from index.local.views.ids import NO_IDS, without
from index.local.views.lexical import LexicalIndex, LexicalRow, segment_files
from index.local.views.vectors import CODES, ClusteredIndex, VectorIndex
from index.types import Ids

# Where more than this share of the files of a large store is buried, they are written anew.
_MOST_BURIED = 0.1
_READ_TOGETHER = 1000


class CheckpointDraft:
    """One checkpoint on its way to disk, in an own directory."""

    def __init__(
        self, store: Path, directory: Path, base: Base, connection: Connection, large: int, purge: bool
    ) -> None:
        self.old: Manifest | None = None
        if base.name:
            try:
                self.old = read_manifest(store)
            except CheckpointDamaged:  # nothing on disk can be vouched for: all is written from the database
                base = empty_base(base.vectors.dim)
        self.store, self.directory, self.base, self.connection = store, directory, base, connection
        self.alive = passage_ids(connection)
        held = np.sort(np.concatenate([base.vectors.ids, base.buried]))
        self.dead: Ids = without(held, self.alive)
        self.fresh: Ids = without(self.alive, base.vectors.ids)
        incomplete = without(self.fresh, _complete(connection, self.fresh))
        if len(incomplete):  # of a damaged database; ``verify`` tells of them
            self.alive, self.fresh = without(self.alive, incomplete), without(self.fresh, incomplete)
        self.bury = not purge and len(self.alive) >= large and len(self.dead) <= _MOST_BURIED * len(self.alive)
        self.buried = NO_IDS
        # What was linked keeps the state it had when it was written: reading it once more might vouch for a flipped bit.
        self.files: dict[str, FileState] = {}

    def manifest(self, sequence: int, lists: Path | None) -> Manifest:
        """Write and sync everything."""
        disk.make_directory(self.directory / LEXICAL)
        self._write_vectors(lists)
        lexical = self._write_lexical()
        self._write_arrays()
        buried = np.unique(self.buried)
        disk.write(self.directory / BURIED, buried.astype("<i8").tobytes())
        for path in (self.directory / BURIED, self.directory / VECTORS):
            self.files[path.name] = file_state(path)
        for synced in (self.directory / LEXICAL, self.directory, self.store / VIEWS):
            disk.sync_directory(synced)
        return Manifest(
            f"{VIEWS}/{self.directory.name}",
            sequence,
            history(self.connection, sequence),
            len(self.alive),
            lexical.n_passages,
            lexical.n_terms,
            self.files,
        )

    def _write_vectors(self, made: Path | None) -> None:
        target = self.directory / LISTS
        lists = self.base.vectors.lists
        if made is not None and made.exists():
            disk.system.rename(made, target)
            if made.with_name(CODES).exists():
                disk.system.rename(made.with_name(CODES), self.directory / CODES)
            lists = self._lists_written()
        elif lists is not None:
            dead = lists.ids[np.isin(lists.ids, self.dead)]
            if len(dead) and not self.bury:
                clustering.purge(lists.path, target, dead)
                lists = self._lists_written()
            else:
                for name in lists.files:
                    self._link(name)
        in_lists = lists.ids if lists is not None else NO_IDS
        self.buried = np.concatenate([self.buried, without(in_lists, self.alive)])
        ids: Ids = without(self.alive, in_lists)
        recent = self.base.vectors.recent
        known = np.isin(recent.ids, ids)
        unknown: Ids = without(ids, recent.ids)
        packed = bytearray(recent.codes()[known].tobytes())
        for (vector,) in _rows(self.connection, unknown, "vector"):
            packed += vector
        index = VectorIndex.build(np.concatenate([recent.ids[known], unknown]), packed, self.base.vectors.dim)
        del packed
        disk.write(self.directory / VECTORS, index.dump())

    def _lists_written(self) -> ClusteredIndex:
        lists = ClusteredIndex(self.directory / LISTS)
        self.files.update((name, file_state(self.directory / name)) for name in lists.files)
        return lists

    def _write_lexical(self) -> LexicalIndex:
        directory = self.directory / LEXICAL
        old = self.old
        linked: dict[str, FileState] = {}
        # What has been damaged since it was loaded must not be carried on.
        if (
            old
            and (self.bury or not len(self.dead))
            and not old.problems(self.store, [name for name in old.files if part_of(name) == "lexical"])
        ):
            linked = self._link_postings(old)
            totals = self.base.lexical.n_passages, self.base.lexical.n_terms
            lexical = LexicalIndex.append(directory, *totals, _lexical_rows(self.connection, self.fresh))
            self.buried = np.concatenate([self.buried, self.dead])
        else:
            lexical = LexicalIndex.create(directory, _lexical_rows(self.connection, self.alive))
        for path in _synced_files(directory):
            name = f"{LEXICAL}/{path.name}"
            self.files[name] = linked.get(name) or file_state(path)
        return lexical

    def _write_arrays(self) -> None:
        """Keep the segments that need no change, and write the rest, merged with what is smaller, from SQLite."""
        pending: list[Ids] = []
        for segment in self.base.arrays.segments:
            kept = segment.ids[np.isin(segment.ids, self.alive)]
            rest = int(np.count_nonzero(self.alive > segment.ids[-1]))
            small = len(kept) < SEGMENT_PASSAGES // 2 and len(kept) <= 2 * rest
            changed = len(kept) < len(segment.ids) and not self.bury
            if pending or small or changed or not segment.path.is_dir():
                pending.append(kept)
            else:
                disk.make_directory(self.directory / ARRAYS / segment.path.name)
                for path in sorted(segment.path.iterdir()):
                    self._link(f"{ARRAYS}/{segment.path.name}/{path.name}")
        pending.append(self.alive[self.alive > self.base.arrays.last])
        columns = "passage, terms, term_counts, vector, sentence_vectors"
        ids = np.concatenate(pending)
        for start in range(0, len(ids), SEGMENT_PASSAGES):
            chosen = ids[start : start + SEGMENT_PASSAGES]
            blocks = (
                PassageRows.of(list(_rows(self.connection, part, columns)), self.base.vectors.dim)
                for part in np.array_split(chosen, -(-len(chosen) // _READ_TOGETHER))
            )
            directory = self.directory / ARRAYS / f"{int(chosen[0]):012d}"
            write_segment(directory, blocks, self.base.vectors.dim)
            for path in sorted(directory.iterdir()):
                self.files[f"{ARRAYS}/{directory.name}/{path.name}"] = file_state(path)
        if (self.directory / ARRAYS).exists():
            disk.sync_directory(self.directory / ARRAYS)

    def _link(self, name: str) -> None:
        """Give the new checkpoint a file of the old one."""
        assert self.old is not None  # it is what the base is of
        disk.link_or_copy(self.store / self.old.checkpoint / name, self.directory / name)
        self.files[name] = self.old.files[name]

    def _link_postings(self, old: Manifest) -> dict[str, FileState]:
        """Give the new checkpoint the postings of the old one; the state of the files that never change."""
        source = self.store / old.checkpoint / LEXICAL
        linked = {}
        for path in segment_files(source):
            name = f"{LEXICAL}/{path.name}"
            disk.link_or_copy(path, self.directory / name)
            linked[name] = old.files[name]
        # These two tantivy replaces; segment files it only adds and unlinks, so that the old checkpoint stays as it is.
        for name in ("meta.json", ".managed.json"):
            disk.copy(source / name, self.directory / LEXICAL / name)
        return linked


def passage_ids(connection: Connection) -> Ids:
    """All passages, int64 ascending."""
    query = "SELECT first_passage, n_passages FROM documents WHERE first_passage IS NOT NULL ORDER BY first_passage"
    ranges = [np.arange(first, first + n) for first, n in connection.execute(query)]
    return np.concatenate(ranges) if ranges else NO_IDS


def _complete(connection: Connection, ids: Ids) -> Ids:
    """Those of the passages of which all rows are there."""
    query = (
        "SELECT p.id FROM carray(?) c CROSS JOIN passages p ON p.id = c.value JOIN embeddings e ON e.passage = p.id"
        " JOIN documents d ON d.number = p.document"
    )
    return np.array([passage for (passage,) in rows_of(connection, query, ids)], dtype=np.int64)


def _rows(connection: Connection, ids: Ids, columns: str) -> Iterator[tuple[Any, ...]]:
    """Columns of the embeddings of these passages, in their order."""
    return rows_of(connection, f"SELECT {columns} FROM carray(?) c CROSS JOIN embeddings e ON e.passage = c.value", ids)


def _lexical_rows(connection: Connection, ids: Ids) -> Iterator[LexicalRow]:
    query = (
        "SELECT p.id, p.document, d.collection, e.terms FROM carray(?) c CROSS JOIN passages p ON p.id = c.value"
        " JOIN documents d ON d.number = p.document JOIN embeddings e ON e.passage = p.id"
    )
    return itertools.starmap(LexicalRow, rows_of(connection, query, ids))


def _synced_files(directory: Path) -> list[Path]:
    """The files of a lexical index, on disk; its lock files, which have no content, are removed."""
    files = []
    for path in sorted(directory.iterdir()):
        if path.suffix == ".lock":
            disk.system.unlink(path)
            continue
        disk.sync(path)
        files.append(path)
    return files
