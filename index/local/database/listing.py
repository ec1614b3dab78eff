"""What a store's rows alone say, read without its views and without numpy: its settings, and what there is to list."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from index.errors import StoreError
from index.local.database.connection import Connection, Database
from index.local.database.migrations import FORMAT_VERSION
from index.local.system.lock import WriterLock
from index.local.system.names import DATABASE, LOCK, REPLACEMENT
from index.types import Document, FailedFile, JsonScalar

DOCUMENT_COLUMNS = (
    "d.id, d.collection, d.key, d.title, d.source, d.metadata, d.text_sha256, d.content_sha256, d.n_characters,"
    " d.n_passages, d.added_at, d.language"
)


class Rows:
    """One state of a store, of which only this can be read. Methods as of ``index.backend.Reader``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def settings(self) -> Mapping[str, JsonScalar]:
        """What the store was made with.  Raises KeyError or ValueError when that is not readable."""
        text: str | None = self._connection.execute("SELECT value FROM meta WHERE key = 'settings'").get
        if text is None:
            raise KeyError("settings")
        settings: dict[str, JsonScalar] = json.loads(text)
        return settings

    def every_document(self, collection: str | None = None) -> Iterator[Document]:
        query = f"SELECT {DOCUMENT_COLUMNS} FROM documents d WHERE ?1 IS NULL OR d.collection = ?1 ORDER BY d.number"
        return map(unpack_document, self._connection.execute(query, (collection,)))

    def failures(self, collection: str | None = None) -> list[FailedFile]:
        columns = "collection, key, source, content_sha256, reason, at"
        query = f"SELECT {columns} FROM failures WHERE ?1 IS NULL OR collection = ?1 ORDER BY collection, key"
        return [FailedFile(*row) for row in self._connection.execute(query, (collection,))]

    def collections(self) -> list[str]:
        return [name for (name,) in self._connection.execute("SELECT name FROM collections ORDER BY name")]


def unpack_document(row: Sequence[Any]) -> Document:
    """A document from DOCUMENT_COLUMNS."""
    identifier, collection, key, title, source, metadata, *rest = row
    return Document(identifier, collection, key, title, source, json.loads(metadata), *rest)


def read_settings(store: Path) -> Mapping[str, JsonScalar]:
    """The settings that ``Store.create`` was given.

    Raises StoreDamaged, StoreTooNew or StoreUnwritable, the last also where there is no store; KeyError or ValueError when the
    settings are not readable.
    """
    with closing(Database(store / DATABASE)) as database, database.reading() as connection:
        return Rows(connection).settings


@contextmanager
def read_rows(store: Path) -> Iterator[Rows | None]:
    """What the store in a directory says by its rows; None where it has to be opened to say what is wrong or to be done first."""
    acknowledged = WriterLock(store / LOCK).acknowledged()
    try:
        database = None if (store / REPLACEMENT).exists() else Database(store / DATABASE)
    except (StoreError, OSError):
        database = None
    if database is None:
        yield None
        return
    with closing(database), database.reading() as connection:
        sequence: int = connection.execute("SELECT coalesce(max(sequence), 0) FROM log").get
        is_ready = database.format_version == FORMAT_VERSION and sequence >= acknowledged
        yield Rows(connection) if is_ready else None
