"""Comparing everything in a store with everything that must agree with it."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import apsw
import numpy as np

from index.checkpoint import CheckpointDamaged, damaged_files, read_manifest
from index.database import Connection
from index.lexical import analyze
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
_MOST = 100  # findings of one kind that are listed


@dataclass(slots=True)
class _Tally:
    """What the documents add up to. counters: documents, passages, terms and context terms by collection."""

    df: Counter[tuple[str, int]] = field(default_factory=Counter)
    counters: dict[str, list[int]] = field(default_factory=dict)
    passages: list[int] = field(default_factory=list)


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
        _opening(rebuilt),
        _database(connection),
        _documents(connection, views.base.vectors.dim, tally, progress),
        _counters(connection, tally),
        _log(connection, tally),
        _files(store),
        _view_contents(store, connection, views, tally),
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


def _opening(rebuilt: tuple[str, ...]) -> Iterator[Finding]:
    for part in rebuilt:
        detail = "was missing or damaged when the store was opened, and has been rebuilt"
        yield Finding("view-rebuilt", part, detail, "nothing is left to do; check the disk if it happens again")


def _database(connection: Connection) -> Iterator[Finding]:
    connection.release_memory()  # a page in the cache is not read, and so not checked
    for (message,) in connection.execute("PRAGMA integrity_check"):
        if message != "ok":
            yield Finding("database", "store.db", str(message), _RESTORE)
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Finding("orphan", f"{table} {row}", f"belongs to a row of {parent} that does not exist", _RESTORE)


def _documents(
    connection: Connection, dim: int, tally: _Tally, progress: Callable[[int, int], None] | None
) -> Iterator[Finding]:
    """Each document with its text, filters and passages."""
    total: int = connection.execute("SELECT count(*) FROM passages").get
    documents = connection.execute(
        "SELECT d.number, d.id, d.collection, d.key, d.metadata, d.text_sha256, d.n_characters, d.first_passage,"
        " d.n_passages, t.text FROM documents d LEFT JOIN texts t ON t.document = d.number ORDER BY d.number"
    )
    for number, identifier, collection, key, metadata, sha256, n_characters, first, n_passages, text in documents:
        where, remedy = f"document {identifier}", f"`rag rm {identifier}` and add it again"
        if identifier != document_id(collection, key):
            yield Finding("document-id", where, f"is not the id of {key!r} in {collection!r}", remedy)
        text = text or ""
        if hashlib.sha256(text.encode()).hexdigest() != sha256 or len(text) != n_characters:
            yield Finding("text", where, "its text is missing or not the one that was stored", remedy)
        filters = connection.execute("SELECT key, value FROM metadata WHERE document = ?", (number,))
        if set(filters) != filter_pairs(json.loads(metadata)):
            yield Finding("metadata", where, "its filters are not those of its metadata", remedy)
        before = len(tally.passages)
        counters = tally.counters.setdefault(collection, [0, 0, 0, 0])
        counters[0] += 1
        yield from _passages(connection, dim, number, collection, text, tally, remedy)
        ids = tally.passages[before:]
        if ids != list(range(first, first + n_passages) if first else range(0)) or len(ids) != n_passages:
            detail = f"should have {n_passages} passages in order from {first} on, has {len(ids)}"
            yield Finding("passage-order", where, detail, remedy)
        if progress is not None:
            progress(len(tally.passages), total)


def _passages(
    connection: Connection, dim: int, number: int, collection: str, text: str, tally: _Tally, remedy: str
) -> Iterator[Finding]:
    """Each passage of a document against the text, and what is searched of it against both."""
    counters = tally.counters[collection]
    rows = connection.execute(
        'SELECT p.id, p."start", p."end", p.text, p.context, p.sentences, e.terms, e.term_counts, e.vector,'
        " e.sentence_vectors, e.word_counts, e.word_signs FROM passages p LEFT JOIN embeddings e ON e.passage = p.id"
        " WHERE p.document = ? ORDER BY p.ordinal",
        (number,),
    )
    for passage, start, end, stored, context, packed, terms, counts, vector, sentence_vectors, words, signs in rows:
        where = f"passage {passage}"
        tally.passages.append(passage)
        counters[1] += 1
        if stored != text[start:end]:
            yield Finding("passage-text", where, f"is not [{start}, {end}) of the document's text", remedy)
        try:
            sentences = unpack_spans(packed)
            check_positions(Span(start, end), sentences, len(text))
        except ValueError as error:
            yield Finding("sentences", where, str(error), remedy)
            continue
        if terms is None:
            yield Finding("embedding", where, "has no vectors and no terms", remedy)
            continue
        for name, blob, n in (("vector", vector, 1), ("sentence vectors", sentence_vectors, len(sentences))):
            if len(blob) != 2 * n * dim:
                yield Finding("vector", where, f"its {name} have {len(blob)} bytes, not {2 * n * dim}", remedy)
            elif not unit_length(np.frombuffer(blob, dtype="<f2").reshape(n, dim)):
                yield Finding("vector", where, f"its {name} are not finite and of length 1", remedy)
        n_words = int(np.frombuffer(words, dtype="<u4").sum()) if len(words) == 4 * len(sentences) else -1
        if len(signs) != n_words * sign_bytes(dim):
            yield Finding("word-signs", where, "its word signs do not fit its sentences", remedy)
        segments = [
            [hash_term(term) for term in segment] for segment in segment_terms(text, context, sentences, analyze)
        ]
        expected = np.array(list(chain(*segments)), dtype="<u4").tobytes()
        if terms != expected or counts != np.array([len(segment) for segment in segments], dtype="<u4").tobytes():
            yield Finding("terms", where, "its terms are not those of its text", remedy)
        tally.df.update((collection, term) for term in set(chain(*segments[1:])))
        counters[2] += sum(len(segment) for segment in segments[1:])
        counters[3] += len(segments[0])


def _counters(connection: Connection, tally: _Tally) -> Iterator[Finding]:
    stored = {}
    for collection, number, term, df in connection.execute("SELECT collection, hash, term, df FROM terms"):
        stored[collection, number] = df
        if hash_term(term) != number:
            yield Finding(
                "term-frequency", f"term {term!r} of {collection!r}", "is stored under another hash", _RESTORE
            )
    for collection, number in stored.keys() | tally.df.keys():
        found, expected = stored.get((collection, number), 0), tally.df[collection, number]
        if found != expected:
            detail = f"is counted in {found} passages and occurs in {expected}"
            yield Finding("term-frequency", f"term {number} of {collection!r}", detail, _RESTORE)
    totals = {name: counts for name, *counts in connection.execute("SELECT * FROM collections")}
    for name in totals.keys() | tally.counters.keys():
        if totals.get(name) != tally.counters.get(name):
            detail = f"counts are {totals.get(name)}, should be {tally.counters.get(name)}"
            yield Finding("counters", f"collection {name!r}", detail, _RESTORE)


def _log(connection: Connection, tally: _Tally) -> Iterator[Finding]:
    """The log must account for every passage: the views follow it alone."""
    n, last = connection.execute("SELECT count(*), coalesce(max(sequence), 0) FROM log").get
    if n != last:
        yield Finding("log", "log", f"has {n} entries, the last is number {last}", _RESTORE)
    alive: set[int] = set()
    query = "SELECT first_passage, last_passage, removed_first, removed_last FROM log ORDER BY sequence"
    for first, last, removed_first, removed_last in connection.execute(query):
        if removed_first is not None:
            alive.difference_update(range(removed_first, removed_last + 1))
        if first is not None:
            alive.update(range(first, last + 1))
    if difference := sorted(alive.symmetric_difference(tally.passages)):
        yield Finding("log", "log", f"does not account for {len(difference)} passages, as {difference[0]}", _RESTORE)


def _files(store: Path) -> Iterator[Finding]:
    try:
        manifest = read_manifest(store)
    except CheckpointDamaged as damage:
        yield Finding("manifest", "manifest.json", str(damage), _rebuild(store))
        return
    for name, problem in damaged_files(store, manifest).items():
        yield Finding("view-file", f"{manifest.checkpoint}/{name}", problem, _rebuild(store))


def _view_contents(store: Path, connection: Connection, views: Views, tally: _Tally) -> Iterator[Finding]:
    """Both views hold exactly the passages that exist, each once, and the stored vectors."""
    passages: Ids = np.array(sorted(tally.passages), dtype=np.int64)
    kept = ~np.isin(views.base.vectors.ids, views.gone)
    ids = np.concatenate([views.base.vectors.ids[kept], views.vectors.ids])
    base = views.base.lexical.ids()
    found = {
        "vectors": np.sort(ids),
        "lexical": np.sort(np.concatenate([base[~np.isin(base, views.gone)], views.lexical.ids()])),
    }
    for name, present in found.items():
        if not np.array_equal(present, passages):
            difference = np.setxor1d(present, passages)
            detail = f"has {len(present)} entries for {len(passages)} passages; {len(difference)} are on one side only"
            yield Finding(f"{name}-view", name, detail, _rebuild(store))
    codes = np.concatenate([views.base.vectors.codes()[kept], views.vectors.codes()])  # float16 (n, dim)
    place = {int(passage): row for row, passage in enumerate(ids)}
    for passage, vector in connection.execute("SELECT passage, vector FROM embeddings"):
        if passage in place and codes[place[passage]].tobytes() != vector:
            yield Finding("vectors-view", f"passage {passage}", "its vector is not the stored one", _rebuild(store))


def _rebuild(store: Path) -> str:
    return f"stop what uses the store and delete {store / 'manifest.json'}: the views are rebuilt at the next start"
