"""Comparing everything in a store's database with everything that must agree with it, in one snapshot; its indexes made anew.

Rows are compared with one another as in a directory's store (``index.local.checks.row_checks``); both indexes are asked for a
sample of passages, each of which must find itself.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from index.backend import Progress
from index.local.checks.row_checks import REPAIR, Against, Tally, check_counters, check_name, check_passages, listed
from index.local.database.rows import StoredPassage, packed_columns
from index.postgres.connection import Connection, value_of
from index.postgres.documents import unpacked_half
from index.postgres.words import WORDS_INDEX, has_all_words, make_words, words_of
from index.types import Finding

_SAMPLE = 1000
# A vacuum takes an HNSW graph apart and joins it again, passage by passage: until it ends many are not reached.
_VACUUM_S, _PAUSE_S = 60.0, 0.1
_BACKUP = "bring the store back from a backup, or with `rag restore SRC --overwrite`"


def check_store(connection: Connection, dim: int, progress: Progress | None) -> list[Finding]:
    """Everything that does not fit together; empty for a healthy store. Of each kind the first hundred are listed."""
    tally, has_words = Tally(), has_all_words(connection)
    checks = (
        _documents(connection, dim, has_words, tally, progress),
        check_counters(connection.execute, tally, _BACKUP),
        _log(connection, tally),
        _orphans(connection),
        _indexes(connection, has_words),
    )
    return listed(chain.from_iterable(checks))


def repair(connection: Connection, place: str, findings: Iterable[Finding]) -> list[Finding]:
    """Make indexes anew that lack passages, and one of words where there is none and could be; what was mended."""
    found = {finding.kind: finding for finding in findings if finding.mendable}
    if "vectors-index" in found:
        connection.execute("REINDEX INDEX CONCURRENTLY passages_vector")
    if not has_all_words(connection):
        detail = "there was none that has all words: they were answered from the stored terms"
        found["words-index"] = Finding("words-index", WORDS_INDEX, detail, REPAIR, mendable=True)
    if "words-index" in found and not make_words(connection, place):
        del found["words-index"]
    return list(found.values())


def _documents(
    connection: Connection, dim: int, has_words: bool, tally: Tally, progress: Progress | None
) -> Iterator[Finding]:
    """Each document with its filters and passages."""
    total: int = value_of(connection, "SELECT count(*) FROM passages")
    with connection.cursor(name="documents") as cursor:
        cursor.itersize = 200
        cursor.execute(
            "SELECT number, id, collection, key, metadata, text_sha256, n_characters, n_passages, language, text"
            " FROM documents ORDER BY number"
        )
        for number, identifier, collection, key, metadata, sha256, n_characters, n_passages, language, text in cursor:
            where, remedy = f"document {identifier}", f"`rag rm {identifier}` and add it again"
            before = len(tally.passages)
            filters = connection.execute("SELECT key, value FROM metadata WHERE document = %s", (number,)).fetchall()
            yield from check_name(identifier, collection, key, metadata, set(filters), remedy, remedy)
            whole = hashlib.sha256(text.encode()).hexdigest() == sha256 and len(text) == n_characters
            if not whole:
                yield Finding("text", where, "its text is not the one that was stored", remedy)
            against = Against(collection, text, whole, language, dim, remedy, remedy)
            yield from _passages(connection, has_words, number, against, tally)
            if len(tally.passages) - before != n_passages:
                detail = f"should have {n_passages} passages, has {len(tally.passages) - before}"
                yield Finding("passage-order", where, detail, remedy)
            if progress is not None:
                progress(len(tally.passages), total)


def _passages(
    connection: Connection, has_words: bool, number: int, against: Against, tally: Tally
) -> Iterator[Finding]:
    """Each passage of a document, and what indexes hold of it against what is scored."""
    rows = connection.execute(
        f"SELECT p.id, p.ordinal, p.collection, p.words, p.vector, {packed_columns('e', 's')} FROM passages p"
        " LEFT JOIN payload e ON e.passage = p.id LEFT JOIN signs s ON s.passage = p.id WHERE p.document = %s ORDER BY p.ordinal",
        (number,),
        binary=True,
    ).fetchall()
    yield from check_passages(((row[0], StoredPassage(*row[5:])) for row in rows), against, tally)
    for place, (passage, ordinal, collection, words, searched, *packed) in enumerate(rows):
        where, stored = f"passage {passage}", StoredPassage(*packed)
        if ordinal != place or collection != against.collection:
            yield Finding("passage-order", where, f"is number {ordinal} of {collection!r}", against.remedy)
        if stored.terms is None:
            continue
        if unpacked_half(searched).tobytes() != stored.vector:
            detail = "the vector that is searched is not the one that is scored"
            yield Finding("vector", where, detail, against.remedy)
        if has_words and words != words_of(stored.terms):
            yield Finding("words", where, "the words that are searched are not its terms", against.remedy)


def _log(connection: Connection, tally: Tally) -> Iterator[Finding]:
    """The log has no gap, and what it says of each document last is what is there."""
    query = "SELECT count(*), coalesce(min(sequence), 1), coalesce(max(sequence), 0) FROM log"
    ((n, first, last),) = connection.execute(query).fetchall()
    if n != last - first + 1:
        yield Finding("log-gap", "log", f"has {n} entries from number {first} to {last}", _BACKUP)
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
        if n_rows := value_of(connection, query):
            yield Finding("orphan", table, f"has {n_rows} rows that belong to nothing", _BACKUP)


def _indexes(connection: Connection, has_words: bool) -> Iterator[Finding]:
    """A sample of passages must find themselves by their vectors, and by their words where an index answers for them."""
    rows = connection.execute(
        "SELECT p.id, p.vector::text, p.words FROM passages p ORDER BY hashint8(p.id) LIMIT %s", (_SAMPLE,)
    ).fetchall()
    connection.execute("SET LOCAL enable_seqscan = off")
    missing = _not_found_at_rest(connection, {passage: vector for passage, vector, _ in rows})
    if missing:
        detail = f"does not find {len(missing)} of {len(rows)} passages by their own vectors, as {missing[0]}"
        yield Finding("vectors-index", "passages_vector", detail, REPAIR, mendable=True)
    if not has_words:
        return
    lost = [passage for passage, _, words in rows if words and not _found_by_words(connection, passage, words)]
    if lost:
        detail = f"does not find {len(lost)} of {len(rows)} passages by their own words, as {lost[0]}"
        yield Finding("words-index", WORDS_INDEX, detail, REPAIR, mendable=True)


def _not_found_at_rest(connection: Connection, vectors: Mapping[int, str]) -> list[int]:
    """As ``_not_found``, asked again until no vacuum begins or ends meanwhile, or one takes too long."""
    missing = _not_found(connection, vectors)
    until = time.monotonic() + _VACUUM_S
    while missing and time.monotonic() < until:
        before = _is_vacuumed(connection)
        missing = _not_found(connection, {passage: vectors[passage] for passage in missing})
        if not before and not _is_vacuumed(connection):
            break
        time.sleep(_PAUSE_S)
    return missing


def _not_found(connection: Connection, vectors: Mapping[int, str]) -> list[int]:
    """Those of the passages that the index does not propose for their own vectors."""
    missing: list[int] = []
    for passage, vector in vectors.items():
        query = "SELECT p.id, p.vector <#> %s::halfvec AS distance FROM passages p ORDER BY distance LIMIT 20"
        hits = connection.execute(query, (vector,)).fetchall()
        # Beside equal vectors it may be any of them.
        if passage not in {hit for hit, _ in hits} and (not hits or hits[0][1] > -0.99):
            missing.append(passage)
    return missing


def _is_vacuumed(connection: Connection) -> bool:
    """Whether the passages are being vacuumed; of others' processes not everybody may know which table it is."""
    is_vacuumed: bool = value_of(
        connection,
        "SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE datname = current_database()"
        " AND coalesce(relid = 'passages'::regclass, true))",
    )
    return is_vacuumed


def _found_by_words(connection: Connection, passage: int, words: str) -> bool:
    """Whether the words index proposes a passage, or others with the same words, for all of its words."""
    query = f"SELECT p.id, p.words FROM passages p ORDER BY p.words <@> to_bm25query(%s, '{WORDS_INDEX}') LIMIT 20"
    distinct = " ".join(sorted(set(words.split())))
    hits = connection.execute(query, (distinct,)).fetchall()
    return any(hit == passage or sorted(own.split()) == sorted(words.split()) for hit, own in hits)
