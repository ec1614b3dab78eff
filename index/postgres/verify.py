"""Comparing everything in a store's database with everything that must agree with it, in one snapshot.

Rows are compared with one another as in a directory's store (``index.local.checks.row_checks``); both indexes are asked for a
sample of passages, each of which must find itself.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache

import numpy as np

from index.backend import Progress
from index.local.checks.row_checks import Tally, compare_counters
from index.local.database.rows import (
    check_positions,
    document_id,
    filter_pairs,
    hash_term,
    segment_terms,
    sign_bytes,
    unit_length,
    unpack_spans,
)
from index.local.views.lexical import analyze
from index.postgres.connection import Connection
from index.postgres.documents import unpacked_half, words_of
from index.postgres.lists import Searching
from index.postgres.schema import WORDS_INDEX
from index.types import Finding, Span

_MOST = 100  # findings of one kind that are listed
_SAMPLE = 1000
_BACKUP = "bring the store back from a backup, or with `rag restore SRC --overwrite`"
_REBUILD = "`REINDEX INDEX CONCURRENTLY {}` in the store's schema"


def check_store(connection: Connection, searching: Searching, progress: Progress | None) -> list[Finding]:
    """Everything that does not fit together; empty for a healthy store. Of each kind the first hundred are listed."""
    tally = Tally()
    checks = [
        _documents(connection, searching, tally, progress),
        _counters(connection, tally),
        _log(connection, tally),
        _orphans(connection),
        _indexes(connection, searching),
    ]
    findings: list[Finding] = []
    listed: Counter[str] = Counter()
    for check in checks:
        for finding in check:
            listed[finding.kind] += 1
            if listed[finding.kind] <= _MOST:
                findings.append(finding)
    return findings


def _documents(
    connection: Connection, searching: Searching, tally: Tally, progress: Progress | None
) -> Iterator[Finding]:
    """Each document with its filters and passages."""
    row = connection.execute("SELECT count(*) FROM passages").fetchone()
    total = int(row[0]) if row else 0
    with connection.cursor(name="documents") as cursor:
        cursor.itersize = 200
        cursor.execute(
            "SELECT number, id, collection, key, metadata, text_sha256, n_characters, n_passages, language, text"
            " FROM documents ORDER BY number"
        )
        for number, identifier, collection, key, metadata, sha256, n_characters, n_passages, language, text in cursor:
            where, remedy = f"document {identifier}", f"`rag rm {identifier}` and add it again"
            before = len(tally.passages)
            if identifier != document_id(collection, key):
                yield Finding("document-id", where, f"is not the id of {key!r} in {collection!r}", remedy)
            if hashlib.sha256(text.encode()).hexdigest() != sha256 or len(text) != n_characters:
                yield Finding("text", where, "its text is not the one that was stored", remedy)
            filters = connection.execute("SELECT key, value FROM metadata WHERE document = %s", (number,)).fetchall()
            try:
                if set(filters) != filter_pairs(json.loads(metadata)):
                    yield Finding("filters", where, "its filters are not those of its metadata", remedy)
            except (ValueError, AttributeError):
                yield Finding("metadata", where, "its metadata are not JSON", remedy)
            tally.counts[collection].n_documents += 1
            yield from _passages(connection, searching, number, collection, text, language, tally, remedy)
            if len(tally.passages) - before != n_passages:
                detail = f"should have {n_passages} passages, has {len(tally.passages) - before}"
                yield Finding("passage-order", where, detail, remedy)
            if progress is not None:
                progress(len(tally.passages), total)


def _passages(
    connection: Connection,
    searching: Searching,
    number: int,
    collection: str,
    text: str,
    language: str,
    tally: Tally,
    remedy: str,
) -> Iterator[Finding]:
    """Each passage of a document against the text, and what is searched of it against both."""

    @cache  # neighbouring passages share sentences, and most have one context
    def terms_of(segment: str) -> bytes:
        return np.array([hash_term(term) for term in analyze(segment, language)], dtype="<u4").tobytes()

    rows = connection.execute(
        'SELECT p.id, p.ordinal, p.collection, p."start", p."end", p.text, p.context, p.sentences, p.words, p.vector, e.terms,'
        " e.term_counts, e.vector, e.sentence_vectors, s.word_counts, s.word_signs FROM passages p"
        " LEFT JOIN payload e ON e.passage = p.id LEFT JOIN signs s ON s.passage = p.id WHERE p.document = %s ORDER BY p.ordinal",
        (number,),
        binary=True,
    ).fetchall()
    for place, row in enumerate(rows):
        passage, ordinal, own_collection, start, end, stored, context, packed, words, searched, terms, counts = row[:12]
        vector, sentence_vectors, word_counts, signs = row[12:]
        where = f"passage {passage}"
        tally.passages.append(passage)
        tally.counts[collection].n_passages += 1
        if ordinal != place or own_collection != collection:
            yield Finding("passage-order", where, f"is number {ordinal} of {own_collection!r}", remedy)
        try:
            sentences = unpack_spans(packed)
            check_positions(Span(start, end), sentences, len(text))
        except ValueError as error:
            yield Finding("sentences", where, str(error), remedy)
            continue
        if stored != text[start:end]:
            yield Finding("passage-text", where, f"is not [{start}, {end}) of the document's text", remedy)
        if terms is None or word_counts is None:
            yield Finding("embedding", where, "has no vectors and no terms", remedy)
            continue
        dim = searching.dim
        for kind, blob, n in (("vector", vector, 1), ("sentence-vectors", sentence_vectors, len(sentences))):
            if len(blob) != 2 * n * dim or not unit_length(np.frombuffer(blob, dtype="<f2").reshape(n, dim)):
                yield Finding(kind, where, "has vectors that are not of length 1, or not as many as sentences", remedy)
        if unpacked_half(searched).tobytes() != vector:
            yield Finding("vector", where, "the vector that is searched is not the one that is scored", remedy)
        n_words = int(np.frombuffer(word_counts, dtype="<u4").sum()) if len(word_counts) == 4 * len(sentences) else -1
        if len(signs) != n_words * sign_bytes(dim):
            yield Finding("word-signs", where, "its word signs do not fit its sentences", remedy)
        segments = segment_terms(text, context, sentences, terms_of)
        lengths = np.array([len(segment) // 4 for segment in segments], dtype="<u4").tobytes()
        if (terms, counts) != (b"".join(segments), lengths):
            yield Finding("terms", where, "its terms are not those of its text", remedy)
        if searching.has_words and words != words_of(terms):
            yield Finding("words", where, "the words that are searched are not its terms", remedy)
        tally.count(collection, b"".join(segments), lengths)


def _counters(connection: Connection, tally: Tally) -> Iterator[Finding]:
    """The stored counts of terms, documents and passages of each collection against those of the tally."""
    terms = connection.execute("SELECT collection, hash, term, df FROM terms").fetchall()
    rows = connection.execute("SELECT * FROM collections")
    collections = {name: [int(count) for count in counts] for name, *counts in rows}
    yield from compare_counters(terms, collections, tally, _BACKUP)


def _log(connection: Connection, tally: Tally) -> Iterator[Finding]:
    """The log has no gap, and what it says of each document last is what is there."""
    row = connection.execute(
        "SELECT count(*), coalesce(min(sequence), 1), coalesce(max(sequence), 0) FROM log"
    ).fetchone()
    if row and row[0] != row[2] - row[1] + 1:
        yield Finding("log-gap", "log", f"has {row[0]} entries from number {row[1]} to {row[2]}", _BACKUP)
    rows = connection.execute(
        "SELECT coalesce(d.id, l.document_id), d.n_passages, l.operation, l.n_passages FROM documents d FULL JOIN"
        " (SELECT DISTINCT ON (document_id) * FROM log WHERE document_id <> '' ORDER BY document_id, sequence DESC) l"
        " ON l.document_id = d.id"
        " WHERE (d.id IS NULL) <> (l.operation IS NULL OR l.operation = 'delete') OR d.n_passages <> l.n_passages"
    ).fetchall()
    for identifier, *_ in rows:
        yield Finding("log", f"document {identifier}", "is not what the log says of it last", _BACKUP)


def _orphans(connection: Connection) -> Iterator[Finding]:
    """Rows that belong to nothing."""
    for table, query in {
        "passages": "SELECT count(*) FROM passages WHERE document NOT IN (SELECT number FROM documents)",
        "metadata": "SELECT count(*) FROM metadata WHERE document NOT IN (SELECT number FROM documents)",
        "payload": "SELECT count(*) FROM payload e LEFT JOIN passages p ON p.id = e.passage WHERE p.id IS NULL",
        "signs": "SELECT count(*) FROM signs e LEFT JOIN passages p ON p.id = e.passage WHERE p.id IS NULL",
    }.items():
        row = connection.execute(query).fetchone()
        if row and row[0]:
            yield Finding("orphan", table, f"has {row[0]} rows that belong to nothing", _BACKUP)


def _indexes(connection: Connection, searching: Searching) -> Iterator[Finding]:
    """A sample of passages must find themselves by their vectors, and by their words where an index answers for them."""
    rows = connection.execute(
        "SELECT p.id, p.vector::text, p.words FROM passages p ORDER BY hashint8(p.id) LIMIT %s", (_SAMPLE,)
    ).fetchall()
    connection.execute("SET LOCAL enable_seqscan = off")
    missing: list[int] = []
    for passage, vector, _ in rows:
        query = "SELECT p.id, p.vector <#> %s::halfvec AS distance FROM passages p ORDER BY distance LIMIT 20"
        hits = connection.execute(query, (vector,)).fetchall()
        # Beside equal vectors it may be any of them.
        if passage not in {hit for hit, _ in hits} and (not hits or hits[0][1] > -0.99):
            missing.append(passage)
    if missing:
        detail = f"does not find {len(missing)} of {len(rows)} passages by their own vectors, as {missing[0]}"
        yield Finding("vectors-index", "passages_vector", detail, _REBUILD.format("passages_vector"))
    if not searching.has_words:
        return
    lost = [passage for passage, _, words in rows if words and not _found_by_words(connection, passage, words)]
    if lost:
        detail = f"does not find {len(lost)} of {len(rows)} passages by their own words, as {lost[0]}"
        yield Finding("words-index", WORDS_INDEX, detail, _REBUILD.format(WORDS_INDEX))


def _found_by_words(connection: Connection, passage: int, words: str) -> bool:
    """Whether the words index proposes a passage, or others with the same words, for all of its words."""
    query = f"SELECT p.id, p.words FROM passages p ORDER BY p.words <@> to_bm25query(%s, '{WORDS_INDEX}') LIMIT 20"
    distinct = " ".join(sorted(set(words.split())))
    hits = connection.execute(query, (distinct,)).fetchall()
    return any(hit == passage or sorted(own.split()) == sorted(words.split()) for hit, own in hits)
