"""Views that follow SQLite: kept at exactly the state that a read transaction sees, whoever wrote it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index import checkpoint
from index.changes import last_sequence
from index.checkpoint import CheckpointDamaged, Manifest
from index.database import Connection, Database, damaged
from index.views import Base, Views, empty_base, replayed, views_of

# From so many changed passages on, reading another process's checkpoint is quicker than replaying.
_RELOAD_PASSAGES = 500
_DUE_PASSAGES = 1000
_DUE_SHARE = 0.05
_log = logging.getLogger(__name__)


class Follower:
    """The views of one store in this process. rebuilt: those whose checkpoint was missing or damaged when it was loaded."""

    def __init__(self, store: Path, database: Database, dim: int) -> None:
        self._store = store
        self._database = database
        self._dim = dim
        self._refreshing = threading.Lock()
        self.rebuilt: tuple[str, ...] = ()
        with database.reading() as connection:
            try:
                base = checkpoint.load(store, dim, connection)
            except CheckpointDamaged as damage:
                base = empty_base(dim)
                # Without a change there is nothing that could have been lost: making the store was interrupted.
                if last_sequence(connection):
                    self.rebuilt = damage.parts
                    _log.warning("%s: %s; rebuilding %s from SQLite", store, damage, " and ".join(damage.parts))
        self._views = views_of(base)

    @property
    def base(self) -> Base:
        """The checkpoint that the views build on."""
        return self._views.base

    @contextmanager
    def state(self) -> Iterator[tuple[Connection, Views]]:
        """A read transaction, and the views at exactly its state."""
        while True:
            seen = self._views.sequence
            with self._database.reading() as connection:
                sequence = last_sequence(connection)
                if sequence < seen:
                    raise damaged(self._database.path, f"holds changes up to {sequence}, but {seen} were already seen")
                views = self._views_at(connection, sequence)
                # None: another thread has brought the views past this transaction.
                if views is not None:
                    yield connection, views
                    return

    def views(self) -> Views:
        """The views at the last change."""
        with self.state() as (_, views):
            return views

    def checkpoint_due(self) -> bool:
        """Whether so many passages came or went since the last checkpoint that a new one pays."""
        base = self.base
        with self._database.reading() as connection:
            return _n_changed(connection, base.sequence) > max(_DUE_PASSAGES, _DUE_SHARE * len(base.vectors.ids))

    def checkpoint(self) -> bool:
        """Write the state that SQLite has now, unless the checkpoint on disk holds it already. The caller holds the writer lock."""
        with self.state() as (connection, views):
            views = self._on_disk(connection, views)
            if views.base.name and views.base.sequence == views.sequence:
                return False
            self._write(connection, views)
        return True

    def forget(self) -> None:
        """Write a checkpoint if the one on disk holds anything that is gone. The caller holds the writer lock."""
        with self.state() as (connection, views):
            views = self._on_disk(connection, views)
            if len(views.gone) or not views.base.name:
                self._write(connection, views)

    def rebuild(self) -> None:
        """Build the views from the rows alone and write them. The caller holds the writer lock."""
        with self._database.reading() as connection:
            views = replayed(views_of(empty_base(self._dim)), connection, last_sequence(connection))
            self._write(connection, views)

    def _on_disk(self, connection: Connection, views: Views) -> Views:
        """The same state over the checkpoint that is on disk now; over nothing if that cannot be used."""
        manifest = self._manifest()
        if manifest is not None and manifest.checkpoint == f"{checkpoint.VIEWS}/{views.base.name}":
            return views
        base = self._reloaded(connection) if manifest else None
        views = replayed(views_of(base or empty_base(self._dim)), connection, views.sequence)
        with self._refreshing:
            self._views = views
        return views

    def _write(self, connection: Connection, views: Views) -> None:
        base = checkpoint.write(self._store, views, connection)
        with self._refreshing:
            self._views = views_of(base)

    def _views_at(self, connection: Connection, sequence: int) -> Views | None:
        views = self._views
        if views.sequence < sequence:
            with self._refreshing:
                views = self._views
                if views.sequence < sequence:
                    if views.n_changes + _n_changed(connection, views.sequence) > _RELOAD_PASSAGES:
                        views = self._newer_base(connection, views, sequence)
                    if views.sequence < sequence:
                        views = replayed(views, connection, sequence)
                    self._views = views
        return views if views.sequence == sequence else None

    def _newer_base(self, connection: Connection, views: Views, sequence: int) -> Views:
        """The state of the checkpoint on disk if it is nearer to ``sequence``, else the state given."""
        manifest = self._manifest()
        if manifest is None or not views.base.sequence < manifest.sequence <= sequence:
            return views
        base = self._reloaded(connection)
        return views_of(base) if base and base.sequence <= sequence else views

    def _manifest(self) -> Manifest | None:
        try:
            return checkpoint.read_manifest(self._store)
        except CheckpointDamaged:
            return None

    def _reloaded(self, connection: Connection) -> Base | None:
        try:
            return checkpoint.load(self._store, self._dim, connection)
        except CheckpointDamaged as damage:
            _log.warning("%s: %s; what is in memory is used instead", self._store, damage)
            return None


def _n_changed(connection: Connection, after: int) -> int:
    """Passages that came or went after a change, by the log."""
    query = (
        "SELECT coalesce(sum(coalesce(last_passage - first_passage + 1, 0)"
        " + coalesce(removed_last - removed_first + 1, 0)), 0) FROM log WHERE sequence > ?"
    )
    n_changed: int = connection.execute(query, (after,)).get
    return n_changed
