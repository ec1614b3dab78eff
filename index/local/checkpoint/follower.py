"""Views that follow SQLite: kept at exactly the state that a read transaction sees, whoever wrote it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.local.checkpoint import directory as checkpoint
from index.local.checkpoint.clustering import ClusterBuilder
from index.local.checkpoint.draft import passage_ids
from index.local.checkpoint.manifest import VIEWS, CheckpointDamaged, Manifest, read_manifest
from index.local.database.connection import Connection, Database
from index.local.database.documents import last_sequence
from index.local.database.errors import damaged
from index.local.views.base import Base, empty_base
from index.local.views.ids import without
from index.local.views.state import Views, replayed, views_of

# From so many changed passages on, reading another process's checkpoint is quicker than replaying.
_RELOAD_PASSAGES = 500
_DUE_PASSAGES = 1000
_DUE_SHARE = 0.05
# What came since the checkpoint is in memory, as Python's objects, and built into a new view with every change.
_DUE_PASSAGES_AT_MOST = 10_000
# Lists are made anew when so large a share of what they hold has come since.
_OUTSIDE_SHARE = 0.1
_log = logging.getLogger(__name__)


class Follower:
    """The views of one store in this process. rebuilt: those whose checkpoint was missing or damaged when it was loaded."""

    def __init__(self, store: Path, database: Database, dim: int, large: int, *, whole_only: bool = True) -> None:
        """large: passages above which vectors are sorted into lists, and checkpoints are not written anew.

        whole_only: build what is missing in memory before anything is answered; else it stays missing until it is there.
        """
        self._store = store
        self._database = database
        self._dim = dim
        self._large = large
        self._builder = ClusterBuilder()
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
                    if not whole_only:
                        base = checkpoint.load_whole(store, dim, connection, damage)
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
                self._require_seen(sequence, seen)
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
        due = min(max(_DUE_PASSAGES, _DUE_SHARE * len(base.vectors.ids)), _DUE_PASSAGES_AT_MOST)
        with self._database.reading() as connection:
            return _n_changed(connection, base.sequence) > due

    @property
    def needs_checkpoint(self) -> bool:
        """Whether the views on disk are missing, or so far behind that catching up in memory would take much of it."""
        with self._database.reading() as connection:
            self._require_seen(last_sequence(connection), self.base.sequence)
            behind = _n_changed(connection, self.base.sequence) > _DUE_PASSAGES_AT_MOST
            return not self.base.name or bool(self.base.missing) or behind

    @contextmanager
    def clustered(self, *, anew: bool = False) -> Iterator[Path | None]:
        """A file with the vectors sorted into lists, if there are so many outside of lists that it pays; made without any lock.

        To be given to ``checkpoint`` within the block; to ``rebuild`` when all are to be sorted ``anew``.
        """
        lists = None if anew else self.base.vectors.lists
        with self._database.reading() as connection:
            n: int = connection.execute("SELECT coalesce(sum(n_passages), 0) FROM collections").get
        n_listed = len(lists.ids) if lists is not None else 0
        most_outside = max(self._large // 2, _OUTSIDE_SHARE * n_listed) if n_listed else self._large
        if n - n_listed <= most_outside:
            yield None
            return
        with self._builder.clustered(self._store / VIEWS, self._database.path, self._dim) as made:
            yield made

    def stop_clustering(self) -> None:
        """End the work of ``clustered`` in another thread, now and from now on; search goes on without."""
        self._builder.stop()

    def checkpoint(self, lists: Path | None = None) -> bool:
        """Write the state that SQLite has now, unless the checkpoint on disk holds it already. The caller holds the writer lock."""
        with self._database.reading() as connection:
            base = self._on_disk(connection)
            if base.name and not base.missing and base.sequence == last_sequence(connection) and lists is None:
                return False
            self._write(connection, base, lists=lists)
        return True

    def purge(self) -> str:
        """Write a checkpoint if the one on disk holds anything that is gone; the name of the one in force then.

        The caller holds the writer lock. The one in force may be another process's, and not the one that the views build on here.
        """
        with self._database.reading() as connection:
            base = self._on_disk(connection)
            if (
                not base.name
                or base.missing
                or len(base.buried)
                or len(without(base.vectors.ids, passage_ids(connection)))
            ):
                self._write(connection, base, purge=True)
                return self.base.name
            return base.name

    def take_over(self) -> bool:
        """Go on with the checkpoint on disk, which another process wrote, where views are missing; whether none is missing now.

        Raises StoreReplaced or StoreMissing when the store that lies there is no longer the one that was opened.
        """
        if not self.base.missing:
            return True
        self._database.require_current()
        with self._database.reading() as connection:
            base = self._reloaded(connection)
        if base is None:
            return False
        # A transaction that begins under this lock sees no less than the views that are replaced.
        with self._refreshing, self._database.reading() as connection:
            if self.base.missing:
                self._views = replayed(views_of(base), connection, last_sequence(connection))
        return True

    def rebuild(self, lists: Path | None) -> None:
        """Build the views from the rows alone, and from such lists, and write them. The caller holds the writer lock."""
        with self._database.reading() as connection:
            self._write(connection, empty_base(self._dim), lists=lists)

    def _on_disk(self, connection: Connection) -> Base:
        """The checkpoint that is on disk now; the empty one if that cannot be used."""
        manifest = self._manifest()
        if manifest is None:
            return empty_base(self._dim)
        base = self.base
        if manifest.checkpoint != f"{VIEWS}/{base.name}":
            return self._reloaded(connection) or empty_base(self._dim)
        if not checkpoint.lists_undamaged(self._store, manifest):
            _log.warning("%s: the lists of vectors were damaged since the start; rebuilding from SQLite", self._store)
            return empty_base(self._dim)
        return base

    def _write(self, connection: Connection, base: Base, *, lists: Path | None = None, purge: bool = False) -> None:
        written = checkpoint.write(self._store, base, connection, large=self._large, lists=lists, purge=purge)
        with self._refreshing:
            self._views = views_of(written)

    def _require_seen(self, sequence: int, seen: int) -> None:
        if sequence < seen:
            raise damaged(self._database.path, f"holds changes up to {sequence}, but {seen} were already seen")

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
            return read_manifest(self._store)
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
