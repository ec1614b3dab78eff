"""A store made again with other vectors, in a schema beside the one that is used meanwhile, and put in its place when complete.

It is a store itself, into which documents go one by one: what was interrupted goes on from there.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from index import backend
from index.backend import StoredDocument
from index.errors import StoreDamaged, StoreLocked, StoreMissing, StoreUnreachable
from index.local.database.notes import NOTE
from index.postgres import documents
from index.postgres.connection import LOCK_SPACE, REBUILD_LOCK, Connection, value_of
from index.postgres.errors import reason, translated
from index.postgres.reader import marks
from index.postgres.store import PostgresStore
from index.types import JsonScalar, NewPassage

SCHEMA = "footnote_rebuilding"
_BEFORE = "footnote_before"


class Reindexing(backend.Reindexing):
    """A store in a database, and the one in a schema beside it that is being made from it."""

    _store: PostgresStore
    _made: PostgresStore

    def __init__(self, store: PostgresStore, made: PostgresStore, alone: Connection) -> None:
        """Use ``begun``. alone: the connection that keeps others from this."""
        self._alone = alone
        self._store = store
        self._made = made
        self.removal = f"drop the schema {SCHEMA}"

    def add(self, loaded: StoredDocument, passages: Sequence[NewPassage]) -> bool:
        self._require_alone()
        old = loaded.document
        row = self._made.packed(old.as_new(loaded.text), passages)
        with self._store.read() as reader:
            if reader.find_document(old.id) != old:
                return False
        self._made.write(
            lambda connection, token: documents.write_document(connection, row, token, old.added_at, anew=True)
        )
        return True

    def install(self) -> bool:
        """Put it in the place of the store, in one transaction; False, and nothing is done, when documents are outstanding.

        Who reads or writes finishes first; who comes later finds the new store, and opens it again.
        """
        self._require_alone()
        stored, done = self._marks()
        self._made.delete_many([identifier for identifier in done if identifier not in stored])
        connection = self._alone
        with translated(self._store.place), connection.transaction():
            own = sql.Identifier(self._store.database.schema)
            new, before = sql.Identifier(SCHEMA), sql.Identifier(_BEFORE)
            connection.execute("LOCK TABLE meta IN ACCESS EXCLUSIVE MODE")
            marks_now = marks(connection)
            connection.execute(sql.SQL("SET LOCAL search_path = {}, public").format(new))
            if marks_now != marks(connection):
                return False
            connection.execute(sql.SQL("TRUNCATE {}.log, {}.failures").format(new, new))
            for table in ("log", "failures"):
                name = sql.Identifier(table)
                connection.execute(sql.SQL("INSERT INTO {}.{} SELECT * FROM {}.{}").format(new, name, own, name))
            connection.execute(
                sql.SQL("INSERT INTO {}.meta SELECT * FROM {}.meta WHERE starts_with(key, %s)").format(new, own),
                (NOTE,),
            )
            documents.log(connection, [("reindex", "", 0)], str(uuid.uuid4()))
            connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(own, before))
            connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(new, own))
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(before))
        return True

    def _require_alone(self) -> None:
        """Raises StoreUnreachable when others could be at it, as the lock went with its connection."""
        try:
            self._alone.execute("SELECT 1")
        except psycopg.Error as error:
            raise StoreUnreachable(
                f"the connection that kept others from making the store in {self._store.place} again was cut ({reason(error)}): "
                "nothing was changed; the same command goes on from there"
            ) from error


@contextmanager
def begun(
    store: PostgresStore, *, dim: int, fingerprint: str, settings: Mapping[str, JsonScalar]
) -> Iterator[Reindexing]:
    """As ``index.stores.reindexing``."""
    address = store.database.address
    with _alone(store) as connection:
        try:
            made: PostgresStore | None = PostgresStore.open(address, SCHEMA)
        except (StoreMissing, StoreDamaged):  # it can be made again
            made = None
        if made is not None and (made.id, made.dim, made.fingerprint, made.settings) != (
            store.id, dim, fingerprint, dict(settings),
        ):  # fmt: skip
            made.close()
            made = None
        if made is None:
            _drop(connection)
            made = PostgresStore.create(
                address, dim=dim, fingerprint=fingerprint, settings=settings, schema_name=SCHEMA, identifier=store.id
            )
        try:
            yield Reindexing(store, made, connection)
        finally:
            made.close()


def abandon(store: PostgresStore) -> bool:
    """As ``index.stores.abandon_reindexing``."""
    with _alone(store) as connection:
        was_begun: bool = value_of(connection, "SELECT to_regnamespace(%s) IS NOT NULL", (SCHEMA,))
        _drop(connection)
        return was_begun


@contextmanager
def _alone(store: PostgresStore) -> Iterator[Connection]:
    """A connection that keeps other processes from making this store again, until the block ends."""
    with translated(store.place), store.database.connected() as connection:
        if not value_of(connection, "SELECT pg_try_advisory_lock(%s, %s)", (LOCK_SPACE, REBUILD_LOCK)):
            raise StoreLocked(
                f"another process is making the store in {store.place} again: wait until it is done, or stop it"
            )
        yield connection


def _drop(connection: Connection) -> None:
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(SCHEMA)))
