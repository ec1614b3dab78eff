"""Stores by their place, a directory or a database: opened, made, repaired, copied, brought back, and made again.

Nothing of an engine is imported before a store of its kind is opened.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from index.backend import Place, Progress, Reindexing, Snapshot, Store, is_database

if TYPE_CHECKING:
    from index.local.database.listing import Rows
    from index.local.store import Store as LocalStore
    from index.postgres.store import PostgresStore
    from index.types import Finding, JsonScalar


def open_store(place: Place, *, views: Literal["first", "behind"] = "first") -> Store:
    """The store at a place. Raises StoreMissing, StoreDamaged, StoreTooNew or StoreUnwritable.

    views: of a directory, whether search files that are missing are made again "first", or "behind" what is asked.
    """
    if is_database(place):
        return _postgres().open(str(place))
    from index.local.store import Store as LocalStore

    return LocalStore.open(place, views=views)


def create_store(place: Place, *, dim: int, fingerprint: str, settings: "Mapping[str, JsonScalar]") -> Store:
    """A new store where nothing is; the one that is there, if it is an equal one.

    Raises StoreMismatch where there is one with another dim, fingerprint or settings, StoreUnwritable, StoreDamaged.
    """
    if is_database(place):
        return _postgres().create(str(place), dim=dim, fingerprint=fingerprint, settings=settings)
    from index.local.store import Store as LocalStore

    return LocalStore.create(place, dim=dim, fingerprint=fingerprint, settings=settings)


def read_settings(place: Place) -> "Mapping[str, JsonScalar]":
    """What the store at a place was created with, read before anything else of it and without numpy.

    Raises a StoreError, also where there is no store; KeyError or ValueError when the settings are not readable.
    """
    if is_database(place):
        with _postgres().open(str(place)) as store:
            return store.settings
    from index.local.database.listing import read_settings as read_local

    return read_local(Path(place))


@contextmanager
def read_rows(place: Place) -> "Iterator[Rows | None]":
    """What there is to list in a store, read at once; None where that is not known before it is opened."""
    if is_database(place):
        yield None
        return
    from index.local.database.listing import read_rows as read_local

    with read_local(Path(place)) as rows:
        yield rows


def _postgres() -> "type[PostgresStore]":
    """The store in a database. Raises StoreUnreachable where what speaks to one is not installed."""
    try:
        from index.postgres.store import PostgresStore
    except ModuleNotFoundError as error:
        if error.name not in ("psycopg", "psycopg_pool"):
            raise
        from index.errors import StoreUnreachable

        raise StoreUnreachable(
            "a store in PostgreSQL needs the extra [postgres]: pip install 'footnote-rag[postgres]'"
        ) from error
    return PostgresStore


def require_present(store: Store) -> None:
    """Raises StoreMissing when a store was moved or removed while it was open: it is read to the end, and written no more."""
    if not is_database(store.place):
        _in_directory(store).require_present()


def _in_database(store: Store) -> "PostgresStore":
    from index.postgres.store import PostgresStore

    assert isinstance(store, PostgresStore)
    return store


def _in_directory(store: Store) -> "LocalStore":
    from index.local.store import Store as LocalStore

    assert isinstance(store, LocalStore)
    return store


def repair(store: Store, findings: "Iterable[Finding]") -> "list[Finding]":
    """Mend those of the findings that can be mended from the rest of the store, and return them."""
    if is_database(store.place):
        return _in_database(store).repair(findings)
    from index.local.upkeep.repair import repair as repair_local

    return repair_local(_in_directory(store), findings)


def snapshot(store: Store, target: Path, progress: Progress | None = None) -> Snapshot:
    """A checked copy of a store as it is now, which is a store in a directory, at a new or empty place.

    progress: of the check of the copy, as Store.verify calls it.
    Raises StoreUnwritable for a place that holds something or cannot be written, StoreFull, and StoreDamaged when the copy does not
    verify: then the store itself is not whole. Nothing is left at ``target`` in each of these cases.
    """
    if is_database(store.place):
        from index.postgres.upkeep.snapshot import take as take_from_database

        return take_from_database(_in_database(store), target, progress)
    from index.local.upkeep.snapshot import take

    return take(_in_directory(store), target, progress)


def restore(source: Path, place: Place, *, overwrite: bool = False, progress: Progress | None = None) -> Snapshot:
    """Bring a store back from a snapshot, or from another directory with a store: all of it, or nothing changes.

    overwrite: whether a store that is there may be replaced.
    Raises StoreMissing when ``source`` is neither, StoreDamaged when it is not as it was made, StoreUnwritable when it may not be.
    """
    if is_database(place):
        _postgres()
        from index.postgres.upkeep.snapshot import restore as restore_database

        return restore_database(source, str(place), overwrite=overwrite, progress=progress)
    from index.local.upkeep.snapshot import restore as restore_local

    return restore_local(source, Path(place), overwrite=overwrite, progress=progress)


def reindexing(
    store: Store, *, dim: int, fingerprint: str, settings: "Mapping[str, JsonScalar]"
) -> AbstractContextManager[Reindexing]:
    """A reindexing of the store with another model or other settings: the one that was interrupted, if it was for the same.

    What is there at the end of the block is kept for the next time.  Raises StoreLocked while another process is at it.
    """
    making: AbstractContextManager[Reindexing]
    if is_database(store.place):
        from index.postgres.upkeep.reindex import begun as begun_in_database

        making = begun_in_database(_in_database(store), dim=dim, fingerprint=fingerprint, settings=settings)
    else:
        from index.local.upkeep.reindex import begun

        making = begun(_in_directory(store), dim=dim, fingerprint=fingerprint, settings=settings)
    return making


def abandon_reindexing(store: Store) -> bool:
    """Remove what an interrupted reindexing left; whether there was something.  Raises StoreLocked while a process is at it."""
    if is_database(store.place):
        from index.postgres.upkeep.reindex import abandon as abandon_in_database

        return abandon_in_database(_in_database(store))
    from index.local.upkeep.reindex import abandon

    return abandon(_in_directory(store))
