"""Files that could not be taken in: remembered until they are, or until they are gone."""

from collections.abc import Iterable
from datetime import UTC, datetime

from index.database import Connection
from index.types import FailedFile

_COLUMNS = "collection, key, source, content_sha256, reason, at"


def write_failures(connection: Connection, failed: Iterable[FailedFile]) -> None:
    """Remember these, each in place of what was known of the same collection and key; those that say when keep that."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    connection.executemany(
        f"INSERT OR REPLACE INTO failures ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        [(one.collection, one.key, one.source, one.content_sha256, one.reason, one.at or at) for one in failed],
    )


def forget_failures(connection: Connection, collection: str, keys: Iterable[str]) -> None:
    """What of these keys failed has been taken in, or is gone."""
    connection.executemany("DELETE FROM failures WHERE collection = ? AND key = ?", [(collection, key) for key in keys])


def read_failures(connection: Connection, collection: str | None, key: str | None) -> list[FailedFile]:
    """Of one collection or all, of one key or all, in the order of collection and key."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM failures WHERE (?1 IS NULL OR collection = ?1) AND (?2 IS NULL OR key = ?2)"
        " ORDER BY collection, key",
        (collection, key),
    )
    return [FailedFile(*row) for row in rows]
