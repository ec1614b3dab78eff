"""Mending what ``verify`` calls mendable: whatever follows from the documents, their texts and the vectors of their passages.

Nothing of those is ever changed or guessed here; what is wrong with them needs the document, the model or a snapshot again.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from itertools import chain

from index.local.checks.row_checks import logged_passages
from index.local.checks.verify import VIEW_KINDS, expected_schema, highest_numbers, schema
from index.local.database.connection import Connection
from index.local.database.rows import (
    Counts,
    check_positions,
    filter_pairs,
    hash_term,
    pack_terms,
    segment_terms,
    unpack_spans,
)
from index.local.store import Store
from index.local.system.clock import now
from index.local.views.lexical import analyze
from index.types import Finding, Span


def repair(store: Store, findings: Iterable[Finding]) -> list[Finding]:
    """As ``index.stores.repair``.

    Rows are mended in one transaction; then the views are built anew from the rows. Raises StoreLocked, StoreFull, StoreUnwritable.
    """
    findings = list(findings)
    # With a vector that cannot be read no view can be built: the one that is there is all there is.
    with_views = not any(finding.kind == "vector" for finding in findings)
    mended = [finding for finding in findings if finding.mendable and (with_views or finding.kind not in VIEW_KINDS)]
    if mended:
        store.mend(_mend_rows, with_views)
    return mended


def _mend_rows(connection: Connection) -> None:
    """Bring everything that follows from documents and passages in line with them."""
    present = schema(connection)
    for name, statement in expected_schema().items():
        if name not in present and statement.startswith("CREATE INDEX"):
            connection.execute(statement)
    connection.execute(
        "DELETE FROM texts WHERE document NOT IN (SELECT number FROM documents);"
        "DELETE FROM metadata WHERE document NOT IN (SELECT number FROM documents);"
        "DELETE FROM passages WHERE document NOT IN (SELECT number FROM documents);"
        "DELETE FROM embeddings WHERE passage NOT IN (SELECT id FROM passages)"
    )
    names = {
        number: term for number, term in connection.execute("SELECT hash, term FROM terms") if hash_term(term) == number
    }
    connection.execute("DELETE FROM terms; DELETE FROM collections")
    query = (
        "SELECT d.number, d.collection, d.metadata, d.text_sha256, d.language, t.text FROM documents d"
        " LEFT JOIN texts t ON t.document = d.number ORDER BY d.number"
    )
    documents = list(connection.execute(query))
    counts: defaultdict[str, Counts] = defaultdict(Counts)
    for number, collection, metadata, text_sha256, language, text in documents:
        whole = text is not None and hashlib.sha256(text.encode()).hexdigest() == text_sha256
        if whole:
            connection.execute("UPDATE documents SET n_characters = ? WHERE number = ?", (len(text), number))
        _mend_filters(connection, number, metadata)
        _mend_passages(connection, number, text or "", language, whole, counts[collection], names)
    for collection, count in counts.items():
        rows = [(collection, number, names.get(number, ""), df) for number, df in count.df.items()]
        connection.executemany("INSERT INTO terms VALUES (?, ?, ?, ?)", rows)
        connection.execute("INSERT INTO collections VALUES (?, ?, ?, ?, ?)", (collection, *count.row))
    _mend_log(connection)
    for table, used in highest_numbers(connection).items():
        connection.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0 WHERE NOT EXISTS"
            " (SELECT 1 FROM sqlite_sequence WHERE name = ?1)",
            (table,),
        )
        connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (used, table))
    # A generation of its own: what others know of the one before, answers too, may be of what was wrong.
    connection.execute("INSERT INTO log (operation, document_id, at) VALUES ('repair', '', ?)", (now(),))


def _mend_filters(connection: Connection, number: int, metadata: str) -> None:
    with suppress(ValueError, AttributeError):  # metadata that are no JSON are a finding of their own
        pairs = filter_pairs(json.loads(metadata))
        connection.execute("DELETE FROM metadata WHERE document = ?", (number,))
        connection.executemany("INSERT INTO metadata VALUES (?, ?, ?)", [(number, *pair) for pair in sorted(pairs)])


def _mend_passages(
    connection: Connection, number: int, text: str, language: str, whole: bool, counts: Counts, names: dict[int, str]
) -> None:
    """Bring each passage's text and terms in line with the document's text, where that is right, count and name them."""
    query = (
        'SELECT p.id, p."start", p."end", p.text, p.context, p.sentences, e.terms, e.term_counts FROM passages p'
        " LEFT JOIN embeddings e ON e.passage = p.id WHERE p.document = ?"
    )
    rows = list(connection.execute(query, (number,)))
    counts.n_documents += 1
    counts.n_passages += len(rows)
    for passage, start, end, stored, context, packed, terms, lengths in rows:
        try:
            sentences = unpack_spans(packed)
            check_positions(Span(start, end), sentences, len(text))
        except ValueError:
            counts.add(terms or b"", lengths or b"")
            continue
        segments = segment_terms(text, context, sentences, partial(analyze, language=language))
        names.update({hash_term(term): term for term in chain(*segments[1:])})
        if whole and stored != text[start:end]:
            connection.execute("UPDATE passages SET text = ? WHERE id = ?", (text[start:end], passage))
        if whole and terms is not None:
            right = pack_terms(segments)
            if (terms, lengths) != right:
                terms, lengths = right
                update = "UPDATE embeddings SET terms = ?, term_counts = ? WHERE passage = ?"
                connection.execute(update, (terms, lengths, passage))
        if terms is not None:
            counts.add(terms, lengths)


def _mend_log(connection: Connection) -> None:
    """Add entries until the log accounts for exactly the passages that there are, without a gap in its numbers."""
    n, first, last = connection.execute("SELECT count(*), min(sequence), max(sequence) FROM log").get
    at = now()
    if n and n != last - first + 1:
        present = {sequence for (sequence,) in connection.execute("SELECT sequence FROM log")}
        connection.executemany(
            "INSERT INTO log (sequence, operation, document_id, at) VALUES (?, 'repair', '', ?)",
            [(sequence, at) for sequence in range(first, last) if sequence not in present],
        )
    logged = logged_passages(connection)
    query = "SELECT p.id, d.id FROM passages p JOIN documents d ON d.number = p.document"
    owners: dict[int, str] = dict(list(connection.execute(query)))
    connection.executemany(
        "INSERT INTO log (operation, document_id, removed_first, removed_last, at) VALUES ('repair', '', ?1, ?1, ?2)",
        [(passage, at) for passage in sorted(logged - owners.keys())],
    )
    connection.executemany(
        "INSERT INTO log (operation, document_id, first_passage, last_passage, at) VALUES ('repair', ?1, ?2, ?2, ?3)",
        [(owners[passage], passage, at) for passage in sorted(owners.keys() - logged)],
    )
