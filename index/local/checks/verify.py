"""Comparing everything in a store with everything that must agree with it.

Each kind of finding says what mends it: ``rag repair`` where what is right follows from the rest (``mendable``), else taking the
document in again, or a snapshot.
"""

import functools
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import apsw
import numpy as np
from numpy.typing import NDArray

from index.errors import StoreLocked, StoreUnwritable
from index.local import originals
from index.local.checkpoint.manifest import CheckpointDamaged, read_manifest
from index.local.checks.row_checks import REPAIR, Tally, check_counters, check_documents, check_log, listed
from index.local.database.connection import Connection, Database
from index.local.database.migrations import migrate
from index.local.database.rows import id_array
from index.local.opening.layout import leftovers
from index.local.system.lock import WriterLock
from index.local.system.names import LOCK, ORIGINALS
from index.local.views.ids import NO_IDS
from index.local.views.state import Views
from index.types import Finding, Ids

_RESTORE = "bring the store back with `rag restore SRC`, or delete its directory and `rag add` the documents again"
# What a rebuild mends.
VIEW_KINDS = {"manifest", "view-file", "vectors-view", "lexical-view", "view-vector", "view-term", "view-missing"}


def check_store(
    store: Path,
    connection: Connection,
    views: Views,
    rebuilt: tuple[str, ...],
    progress: Callable[[int, int], None] | None,
) -> list[Finding]:
    """Everything that does not fit together; empty for a healthy store. Of each kind the first hundred are listed.

    connection: of a transaction that sees the state of ``views``.  rebuilt: views that were damaged when the store was opened.
    progress: called with passages checked and passages in all.
    """
    tally = Tally()
    checks = [
        _opening(rebuilt, views.base.missing),
        _database(connection),
        _schema(connection),
        _numbers(connection),
        check_documents(connection, views.base.vectors.dim, tally, progress),
        check_counters(connection.execute, tally),
        check_log(connection, tally),
        _files(store),
        _view_contents(connection, views, tally),
        _left(store),
        _damaged_originals(store),
    ]
    return listed(chain.from_iterable(map(_readable, checks)))


def _readable(check: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from check
    except apsw.Error as error:
        yield Finding("database", "store.db", f"cannot be read: {error}", _RESTORE)


def _opening(rebuilt: tuple[str, ...], missing: tuple[str, ...]) -> Iterator[Finding]:
    for part in missing:
        yield Finding("view-missing", part, "was missing or damaged when the store was opened", REPAIR, True)
    for part in rebuilt:
        if part in missing:
            continue
        detail = "was missing or damaged when the store was opened, and has been rebuilt"
        yield Finding("view-rebuilt", part, detail, "nothing is left to do; check the disk if it happens again")


def _database(connection: Connection) -> Iterator[Finding]:
    connection.release_memory()  # a page in the cache is not read, and so not checked
    for (message,) in connection.execute("PRAGMA integrity_check"):
        if message != "ok":
            yield Finding("database", "store.db", str(message), _RESTORE)
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        detail = f"belongs to a row of {parent} that does not exist"
        yield Finding("orphan", f"{table} {'' if row is None else row}".strip(), detail, REPAIR, True)


def _schema(connection: Connection) -> Iterator[Finding]:
    """Tables and indexes are those that the migrations make: a lost index only slows, an added trigger may do anything."""
    present, expected = schema(connection), expected_schema()
    for name in sorted(present.keys() | expected.keys()):
        if present.get(name) != expected.get(name):
            what = "is altered" if name in present else "is missing"
            what = what if name in expected else "is not part of a store"
            mendable = name not in present and expected[name].startswith("CREATE INDEX")
            yield Finding("schema", name, what, REPAIR if mendable else _RESTORE, mendable)


def schema(connection: Connection) -> dict[str, str]:
    """Tables, indexes and whatever else there is by name, with the statement that makes it ("" for what SQLite makes by itself)."""
    return {name: sql or "" for name, sql in connection.execute("SELECT name, sql FROM sqlite_schema")}


@functools.cache
def expected_schema() -> dict[str, str]:
    """The schema of a store of this format."""
    empty = apsw.Connection(":memory:")
    migrate(empty)
    return schema(empty)


def _numbers(connection: Connection) -> Iterator[Finding]:
    """Numbers are never used twice: a citation or a view of what is gone would mean something else."""
    last_given = dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))
    for table, used in highest_numbers(connection).items():
        if last_given.get(table, 0) < used:
            detail = f"would give a number twice: {used} was used, the last given is {last_given.get(table)}"
            yield Finding("numbers", table, detail, REPAIR, True)


def highest_numbers(connection: Connection) -> dict[str, int]:
    """The highest number of each table that numbers its rows, also of rows that are gone as far as the log knows."""
    return {
        "documents": connection.execute("SELECT coalesce(max(number), 0) FROM documents").get,
        "passages": connection.execute(
            "SELECT max(coalesce((SELECT max(id) FROM passages), 0), coalesce((SELECT max(last_passage) FROM log), 0),"
            " coalesce((SELECT max(removed_last) FROM log), 0))"
        ).get,
        "log": connection.execute("SELECT coalesce(max(sequence), 0) FROM log").get,
    }


def _files(store: Path) -> Iterator[Finding]:
    try:
        manifest = read_manifest(store)
    except CheckpointDamaged as damage:
        yield Finding("manifest", "manifest.json", str(damage), REPAIR, True)
        return
    for name, problem in manifest.problems(store, manifest.files, anew=True).items():
        yield Finding("view-file", f"{manifest.checkpoint}/{name}", problem, REPAIR, True)


def _view_contents(connection: Connection, views: Views, tally: Tally) -> Iterator[Finding]:
    """Both views hold exactly the passages that exist, each once, and the stored vectors."""
    if views.base.missing:
        return
    passages: Ids = np.array(sorted(tally.embedded), dtype=np.int64)
    base = views.base.lexical.ids()
    stored = np.concatenate([ids for ids, _ in _vector_blocks(views)] or [NO_IDS])
    ids_in = {
        "vectors": np.sort(stored[~np.isin(stored, views.hidden)]),
        "lexical": np.sort(np.concatenate([base[~np.isin(base, views.hidden)], views.lexical.ids()])),
    }
    for name, present in ids_in.items():
        if not np.array_equal(present, passages):
            difference = np.setxor1d(present, passages)
            detail = f"has {len(present)} entries for {len(passages)} passages; {len(difference)} are on one side only"
            yield Finding(f"{name}-view", name, detail, REPAIR, True)
    query = "SELECT passage, vector FROM carray(?) c CROSS JOIN embeddings e ON e.passage = c.value"
    for ids, codes in _vector_blocks(views):
        place = {passage: row for row, passage in enumerate(ids.tolist())}
        for passage, vector in connection.execute(query, (id_array(ids),)):
            if codes[place[passage]].tobytes() != vector:
                yield Finding("view-vector", f"passage {passage}", "its vector is not the stored one", REPAIR, True)
    if len(views.hidden):
        return  # the terms of what is gone can no longer be told from the others
    terms = sorted(tally.all_terms)
    counts = views.base.lexical.doc_freq(terms) + views.lexical.doc_freq(terms)
    for term, count in zip(terms, counts.tolist(), strict=True):
        if count != tally.all_terms[term]:
            detail = f"is in {count} passages of the view, in {tally.all_terms[term]} of the store"
            yield Finding("view-term", f"term {term}", detail, REPAIR, True)


def _vector_blocks(views: Views) -> Iterator[tuple[Ids, NDArray[np.float16]]]:
    yield from views.base.vectors.blocks()
    if len(views.vectors.ids):
        yield views.vectors.ids, views.vectors.codes()


def _damaged_originals(store: Path) -> Iterator[Finding]:
    for path in originals.damaged(store):
        remedy = "`rag rm` its document and send the file again: until then the file is as if it were not kept"
        yield Finding("original", f"{ORIGINALS}/{path.name}", "is not the file that was kept", remedy)


def check_unused_originals(store: Path, database: Database) -> list[Finding]:
    """Files that no document is made of; none while someone is writing, who may be about to add theirs."""
    try:
        with WriterLock(store / LOCK).held(0), database.reading() as connection:
            unused = originals.unused(store, connection)
    except (StoreLocked, StoreUnwritable):
        return []
    return [Finding("original", f"{ORIGINALS}/{path.name}", "is of no document", REPAIR, True) for path in unused]


def _left(store: Path) -> Iterator[Finding]:
    """What interrupted work left, which may hold what is deleted later; not looked for while someone is writing."""
    try:
        with WriterLock(store / LOCK).held(0):
            for path in leftovers(store):
                detail = "was left by work that was interrupted"
                yield Finding("leftover", str(path.relative_to(store)), detail, REPAIR, True)
    except StoreLocked:
        return
    except StoreUnwritable as error:
        if WriterLock(store / LOCK).wrong_kind:
            yield Finding("lock", LOCK, str(error), "remove it")
