"""Texts that are kept with a store under names, among what it says of itself."""

from collections.abc import Mapping

from index.local.database.connection import Connection

_PREFIX = "note:"  # of their keys in ``meta``


def read_note(connection: Connection, name: str) -> str | None:
    """The one of that name; None when there is none."""
    text: str | None = connection.execute("SELECT value FROM meta WHERE key = ?", (_PREFIX + name,)).get
    return text


def read_notes(connection: Connection) -> dict[str, str]:
    """All of them, by name."""
    query = "SELECT substr(key, ?1 + 1), value FROM meta WHERE substr(key, 1, ?1) = ?2"
    return {str(name): str(text) for name, text in connection.execute(query, (len(_PREFIX), _PREFIX))}


def write_notes(connection: Connection, notes: Mapping[str, str | None]) -> None:
    """Keep these, each in place of the one before of its name; None removes it."""
    connection.executemany("DELETE FROM meta WHERE key = ?", [(_PREFIX + name,) for name in notes])
    kept = [(_PREFIX + name, text) for name, text in notes.items() if text is not None]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", kept)
