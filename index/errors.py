"""Errors of the index folder.

StoreError
├── StoreMissing      no store where one was expected
├── StoreDamaged      a part is lost or broken: never replaced by an empty one
├── StoreTooNew       written by a newer format version
├── StoreMismatch     the store was built with another model or other settings
├── StoreLocked       another writer holds the store and did not let go in time
│   └── StoreReplaced another store was put in its place meanwhile (restore): open it again
├── StoreUnreachable  the database did not answer; nothing was acknowledged
├── StoreBehind       it does not have the change yet that was asked for
├── StoreFull         the disk is full; nothing was acknowledged
├── StoreUnwritable   the store cannot be written here (read-only, permissions)
│   └── NoPlace       other files are where a store would be
├── DocumentNotFound  no document of that id
└── DimensionMismatch vectors of another length than the store's
"""


class StoreError(Exception):
    """Base of everything the index raises for a caller to act upon."""


class StoreMissing(StoreError):
    """No store at the given place."""


class StoreDamaged(StoreError):
    """A part of the store is missing or broken."""


class StoreTooNew(StoreError):
    """The store's format is newer than this program."""


class StoreMismatch(StoreError):
    """The store belongs to another model or other settings."""


class StoreLocked(StoreError):
    """Another process is writing."""


class StoreReplaced(StoreLocked):
    """What was opened is no longer what lies there."""


class StoreUnreachable(StoreError):
    """The store's database did not answer in time."""


class StoreBehind(StoreError):
    """The store does not have a change yet, up to which it was to be."""


class StoreFull(StoreError):
    """No space is left; what was acknowledged before is untouched."""


class StoreUnwritable(StoreError):
    """The place cannot be written."""


class NoPlace(StoreUnwritable):
    """What lies there is no store, and none can be made there."""


class DocumentNotFound(StoreError):
    """No such document."""


class DimensionMismatch(StoreError):
    """Vectors of the wrong length."""
