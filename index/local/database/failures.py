"""Files that could not be taken in: remembered until they are, or until they are gone."""

from collections.abc import Iterable

from index.local.database.connection import Connection
from index.local.system.clock import now
from index.types import FailedFile

_COLUMNS = "collection, key, source, content_sha256, reason, at"


def write_failures(connection: Connection, failed: Iterable[FailedFile]) -> None:
    """Remember these, each in place of what was known of the same collection and key; those that say when keep that."""
    at = now()
    connection.executemany(
        f"INSERT OR REPLACE INTO failures ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        [(file.collection, file.key, file.source, file.content_sha256, file.reason, file.at or at) for file in failed],
    )


def forget_failures(connection: Connection, collection: str, keys: Iterable[str]) -> None:
    """What of these keys failed has been taken in, or is gone."""
    connection.executemany("DELETE FROM failures WHERE collection = ? AND key = ?", [(collection, key) for key in keys])


def read_failures(
    connection: Connection, collection: str | None, key: str | None, prefix: str | None
) -> list[FailedFile]:
    """Of one collection or all, of one key, of keys that begin so, or all; in the order of collection and key."""
    # Only what is asked for is a condition: with "? IS NULL OR ..." all rows would be read each time.
    conditions = {
        "collection = ?": collection,
        "key = ?": key,
        "key >= ?": prefix,
        "key < ?": None if prefix is None else prefix + "\U0010ffff",  # the last code point; UTF-8 keeps their order
    }
    asked = {condition: value for condition, value in conditions.items() if value is not None}
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM failures WHERE {' AND '.join(asked) or 'TRUE'} ORDER BY collection, key",
        tuple(asked.values()),
    )
    return [FailedFile(*row) for row in rows]
