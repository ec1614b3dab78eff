"""Texts that are kept with a store under names, among what it says of itself."""

from collections.abc import Mapping

from index.local.database.connection import Connection

NOTE = "note:"  # what their keys in ``meta`` begin with


def write_notes(connection: Connection, notes: Mapping[str, str | None]) -> None:
    """Keep these, each in place of the one before of its name; None removes it."""
    connection.executemany("DELETE FROM meta WHERE key = ?", [(NOTE + name,) for name in notes])
    kept = [(NOTE + name, text) for name, text in notes.items() if text is not None]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", kept)
