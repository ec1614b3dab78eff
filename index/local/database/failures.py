"""Files that could not be taken in: remembered until they are, or until they are gone."""

from collections.abc import Iterable

from index.local.database.connection import Connection
from index.local.system.clock import now
from index.types import FailedFile


def write_failures(connection: Connection, failed: Iterable[FailedFile]) -> None:
    """Remember these, each in place of what was known of the same collection and key; those that say when keep that."""
    at = now()
    connection.executemany(
        "INSERT OR REPLACE INTO failures (collection, key, source, content_sha256, reason, at) VALUES (?, ?, ?, ?, ?, ?)",
        [(file.collection, file.key, file.source, file.content_sha256, file.reason, file.at or at) for file in failed],
    )


def forget_failures(connection: Connection, collection: str, keys: Iterable[str]) -> None:
    """What of these keys failed has been taken in, or is gone."""
    connection.executemany("DELETE FROM failures WHERE collection = ? AND key = ?", [(collection, key) for key in keys])
