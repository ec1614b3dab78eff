"""The index of a store's words in a database, BM25 by pg_textsearch: made, asked whether it has them all, and made anew.

Words go in as the hashes that are stored beside the vectors, written as ``x%08x``: the analyzer stays the only one, and no index
holds a word.
"""

import logging

import numpy as np

from index.postgres.connection import LOCK_SPACE, WORDS_LOCK, Connection, make_extension, value_of

WORDS_INDEX = "passages_words"
_CREATE = f"CREATE INDEX {WORDS_INDEX} ON passages USING bm25 (words) WITH (text_config = 'simple', k1 = 1.2, b = 0.75)"
# As ``words_of``, of passages that were written while there was no index.
_FILL = """
    UPDATE passages p SET words = rtrim(regexp_replace(encode(e.terms, 'hex'), '(..)(..)(..)(..)', 'x\\4\\3\\2\\1 ', 'g'))
    FROM payload e WHERE e.passage = p.id AND p.words IS NULL
"""
# Which start of which server this is. A crash of one of its processes begins no other server, but its statistics anew.
_STARTED = (
    "extract(epoch FROM pg_postmaster_start_time()) || ' ' ||"
    " coalesce((SELECT extract(epoch FROM stats_reset) FROM pg_stat_wal), 0)"
)
# Whether there is an index of words, and whether it has them all. Before 1.4 one loses what was written to it when its server is
# started again, and does not find it on a standby, nor after that took over; no error tells (seen with 1.0.0).
_STATE = f"""
    SELECT coalesce((SELECT value FROM meta WHERE key = 'words') = 'index', false), coalesce(
        (SELECT regexp_match(extversion, '^(\\d+)\\.(\\d+)')::integer[] >= '{{1,4}}' FROM pg_extension
            WHERE extname = 'pg_textsearch')
        OR (SELECT value FROM meta WHERE key = 'words_since') = {_STARTED}, false)
"""
# Whether the server has what such an index is made by. The setting is shown to few; to others, what a superuser made tells.
_AVAILABLE = """
    SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_textsearch' AND coalesce(
        (SELECT strpos(setting, 'pg_textsearch') > 0 FROM pg_settings s WHERE s.name = 'shared_preload_libraries'),
        installed_version IS NOT NULL))
"""
_FORGETFUL = (
    "%s has pg_textsearch %s, whose indexes forget words when the server is started again: since then words are answered from the "
    "stored terms, in time that grows with the passages; `rag repair` makes an index again"
)
_log = logging.getLogger(__name__)


def words_of(terms: bytes) -> str:
    """Hashed terms uint32, packed, as the index reads them."""
    return " ".join(f"x{term:08x}" for term in np.frombuffer(terms, dtype="<u4").tolist())


def has_all_words(connection: Connection) -> bool:
    """Whether there is an index of words that has all of them now."""
    return _state(connection) == (True, True)


def has_words(connection: Connection) -> bool:
    """Whether there is an index of words, which is so until the transaction ends."""
    cursor = connection.execute(
        "LOCK TABLE passages IN ROW EXCLUSIVE MODE; SELECT value = 'index' FROM meta WHERE key = 'words'"
    )
    cursor.nextset()
    row = cursor.fetchone()
    return bool(row and row[0])


def drop_forgotten_words(connection: Connection) -> None:
    """Remove an index of words whose server has been started again: it would refuse what is written, or have that alone."""
    if _state(connection) == (True, False):
        connection.execute("LOCK TABLE passages IN ACCESS EXCLUSIVE MODE")
        if _state(connection) == (True, False):  # nobody has made it anew meanwhile
            _drop(connection)


def make_words(connection: Connection, place: str) -> bool:
    """Make the index of words anew; False where the server has none. Changes wait, questions are answered by the stored terms."""
    if not _make_available(connection, place):
        return False
    connection.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK_SPACE, WORDS_LOCK))
    if _state(connection)[0]:
        with connection.transaction():
            connection.execute("LOCK TABLE meta IN ACCESS EXCLUSIVE MODE")  # no reader is about to ask it
            _drop(connection)
    with connection.transaction():
        connection.execute("LOCK TABLE passages IN SHARE ROW EXCLUSIVE MODE")
        _create(connection)
    connection.execute("ANALYZE passages")  # without it the planner may score row by row
    return True


def begin_words(connection: Connection, place: str) -> None:
    """Make the index of words of new tables, where the server has one."""
    connection.execute("INSERT INTO meta VALUES ('words', 'scan')")
    if _make_available(connection, place):
        _create(connection)


def warn_of_forgotten(connection: Connection, place: str) -> None:
    """Tell of an index of words that may lack some."""
    if _state(connection) == (True, False):
        query = "SELECT coalesce(max(extversion), '0') FROM pg_extension WHERE extname = 'pg_textsearch'"
        _log.warning(_FORGETFUL, place, value_of(connection, query))


def _make_available(connection: Connection, place: str) -> bool:
    """Whether the server has an index of words, with all that making one needs."""
    if not value_of(connection, _AVAILABLE):
        return False
    make_extension(connection, place, "pg_textsearch")
    return True


def _create(connection: Connection) -> None:
    connection.execute(_CREATE)
    # After it: an index that is made later finds no rows that were changed in their place (1.0.0).
    connection.execute(_FILL)
    connection.execute("DELETE FROM meta WHERE key IN ('words', 'words_since')")
    connection.execute(f"INSERT INTO meta VALUES ('words', 'index'), ('words_since', {_STARTED})")


def _drop(connection: Connection) -> None:
    connection.execute(f"DROP INDEX IF EXISTS {WORDS_INDEX}")
    connection.execute("UPDATE meta SET value = 'scan' WHERE key = 'words'")


def _state(connection: Connection) -> tuple[bool, bool]:
    """Whether there is an index of words, and whether one has forgotten none."""
    ((is_there, is_whole),) = connection.execute(_STATE).fetchall()
    return is_there, is_whole
