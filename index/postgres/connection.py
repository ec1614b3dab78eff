"""The connections to a store's database: one snapshot for whoever reads, one transaction for whoever writes.

When a connection breaks, reading begins again on another one. Writing first looks whether its change was committed: its row in the
log has a token of its own.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import conninfo, sql
from psycopg.types.string import StrDumperUnknown
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from index.backend import without, without_password
from index.errors import StoreError, StoreUnreachable, StoreUnwritable
from index.postgres.errors import AGAIN, is_lost, reason, store_error

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")

SCHEMA = "footnote"
# Any number that other programs on the same database do not use for their advisory locks: "Foot", and a number of ours.
LOCK_SPACE = 0x466F6F74
CREATE_LOCK, COMMIT_LOCK, REBUILD_LOCK, VIEW_LOCK, WORDS_LOCK = 1, 2, 3, 4, 5
# Of each process. A question holds one while it is searched, which goes one at a time; uploads and lists take others.
_CONNECTIONS = 8
# libpq's: seconds but for the last, which is milliseconds. A network that is cut says nothing: without these a statement waits for
# its answer for as long as the system tries, some fifteen minutes.
_UNANSWERED = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_READ_TIMEOUT_S = 10.0
_PAUSE_S = 0.2
_ASK_AGAIN_S = 2.0
_NOT_REPLICATED = "synchronous replication"
# What PostgreSQL's text cannot hold, and what stands for it, as in CommonMark: one character for one, so that no position moves.
_NUL, _REPLACEMENT = "\0", "\ufffd"


def storable(text: str) -> str:
    """A text as this store keeps it: U+FFFD for U+0000, which PostgreSQL refuses."""
    return text.replace(_NUL, _REPLACEMENT)


class _Text(StrDumperUnknown):
    """Text of a statement, as ``storable``."""

    def dump(self, obj: str) -> Any:
        return super().dump(storable(obj))


class Database:
    """Connections to one database.

    place: its address, as messages say it.  schema: where the store's tables are.  writable: how the server that may be written to
    is reached, in libpq's words.
    """

    def __init__(self, address: str, schema: str = SCHEMA) -> None:
        """Connects once, to say what is wrong.  Raises StoreUnreachable."""
        # Not libpq's: the address of a Milvus that is a view of the store.
        self.milvus = parse_qs(urlsplit(address).query).get("milvus", [""])[0]
        self.address = address
        address = without(address, "milvus")
        self.place = without_password(address)
        self.schema = schema
        self.written = 0  # the last change that this process made: no older state is read here from then on
        try:
            parameters = conninfo.conninfo_to_dict(address)
        except psycopg.Error as error:
            raise StoreUnreachable(f"{self.place} is no address of a database ({reason(error)})") from error
        for name, value in _UNANSWERED.items():
            parameters.setdefault(name, value)
        parameters.setdefault("application_name", "footnote")
        several = "," in str(parameters.get("host", "")) or "," in str(parameters.get("hostaddr", ""))
        reads_at = str(parameters.pop("target_session_attrs", "any"))
        for_writing = {**parameters, "target_session_attrs": "read-write"} if several else parameters
        self.writable = conninfo.make_conninfo("", **for_writing)
        with self.connected():
            pass
        self._writers = self._pool(for_writing)
        self._readers = self._pool({**parameters, "target_session_attrs": reads_at}) if several else self._writers

    def connected(self) -> Connection:
        """A connection of its own, to one that may be written to where there are several.  Raises StoreUnreachable."""
        try:
            connection = psycopg.connect(self.writable, autocommit=True)
            self._configure(connection)
        except psycopg.Error as error:
            raise StoreUnreachable(
                f"{self.place} cannot be reached ({reason(error)}): check the address, the user and that the server runs"
            ) from error
        return connection

    @contextmanager
    def reading(self, first: str, *, primary: bool = False) -> Iterator[tuple[Connection, Any]]:
        """A connection in one snapshot, and the row that ``first``, a query, gives there.

        primary: of the server that is written to.  Raises StoreUnreachable when none can be had in time.
        """
        pool = self._writers if primary else self._readers
        deadline = time.monotonic() + _READ_TIMEOUT_S
        while True:
            connection = self._taken(pool, deadline)
            try:
                cursor = connection.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {first}")
                cursor.nextset()
                row = cursor.fetchone()
                break
            except psycopg.Error as error:
                self._given_back(pool, connection)
                if not is_lost(error) or time.monotonic() > deadline:
                    raise store_error(error, self.place) from error
                time.sleep(_PAUSE_S)
        try:
            yield connection, row
        except psycopg.Error as error:
            raise store_error(error, self.place) from error
        finally:
            self._given_back(pool, connection)

    def write(self, work: Callable[[Connection, str], T], done: str, timeout_s: float) -> T:
        """What ``work`` gives, done in one transaction that is durable by then.

        work: called with a connection and the token to be kept with what it logs; again when the transaction could not be ended.
        done: a query with the parameter ``tokens``, which gives those of them that were committed.
        """
        deadline = time.monotonic() + timeout_s
        unknown: dict[str, T] = {}  # what was made by transactions of which it is not known how they ended, by token
        while True:
            connection = self._taken(self._writers, deadline)
            token = str(uuid.uuid4())
            try:
                unconfirmed.discard(id(connection))
                with connection.transaction() as transaction:
                    try:
                        made = work(connection, token)
                    except StoreError:
                        # As a document that is not there any more, because it was this that removed it.
                        if (committed := self._committed(connection, done, unknown)) is None:
                            raise
                        return committed
                    # Asked when what a lost transaction locked is locked here: by then it has ended one way or the other.
                    if (committed := self._committed(connection, done, unknown)) is not None:
                        raise psycopg.Rollback(transaction)
                    unknown[token] = made
                if id(connection) in unconfirmed:
                    raise StoreUnwritable(
                        f"{self.place} has the change, but no standby confirmed it in time: it is lost if this server is; "
                        "send it again when the standbys are there"
                    )
                return made if committed is None else committed
            except psycopg.Error as error:
                if not (is_lost(error) or isinstance(error, AGAIN)) or time.monotonic() > deadline:
                    raise store_error(error, self.place) from error
                if not connection.closed and is_lost(error):
                    connection.close()  # it may be to a server that is written to no more
                time.sleep(_PAUSE_S)
            finally:
                self._given_back(self._writers, connection)

    def _committed(self, connection: Connection, done: str, unknown: Mapping[str, T]) -> T | None:
        """What was made by the one of these transactions that was committed, None where none was."""
        if not unknown:
            return None
        row = connection.execute(done, {"tokens": list(unknown)}).fetchone()
        return None if row is None else unknown[str(row[0])]

    def close(self) -> None:
        """Close all connections; one that is in use is closed when it is given back."""
        self._writers.close(0)
        self._readers.close(0)

    def _pool(self, parameters: dict[str, Any]) -> "ConnectionPool[Connection]":
        # It tells of each attempt that fails; whoever waits for a connection is told once.
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        return ConnectionPool(
            conninfo.make_conninfo("", **parameters),
            connection_class=psycopg.Connection[tuple[Any, ...]],
            kwargs={"autocommit": True},
            min_size=1,
            max_size=_CONNECTIONS,
            max_idle=120.0,
            reconnect_timeout=_ASK_AGAIN_S,
            configure=self._configure,
            open=True,
        )

    def _configure(self, connection: Connection) -> None:
        connection.adapters.register_dumper(str, _Text)

        def note(notice: psycopg.errors.Diagnostic) -> None:
            if _NOT_REPLICATED in (notice.message_primary or ""):
                unconfirmed.add(id(connection))

        connection.add_notice_handler(note)
        path = sql.SQL("SET search_path = {}, public").format(sql.Identifier(self.schema))
        connection.execute(path)
        # Engine settings of an extension that is not loaded yet are kept for it.
        connection.execute(
            "SET hnsw.ef_search = 200; SET hnsw.iterative_scan = strict_order; SET hnsw.max_scan_tuples = 100000"
        )

    def _taken(self, pool: "ConnectionPool[Connection]", deadline: float) -> Connection:
        while True:
            try:
                # The pool gives up connecting after a while, and begins again only when it is asked again.
                return pool.getconn(timeout=min(max(deadline - time.monotonic(), 0.1), _ASK_AGAIN_S))
            except PoolClosed as error:
                raise ValueError("the store is closed") from error
            except (PoolTimeout, TooManyRequests) as error:
                if time.monotonic() < deadline:
                    continue
                if pool.get_stats().get("pool_size", 0) >= _CONNECTIONS:
                    raise StoreUnreachable(
                        f"all {_CONNECTIONS} connections to {self.place} are in use: try again later"
                    ) from error
                raise StoreUnreachable(
                    f"{self.place} cannot be reached in time: check that the server runs, and try again"
                ) from error

    def _given_back(self, pool: "ConnectionPool[Connection]", connection: Connection) -> None:
        if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            try:
                connection.rollback()
            except psycopg.Error:
                connection.close()
        pool.putconn(connection)


# Connections whose last commit no standby has confirmed, by identity.
unconfirmed: set[int] = set()


def value_of(connection: Connection, query: str, parameters: "Mapping[str, object] | Sequence[object]" = ()) -> Any:
    """The one value of the one row that a query gives."""
    ((value,),) = connection.execute(query, parameters or None).fetchall()
    return value


def make_extension(connection: Connection, place: str, name: str) -> None:
    """Make an extension where it is not there yet.  Raises StoreUnwritable for a user who may not."""
    try:
        connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name} SCHEMA public")
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreUnwritable(
            f"{place} does not let this user make the extension {name}: let a superuser run CREATE EXTENSION {name} in that "
            "database, then try again"
        ) from error
