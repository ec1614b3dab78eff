"""PostgreSQL's errors as the store's own, each with a message that says what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from index.errors import StoreDamaged, StoreError, StoreFull, StoreLocked, StoreUnreachable, StoreUnwritable

# The server is going, starting, or not the one that may be written to: another connection may do.
_LOST = (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction)
# A statement that met others at work: the same again may do.
AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)
# Of the same class as those of lost connections.
_OF_STATEMENTS = (
    *AGAIN, errors.DiskFull, errors.OutOfMemory, errors.ConfigurationLimitExceeded, errors.QueryCanceled,
    errors.LockNotAvailable, errors.ObjectInUse,
)  # fmt: skip


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection failed, not the statement: the server is going, or is not the one that may be written to."""
    return isinstance(error, _LOST) and not isinstance(error, _OF_STATEMENTS)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turns PostgreSQL's errors into the store's."""
    try:
        yield
    except psycopg.Error as error:
        raise store_error(error, place) from error


def store_error(error: psycopg.Error, place: str) -> StoreError:
    """The store's error for one of PostgreSQL's."""
    why = reason(error)
    if isinstance(error, errors.DiskFull | errors.OutOfMemory):
        return StoreFull(f"no space is left for {place} ({why}): free some there and try again")
    if isinstance(error, errors.InsufficientPrivilege):
        return StoreUnwritable(
            f"{place} does not let this user do that ({why}): make it the owner of the database, or let its owner run the command"
        )
    if isinstance(error, errors.QueryCanceled):
        return StoreLocked(f"{place} cancelled a statement ({why}): try again, or raise its statement_timeout")
    if isinstance(error, (errors.LockNotAvailable, *AGAIN)):
        return StoreLocked(f"{place} is in use by others ({why}): try again later")
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn | errors.InvalidSchemaName):
        return StoreDamaged(
            f"{place} has lost a part of the store ({why}): bring it back with `rag restore SRC --overwrite`, or from a backup"
        )
    if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted):
        return StoreDamaged(
            f"{place} is damaged ({why}): see the runbook in docs/scale.md, or bring it back from a backup"
        )
    if is_lost(error):
        return StoreUnreachable(
            f"{place} cannot be reached ({why}): check the address and that the server runs, and try again"
        )
    return StoreError(f"{place} refused a statement ({why}): `rag verify` tells whether the store is whole")


def reason(error: BaseException) -> str:
    """What an error says, in one line and without a password."""
    text = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1@", text)
