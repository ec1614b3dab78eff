"""The tables of a store, as named steps in order; ``PRAGMA user_version`` is the number of steps that were taken."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import apsw

from index.errors import StoreTooNew


def create_documents(connection: apsw.Connection) -> None:
    """Documents with their text apart, so that listing reads no text."""
    connection.execute(
        """
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE documents (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            collection TEXT NOT NULL,
            key TEXT NOT NULL,
            title TEXT NOT NULL,
            source TEXT,
            metadata TEXT NOT NULL,
            text_sha256 TEXT NOT NULL,
            content_sha256 TEXT NOT NULL,
            n_characters INTEGER NOT NULL,
            first_passage INTEGER,
            n_passages INTEGER NOT NULL,
            added_at TEXT NOT NULL,
            UNIQUE (collection, key)
        ) STRICT;
        CREATE INDEX documents_source ON documents (source);
        CREATE TABLE texts (document INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE, text TEXT NOT NULL) STRICT;
        CREATE TABLE metadata (
            document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (document, key, value)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX metadata_value ON metadata (key, value, document);
        """
    )


def create_passages(connection: apsw.Connection) -> None:
    """Passages and what is searched of them. Terms stand before vectors: they are read alone, and a row's start is read first."""
    connection.execute(
        """
        CREATE TABLE passages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
            ordinal INTEGER NOT NULL,
            "start" INTEGER NOT NULL,
            "end" INTEGER NOT NULL,
            text TEXT NOT NULL,
            context TEXT NOT NULL,
            section TEXT NOT NULL,
            page INTEGER,
            sentences BLOB NOT NULL,
            UNIQUE (document, ordinal)
        ) STRICT;
        CREATE TABLE embeddings (
            passage INTEGER PRIMARY KEY REFERENCES passages ON DELETE CASCADE,
            terms BLOB NOT NULL,
            term_counts BLOB NOT NULL,
            vector BLOB NOT NULL,
            sentence_vectors BLOB NOT NULL,
            word_counts BLOB NOT NULL,
            word_signs BLOB NOT NULL
        ) STRICT;
        """
    )


def create_counts(connection: apsw.Connection) -> None:
    """What ranking counts, per collection, and the log of changes by which the views follow."""
    connection.execute(
        """
        CREATE TABLE terms (
            collection TEXT NOT NULL,
            hash INTEGER NOT NULL,
            term TEXT NOT NULL,
            df INTEGER NOT NULL,
            PRIMARY KEY (collection, hash)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE collections (
            name TEXT PRIMARY KEY,
            n_documents INTEGER NOT NULL,
            n_passages INTEGER NOT NULL,
            n_terms INTEGER NOT NULL,
            n_context_terms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE log (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            operation TEXT NOT NULL,
            document_id TEXT NOT NULL,
            first_passage INTEGER,
            last_passage INTEGER,
            removed_first INTEGER,
            removed_last INTEGER,
            at TEXT NOT NULL
        ) STRICT;
        """
    )


def create_failures(connection: apsw.Connection) -> None:
    """Files that could not be taken in, by the name that their document would have."""
    connection.execute(
        """
        CREATE TABLE failures (
            collection TEXT NOT NULL,
            key TEXT NOT NULL,
            source TEXT NOT NULL,
            content_sha256 TEXT,
            reason TEXT NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (collection, key)
        ) STRICT, WITHOUT ROWID;
        """
    )


def add_languages(connection: apsw.Connection) -> None:
    """In which language each document's words are stemmed: until then all as English, and so they stay until taken in again."""
    connection.execute(
        """
        ALTER TABLE documents ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
        CREATE INDEX documents_language ON documents (collection, language) WHERE language <> 'en';
        """
    )


def add_layouts(connection: apsw.Connection) -> None:
    """What is known of each passage's sentences: which are table rows, items or code. None until the document is taken in again."""
    connection.execute("ALTER TABLE passages ADD COLUMN layout TEXT NOT NULL DEFAULT ''")


MIGRATIONS = (create_documents, create_passages, create_counts, create_failures, add_languages, add_layouts)
FORMAT_VERSION = len(MIGRATIONS)


def format_version(connection: apsw.Connection) -> int:
    """Steps that this database has taken. Raises StoreTooNew when they are more than this program knows."""
    version = connection.pragma("user_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise StoreTooNew(
            f"the store has format {version}, this program knows formats up to {FORMAT_VERSION}: upgrade the program"
        )
    return version


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """A write transaction, committed when the block ends."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        roll_back(connection)


def roll_back(connection: apsw.Connection) -> None:
    """End a transaction that is still open, without its changes."""
    if connection.in_transaction:
        # After an I/O error SQLite may have rolled back by itself.
        with suppress(apsw.Error):
            connection.execute("ROLLBACK")


def migrate(connection: apsw.Connection) -> None:
    """Take the missing steps, all in one transaction: a database has the tables of one version whatever happens.

    The caller holds the writer lock.
    """
    with transaction(connection):
        for version in range(format_version(connection), FORMAT_VERSION):
            MIGRATIONS[version](connection)
        connection.pragma("user_version", FORMAT_VERSION)
