"""The index of a store's words in a database, BM25 by pg_textsearch: made, asked whether it has them all, and made anew.

Words go in as the hashes that are stored beside the vectors, written as ``x%08x``: the analyzer stays the only one, and no index
holds a word.
"""

from psycopg.errors import InsufficientPrivilege

from index.errors import StoreUnwritable
from index.postgres.connection import LOCK_SPACE, WORDS_LOCK, Connection

WORDS_INDEX = "passages_words"
CREATE_WORDS = (
    f"CREATE INDEX {WORDS_INDEX} ON passages USING bm25 (words) WITH (text_config = 'simple', k1 = 1.2, b = 0.75)"
)
# As ``documents.words_of``, of passages that were written while there was no index.
_FILL_WORDS = """
    UPDATE passages p SET words = rtrim(regexp_replace(encode(e.terms, 'hex'), '(..)(..)(..)(..)', 'x\\4\\3\\2\\1 ', 'g'))
    FROM payload e WHERE e.passage = p.id AND p.words IS NULL
"""
_VECTOR = (0, 8, 0)
# Which start of which server this is. A crash of one of its processes begins no other server, but its statistics anew.
STARTED = (
    "extract(epoch FROM pg_postmaster_start_time()) || ' ' ||"
    " coalesce((SELECT extract(epoch FROM stats_reset) FROM pg_stat_wal), 0)"
)
# Whether there is an index of words, and whether it has them all. Before 1.4 one loses what was written to it when its server is
# started again, and does not find it on a standby, nor after that took over; no error tells (seen with 1.0.0).
_WORDS = f"""
    SELECT coalesce((SELECT value FROM meta WHERE key = 'words') = 'index', false), coalesce(
        (SELECT regexp_match(extversion, '^(\\d+)\\.(\\d+)')::integer[] >= '{{1,4}}' FROM pg_extension
            WHERE extname = 'pg_textsearch')
        OR (SELECT value FROM meta WHERE key = 'words_since') = {STARTED}, false)
"""

FORGETFUL = (
    "%s has pg_textsearch %s, whose indexes forget words when the server is started again: since then words are answered from the "
    "stored terms, in time that grows with the passages; `rag repair` makes an index again"
)


def has_all_words(connection: Connection) -> bool:
    """Whether there is an index of words that has all of them now."""
    return words_state(connection) == (True, True)


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
    if words_state(connection) == (True, False):
        connection.execute("LOCK TABLE passages IN ACCESS EXCLUSIVE MODE")
        if words_state(connection) == (True, False):  # nobody has made it anew meanwhile
            _drop_words(connection)


def make_words(connection: Connection, place: str) -> bool:
    """Make the index of words anew; False where the server has none. Changes wait, questions are answered by the stored terms."""
    if make_extensions(connection, place) != "index":
        return False
    connection.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK_SPACE, WORDS_LOCK))
    if words_state(connection)[0]:
        with connection.transaction():
            connection.execute("LOCK TABLE meta IN ACCESS EXCLUSIVE MODE")  # no reader is about to ask it
            _drop_words(connection)
    with connection.transaction():
        connection.execute("LOCK TABLE passages IN SHARE ROW EXCLUSIVE MODE")
        connection.execute(CREATE_WORDS)
        # After it: an index that is made later finds no rows that were changed in their place (1.0.0).
        connection.execute(_FILL_WORDS)
        connection.execute("DELETE FROM meta WHERE key IN ('words', 'words_since')")
        connection.execute(f"INSERT INTO meta VALUES ('words', 'index'), ('words_since', {STARTED})")
    connection.execute("ANALYZE passages")  # without it the planner may score row by row
    return True


def _drop_words(connection: Connection) -> None:
    connection.execute(f"DROP INDEX IF EXISTS {WORDS_INDEX}")
    connection.execute("UPDATE meta SET value = 'scan' WHERE key = 'words'")


def words_state(connection: Connection) -> tuple[bool, bool]:
    """Whether there is an index of words, and whether one has forgotten none."""
    row = connection.execute(_WORDS).fetchone()
    assert row is not None  # it is of no table
    return bool(row[0]), bool(row[1])


def make_extensions(connection: Connection, place: str) -> str:
    """Make the extensions that are to be had; what answers for words: "index" or "scan"."""
    available: dict[str, str] = dict(
        connection.execute("SELECT name, default_version FROM pg_available_extensions").fetchall()
    )
    if "vector" not in available:
        raise StoreUnwritable(
            f"the server of {place} has no pgvector: install the extension 'vector' 0.8 or newer there"
        )
    _make_extension(connection, place, "vector")
    if (version := version_of(connection, "vector")) < _VECTOR:
        raise StoreUnwritable(
            f"{place} has pgvector {shown(version)}, and 0.8 or newer is needed: install it and ALTER EXTENSION vector UPDATE"
        )
    # The setting is shown to few; to others, what a superuser made tells that it is loaded.
    row = connection.execute("SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'").fetchone()
    is_loaded = "pg_textsearch" in row[0] if row else any(version_of(connection, "pg_textsearch"))
    if "pg_textsearch" not in available or not is_loaded:
        return "scan"
    _make_extension(connection, place, "pg_textsearch")
    return "index"


def _make_extension(connection: Connection, place: str, name: str) -> None:
    """Make an extension where it is not there yet.  Raises StoreUnwritable for a user who may not."""
    try:
        connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name} SCHEMA public")
    except InsufficientPrivilege as error:
        raise StoreUnwritable(
            f"{place} does not let this user make the extension {name}: let a superuser run CREATE EXTENSION {name} in that "
            "database, then try again"
        ) from error


def version_of(connection: Connection, extension: str) -> tuple[int, ...]:
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = %s", (extension,)).fetchone()
    return _numbers(str(row[0] if row else "0"))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split(".") if part.isdecimal())


def shown(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
