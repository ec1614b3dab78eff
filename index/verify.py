"""Comparing everything in a store with everything that must agree with it.

Each kind of finding says what mends it: ``rag repair`` where what is right follows from the rest (``mendable``), else taking the
document in again, or a snapshot.
"""

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import apsw
import numpy as np
from numpy.typing import NDArray

from index.base import NO_IDS
from index.database import Connection, id_array
from index.errors import StoreLocked, StoreUnwritable
from index.lexical import analyze
from index.lock import WriterLock
from index.manifest import VIEWS, CheckpointDamaged, read_manifest
from index.migrations import migrate
from index.names import LOCK, RESTORING
from index.records import (
    check_positions,
    document_id,
    filter_pairs,
    hash_term,
    segment_terms,
    sign_bytes,
    unit_length,
    unpack_spans,
)
from index.types import Finding, Ids, Span
from index.views import Views

_RESTORE = "bring the store back with `rag restore SRC`, or delete its directory and `rag add` the documents again"
_REPAIR = "`rag repair`"
VIEW_KINDS = {
    "manifest",
    "view-file",
    "vectors-view",
    "lexical-view",
    "view-vector",
    "view-term",
    "view-missing",
}  # what a rebuild mends
_MOST = 100  # findings of one kind that are listed


@dataclass(slots=True)
class _Tally:
    """What the documents add up to. counters: documents, passages, terms and context terms by collection.

    df: passages by collection and term of their sentences; all_terms: passages by term, their context included.
    embedded: those of the passages that have vectors and terms, and so must be in the views.
    """

    df: Counter[tuple[str, int]] = field(default_factory=Counter)
    counters: dict[str, list[int]] = field(default_factory=dict)
    passages: list[int] = field(default_factory=list)
    embedded: list[int] = field(default_factory=list)
    all_terms: Counter[int] = field(default_factory=Counter)

    def count(self, collection: str, packed: bytes, packed_counts: bytes) -> None:
        """Count the terms of a passage, its context first."""
        terms = np.frombuffer(packed, dtype="<u4").tolist()
        n_context = int(np.frombuffer(packed_counts, dtype="<u4")[0]) if packed_counts else 0
        self.all_terms.update(set(terms))
        self.df.update((collection, term) for term in set(terms[n_context:]))
        self.counters[collection][2] += len(terms) - n_context
        self.counters[collection][3] += n_context


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
    tally = _Tally()
    checks = [
        _opening(rebuilt, views.base.missing),
        _database(connection),
        _schema(connection),
        _numbers(connection),
        _documents(connection, views.base.vectors.dim, tally, progress),
        _counters(connection, tally),
        _log(connection, tally),
        _files(store),
        _view_contents(connection, views, tally),
        _left(store, views),
    ]
    findings: list[Finding] = []
    listed: Counter[str] = Counter()
    for check in checks:
        try:
            for finding in check:
                listed[finding.kind] += 1
                if listed[finding.kind] <= _MOST:
                    findings.append(finding)
        except apsw.Error as error:
            findings.append(Finding("database", "store.db", f"cannot be read: {error}", _RESTORE))
    return findings


def _opening(rebuilt: tuple[str, ...], missing: tuple[str, ...]) -> Iterator[Finding]:
    for part in missing:
        yield Finding("view-missing", part, "was missing or damaged when the store was opened", _REPAIR, True)
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
        yield Finding("orphan", f"{table} {'' if row is None else row}".strip(), detail, _REPAIR, True)


def _schema(connection: Connection) -> Iterator[Finding]:
    """Tables and indexes are those that the migrations make: a lost index only slows, an added trigger may do anything."""
    found, expected = schema(connection), expected_schema()
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            what = (
                "is not part of a store"
                if name not in expected
                else "is missing"
                if name not in found
                else "is altered"
            )
            mendable = name not in found and expected[name].startswith("CREATE INDEX")
            yield Finding("schema", name, what, _REPAIR if mendable else _RESTORE, mendable)


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
    given = dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))
    for table, used in highest_numbers(connection).items():
        if given.get(table, 0) < used:
            detail = f"would give a number twice: {used} was used, the last given is {given.get(table)}"
            yield Finding("numbers", table, detail, _REPAIR, True)


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


def _documents(
    connection: Connection, dim: int, tally: _Tally, progress: Callable[[int, int], None] | None
) -> Iterator[Finding]:
    """Each document with its text, filters and passages."""
    total: int = connection.execute("SELECT count(*) FROM passages").get
    documents = connection.execute(
        "SELECT d.number, d.id, d.collection, d.key, d.metadata, d.text_sha256, d.n_characters, d.first_passage,"
        " d.n_passages, d.language, t.text FROM documents d LEFT JOIN texts t ON t.document = d.number ORDER BY d.number"
    )
    for number, identifier, collection, key, metadata, sha256, n_characters, first, n_passages, *rest in documents:
        language, text = rest
        where, remedy = f"document {identifier}", f"`rag rm {identifier}` and add it again"
        before = len(tally.passages)
        if identifier != document_id(collection, key):
            yield Finding("document-id", where, f"is not the id of {key!r} in {collection!r}", remedy)
        if text is None:
            yield Finding("text-missing", where, "has no text", remedy)
        text = text or ""
        whole = hashlib.sha256(text.encode()).hexdigest() == sha256
        if text and not whole:
            yield Finding("text", where, "its text is not the one that was stored", remedy)
        if whole and len(text) != n_characters:
            detail = f"has {len(text)} characters, not {n_characters}"
            yield Finding("text-length", where, detail, _REPAIR, True)
        filters = connection.execute("SELECT key, value FROM metadata WHERE document = ?", (number,))
        try:
            if set(filters) != filter_pairs(json.loads(metadata)):
                yield Finding("filters", where, "its filters are not those of its metadata", _REPAIR, True)
        except (ValueError, AttributeError):
            yield Finding("metadata", where, "its metadata are not JSON", remedy)
        counters = tally.counters.setdefault(collection, [0, 0, 0, 0])
        counters[0] += 1
        yield from _passages(connection, dim, number, collection, text, language, whole, tally, remedy)
        ids = tally.passages[before:]
        if ids != list(range(first, first + n_passages) if first else range(0)) or len(ids) != n_passages:
            detail = f"should have {n_passages} passages in order from {first} on, has {len(ids)}"
            yield Finding("passage-order", where, detail, remedy)
        if progress is not None:
            progress(len(tally.passages), total)


def _passages(
    connection: Connection,
    dim: int,
    number: int,
    collection: str,
    text: str,
    language: str,
    whole: bool,
    tally: _Tally,
    remedy: str,
) -> Iterator[Finding]:
    """Each passage of a document against the text, and what is searched of it against both. whole: whether the text is right."""
    counters = tally.counters[collection]
    terms_of = partial(analyze, language=language)
    rows = connection.execute(
        'SELECT p.id, p."start", p."end", p.text, p.context, p.section, p.sentences, e.terms, e.term_counts, e.vector,'
        " e.sentence_vectors, e.word_counts, e.word_signs FROM passages p LEFT JOIN embeddings e ON e.passage = p.id"
        " WHERE p.document = ? ORDER BY p.ordinal",
        (number,),
    )
    for passage, start, end, stored, context, section, packed, terms, counts, vector, *vectors in rows:
        sentence_vectors, words, signs = vectors
        where = f"passage {passage}"
        tally.passages.append(passage)
        counters[1] += 1
        if not _is_section(section):
            yield Finding("section", where, "its section is not a list of headings", remedy)
        if terms is not None:
            tally.embedded.append(passage)
        try:
            sentences = unpack_spans(packed)
            check_positions(Span(start, end), sentences, len(text))
        except ValueError as error:
            yield Finding("sentences", where, str(error), remedy)
            tally.count(collection, terms or b"", counts or b"")
            continue
        if stored != text[start:end]:
            detail = f"is not [{start}, {end}) of the document's text"
            yield Finding("passage-text", where, detail, _REPAIR if whole else remedy, whole)
        if terms is None:
            yield Finding("embedding", where, "has no vectors and no terms", remedy)
            continue
        for kind, blob, n in (("vector", vector, 1), ("sentence-vectors", sentence_vectors, len(sentences))):
            if len(blob) != 2 * n * dim:
                detail = f"has {len(blob)} bytes of vectors, not {2 * n * dim}"
                yield Finding(kind, where, detail, remedy)
            elif not unit_length(np.frombuffer(blob, dtype="<f2").reshape(n, dim)):
                yield Finding(kind, where, "has vectors that are not finite and of length 1", remedy)
        n_words = int(np.frombuffer(words, dtype="<u4").sum()) if len(words) == 4 * len(sentences) else -1
        if len(signs) != n_words * sign_bytes(dim):
            yield Finding("word-signs", where, "its word signs do not fit its sentences", remedy)
        segments = [
            [hash_term(term) for term in segment] for segment in segment_terms(text, context, sentences, terms_of)
        ]
        expected = np.array(list(chain(*segments)), dtype="<u4").tobytes()
        lengths = np.array([len(segment) for segment in segments], dtype="<u4").tobytes()
        if (terms, counts) != (expected, lengths):
            yield Finding("terms", where, "its terms are not those of its text", _REPAIR if whole else remedy, whole)
        tally.count(collection, *((expected, lengths) if whole else (terms, counts)))


def _counters(connection: Connection, tally: _Tally) -> Iterator[Finding]:
    stored = {}
    for collection, number, term, df in connection.execute("SELECT collection, hash, term, df FROM terms"):
        stored[collection, number] = df
        if hash_term(term) != number:
            detail = "is stored under another hash"
            yield Finding("term", f"term {term!r} of {collection!r}", detail, _REPAIR, True)
    for collection, number in stored.keys() | tally.df.keys():
        found, expected = stored.get((collection, number), 0), tally.df[collection, number]
        if found != expected:
            detail = f"is counted in {found} passages and occurs in {expected}"
            yield Finding("term-frequency", f"term {number} of {collection!r}", detail, _REPAIR, True)
    totals = {name: counts for name, *counts in connection.execute("SELECT * FROM collections")}
    for name in totals.keys() | tally.counters.keys():
        if totals.get(name) != tally.counters.get(name):
            detail = f"counts are {totals.get(name)}, should be {tally.counters.get(name)}"
            yield Finding("counters", f"collection {name!r}", detail, _REPAIR, True)


def _log(connection: Connection, tally: _Tally) -> Iterator[Finding]:
    """The log must account for every passage: the views follow it alone."""
    n, first, last = connection.execute("SELECT count(*), min(sequence), max(sequence) FROM log").get
    if n and n != last - first + 1:
        detail = f"has {n} entries from number {first} to {last}"
        yield Finding("log-gap", "log", detail, _REPAIR, True)
    if difference := sorted(logged_passages(connection).symmetric_difference(tally.passages)):
        detail = f"does not account for {len(difference)} passages, as {difference[0]}"
        yield Finding("log", "log", detail, _REPAIR, True)


def logged_passages(connection: Connection) -> set[int]:
    """Ids of the passages that exist if the log is right."""
    alive: set[int] = set()
    query = "SELECT first_passage, last_passage, removed_first, removed_last FROM log ORDER BY sequence"
    for first, last, removed_first, removed_last in connection.execute(query):
        if removed_first is not None:
            alive.difference_update(range(removed_first, removed_last + 1))
        if first is not None:
            alive.update(range(first, last + 1))
    return alive


def _files(store: Path) -> Iterator[Finding]:
    try:
        manifest = read_manifest(store)
    except CheckpointDamaged as damage:
        yield Finding("manifest", "manifest.json", str(damage), _REPAIR, True)
        return
    for name, problem in manifest.problems(store, manifest.files, anew=True).items():
        yield Finding("view-file", f"{manifest.checkpoint}/{name}", problem, _REPAIR, True)


def _view_contents(connection: Connection, views: Views, tally: _Tally) -> Iterator[Finding]:
    """Both views hold exactly the passages that exist, each once, and the stored vectors."""
    if views.base.missing:
        return
    passages: Ids = np.array(sorted(tally.embedded), dtype=np.int64)
    base = views.base.lexical.ids()
    stored = np.concatenate([ids for ids, _ in _vector_blocks(views)] or [NO_IDS])
    found = {
        "vectors": np.sort(stored[~np.isin(stored, views.hidden)]),
        "lexical": np.sort(np.concatenate([base[~np.isin(base, views.hidden)], views.lexical.ids()])),
    }
    for name, present in found.items():
        if not np.array_equal(present, passages):
            difference = np.setxor1d(present, passages)
            detail = f"has {len(present)} entries for {len(passages)} passages; {len(difference)} are on one side only"
            yield Finding(f"{name}-view", name, detail, _REPAIR, True)
    query = "SELECT passage, vector FROM carray(?) c CROSS JOIN embeddings e ON e.passage = c.value"
    for ids, codes in _vector_blocks(views):
        place = {passage: row for row, passage in enumerate(ids.tolist())}
        for passage, vector in connection.execute(query, (id_array(ids),)):
            if codes[place[passage]].tobytes() != vector:
                yield Finding("view-vector", f"passage {passage}", "its vector is not the stored one", _REPAIR, True)
    if len(views.hidden):
        return  # the terms of what is gone can no longer be told from the others
    terms = sorted(tally.all_terms)
    counts = views.base.lexical.doc_freq(terms) + views.lexical.doc_freq(terms)
    for term, count in zip(terms, counts.tolist(), strict=True):
        if count != tally.all_terms[term]:
            detail = f"is in {count} passages of the view, in {tally.all_terms[term]} of the store"
            yield Finding("view-term", f"term {term}", detail, _REPAIR, True)


def _vector_blocks(views: Views) -> Iterator[tuple[Ids, NDArray[np.float16]]]:
    yield from views.base.vectors.blocks()
    if len(views.vectors.ids):
        yield views.vectors.ids, views.vectors.codes()


def _left(store: Path, views: Views) -> Iterator[Finding]:
    """What interrupted work left, which may hold what is deleted later; not looked for while someone is writing."""
    try:
        with WriterLock(store / LOCK).held(0):
            for path in leftovers(store):
                detail = "was left by work that was interrupted"
                yield Finding("leftover", str(path.relative_to(store)), detail, _REPAIR, True)
    except (StoreLocked, StoreUnwritable):
        return


def leftovers(store: Path) -> list[Path]:
    """Checkpoints that are not in force, and half-made files. The caller holds the writer lock."""
    left = [store / RESTORING, *store.glob("*.new")]
    try:
        current = store / read_manifest(store).checkpoint
        left += [path for path in (store / VIEWS).iterdir() if path != current]
    except (CheckpointDamaged, FileNotFoundError):
        pass
    return [path for path in left if path.exists()]


def _is_section(section: str) -> bool:
    try:
        headings = json.loads(section)
    except ValueError:
        return False
    return isinstance(headings, list) and all(isinstance(heading, str) for heading in headings)
