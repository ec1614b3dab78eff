"""What the files and directories of a store are called. The views' own names are in ``manifest``."""

DATABASE = "store.db"
LOCK = "writer.lock"
MARKER = "STORE"
REPLACEMENT = "replacement"  # a store to be put in the place of this one, by ``opening.swap``
RESTORING = "restoring"  # a store that is being copied here, by ``upkeep.snapshot``
REBUILDING = "rebuilding"  # this store with other vectors, half made or complete, by ``upkeep.reindex``
ORIGINALS = "originals"  # files as they were given, by `originals`
REBUILD_LOCK = "rebuild.lock"
