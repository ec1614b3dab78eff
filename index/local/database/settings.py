"""What a store was created with, read without its views, and without numpy: a model's loading begins here."""

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from index.local.database.connection import Database
from index.local.system.names import DATABASE

if TYPE_CHECKING:
    from index.types import JsonScalar


def read_settings(store: Path) -> "Mapping[str, JsonScalar]":
    """The settings that ``Store.create`` was given.

    Raises StoreDamaged, StoreTooNew or StoreUnwritable, the last also where there is no store; KeyError or ValueError when the
    settings are not readable.
    """
    with closing(Database(store / DATABASE)) as database, database.reading() as connection:
        text: str | None = connection.execute("SELECT value FROM meta WHERE key = 'settings'").get
    if text is None:
        raise KeyError("settings")
    settings: dict[str, JsonScalar] = json.loads(text)
    return settings
