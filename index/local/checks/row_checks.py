"""The rows of a store compared with one another: documents with their passages, and counters and log with what those add up to."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from index.local.database.connection import Connection
from index.local.database.rows import (
    Counts,
    StoredPassage,
    check_positions,
    document_id,
    filter_pairs,
    hash_term,
    packed_columns,
    segment_terms,
    sign_bytes,
    unit_length,
    unpack_spans,
)
from index.local.views.lexical import analyze
from index.types import Finding, Span

REPAIR = "`rag repair`"
_MOST = 100  # findings of one kind that are listed


@dataclass(slots=True)
class Tally:
    """What the documents add up to. counts: by collection.  all_terms: passages by term, their context included.

    embedded: those of the passages that have vectors and terms, and so must be in the views.
    """

    counts: defaultdict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    passages: list[int] = field(default_factory=list)
    embedded: list[int] = field(default_factory=list)
    all_terms: Counter[int] = field(default_factory=Counter)

    def count(self, collection: str, packed: bytes, packed_counts: bytes) -> None:
        """Count the packed terms of a passage."""
        self.counts[collection].add(packed, packed_counts)
        self.all_terms.update(set(np.frombuffer(packed, dtype="<u4").tolist()))


def listed(findings: Iterable[Finding]) -> list[Finding]:
    """The first hundred findings of each kind."""
    kept: list[Finding] = []
    counts: Counter[str] = Counter()
    for finding in findings:
        counts[finding.kind] += 1
        if counts[finding.kind] <= _MOST:
            kept.append(finding)
    return kept


def check_documents(
    connection: Connection, dim: int, tally: Tally, progress: Callable[[int, int], None] | None
) -> Iterator[Finding]:
    """Each document with its text, filters and passages."""
    total: int = connection.execute("SELECT count(*) FROM passages").get
    documents = connection.execute(
        "SELECT d.number, d.id, d.collection, d.key, d.metadata, d.text_sha256, d.n_characters, d.first_passage,"
        " d.n_passages, d.language, t.text FROM documents d LEFT JOIN texts t ON t.document = d.number ORDER BY d.number"
    )
    query = (
        f"SELECT p.id, {packed_columns('e', 'e')} FROM passages p LEFT JOIN embeddings e ON e.passage = p.id"
        " WHERE p.document = ? ORDER BY p.ordinal"
    )
    for number, identifier, collection, key, metadata, sha256, n_characters, first, n_passages, *rest in documents:
        language, text = rest
        where, remedy = f"document {identifier}", f"`rag rm {identifier}` and add it again"
        before = len(tally.passages)
        filters = connection.execute("SELECT key, value FROM metadata WHERE document = ?", (number,))
        yield from check_name(identifier, collection, key, metadata, set(filters), remedy, REPAIR)
        whole = text is not None and hashlib.sha256(text.encode()).hexdigest() == sha256
        if text is None:
            yield Finding("text-missing", where, "has no text", remedy)
        elif not whole:
            yield Finding("text", where, "its text is not the one that was stored", remedy)
        elif len(text) != n_characters:
            detail = f"has {len(text)} characters, not {n_characters}"
            yield Finding("text-length", where, detail, REPAIR, True)
        rows = connection.execute(query, (number,))
        passages = ((passage, StoredPassage(*packed)) for passage, *packed in rows)
        against = Against(collection, text or "", whole, language, dim, remedy, REPAIR if whole else remedy)
        yield from check_passages(passages, against, tally)
        ids = tally.passages[before:]
        if ids != list(range(first, first + n_passages) if first else range(0)) or len(ids) != n_passages:
            detail = f"should have {n_passages} passages in order from {first} on, has {len(ids)}"
            yield Finding("passage-order", where, detail, remedy)
        if progress is not None:
            progress(len(tally.passages), total)


def check_name(
    identifier: str,
    collection: str,
    key: str,
    metadata: str,
    filters: set[tuple[str, str]],
    remedy: str,
    filters_remedy: str,
) -> Iterator[Finding]:
    """A document's id against its name, its filters against its metadata."""
    where = f"document {identifier}"
    if identifier != document_id(collection, key):
        yield Finding("document-id", where, f"is not the id of {key!r} in {collection!r}", remedy)
    try:
        if filters != filter_pairs(json.loads(metadata)):
            detail = "its filters are not those of its metadata"
            yield Finding("filters", where, detail, filters_remedy, filters_remedy == REPAIR)
    except (ValueError, AttributeError):
        yield Finding("metadata", where, "its metadata are not JSON", remedy)


class Against(NamedTuple):
    """What the passages of a document are compared with. whole: whether its text is the one that was stored.

    dim: of vectors.  remedy: of what needs the document again;  text_remedy: of what follows from its text.
    """

    collection: str
    text: str
    whole: bool
    language: str
    dim: int
    remedy: str
    text_remedy: str


def check_passages(passages: Iterable[tuple[int, StoredPassage]], against: Against, tally: Tally) -> Iterator[Finding]:
    """Each passage of a document, by id and in order, against the text, and what is searched of it against both."""
    collection, text, whole, language, dim, remedy, text_remedy = against
    mendable = text_remedy == REPAIR
    tally.counts[collection].n_documents += 1

    @cache  # neighbouring passages share sentences, and most have one context
    def terms_of(segment: str) -> bytes:
        hashes = [hash_term(term) for term in analyze(segment, language)]
        return np.array(hashes, dtype="<u4").tobytes()

    for passage, stored in passages:
        where, terms, counts = f"passage {passage}", stored.terms, stored.term_counts
        tally.passages.append(passage)
        tally.counts[collection].n_passages += 1
        if not _is_section(stored.section):
            yield Finding("section", where, "its section is not a list of headings", remedy)
        if terms is not None:
            tally.embedded.append(passage)
        try:
            sentences = unpack_spans(stored.sentences)
            check_positions(Span(stored.start, stored.end), sentences, len(text))
        except ValueError as error:
            yield Finding("sentences", where, str(error), remedy)
            tally.count(collection, terms or b"", counts or b"")
            continue
        if stored.text != text[stored.start : stored.end]:
            detail = f"is not [{stored.start}, {stored.end}) of the document's text"
            yield Finding("passage-text", where, detail, text_remedy, mendable)
        if terms is None or stored.word_counts is None:
            yield Finding("embedding", where, "has no vectors and no terms", remedy)
            continue
        vectors = (("vector", stored.vector, 1), ("sentence-vectors", stored.sentence_vectors, len(sentences)))
        for kind, blob, n in vectors:
            if len(blob) != 2 * n * dim:
                yield Finding(kind, where, f"has {len(blob)} bytes of vectors, not {2 * n * dim}", remedy)
            elif not unit_length(np.frombuffer(blob, dtype="<f2").reshape(n, dim)):
                yield Finding(kind, where, "has vectors that are not finite and of length 1", remedy)
        words = stored.word_counts
        n_words = int(np.frombuffer(words, dtype="<u4").sum()) if len(words) == 4 * len(sentences) else -1
        if len(stored.word_signs) != n_words * sign_bytes(dim):
            yield Finding("word-signs", where, "its word signs do not fit its sentences", remedy)
        segments = segment_terms(text, stored.context, sentences, terms_of)
        expected = b"".join(segments)
        lengths = np.array([len(segment) // 4 for segment in segments], dtype="<u4").tobytes()
        if (terms, counts) != (expected, lengths):
            yield Finding("terms", where, "its terms are not those of its text", text_remedy, mendable)
        tally.count(collection, *((expected, lengths) if whole else (terms, counts)))


def check_counters(
    select: Callable[[str], Iterable[tuple[Any, ...]]], tally: Tally, remedy: str = REPAIR
) -> Iterator[Finding]:
    """The stored counts of terms, documents and passages of each collection against those of the tally.

    select: gives the rows of a query.  remedy: of what is found.
    """
    mendable = remedy == REPAIR
    stored = {}
    for collection, number, term, df in select("SELECT collection, hash, term, df FROM terms"):
        stored[collection, number] = df
        if hash_term(term) != number:
            detail = "is stored under another hash"
            yield Finding("term", f"term {term!r} of {collection!r}", detail, remedy, mendable)
    counted = {
        (collection, number): n for collection, counts in tally.counts.items() for number, n in counts.df.items()
    }
    for collection, number in stored.keys() | counted.keys():
        n_stored, n_counted = stored.get((collection, number), 0), counted.get((collection, number), 0)
        if n_stored != n_counted:
            detail = f"is counted in {n_stored} passages and occurs in {n_counted}"
            yield Finding("term-frequency", f"term {number} of {collection!r}", detail, remedy, mendable)
    collections = {name: row for name, *row in select("SELECT * FROM collections")}
    right = {name: counts.row for name, counts in tally.counts.items()}
    for name in collections.keys() | right.keys():
        if collections.get(name) != right.get(name):
            detail = f"counts are {collections.get(name)}, should be {right.get(name)}"
            yield Finding("counters", f"collection {name!r}", detail, remedy, mendable)


def check_log(connection: Connection, tally: Tally) -> Iterator[Finding]:
    """The log must account for every passage: the views follow it alone."""
    n, first, last = connection.execute("SELECT count(*), min(sequence), max(sequence) FROM log").get
    if n and n != last - first + 1:
        detail = f"has {n} entries from number {first} to {last}"
        yield Finding("log-gap", "log", detail, REPAIR, True)
    if difference := sorted(logged_passages(connection).symmetric_difference(tally.passages)):
        detail = f"does not account for {len(difference)} passages, as {difference[0]}"
        yield Finding("log", "log", detail, REPAIR, True)


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


def _is_section(section: str) -> bool:
    try:
        headings = json.loads(section)
    except ValueError:
        return False
    return isinstance(headings, list) and all(isinstance(heading, str) for heading in headings)
