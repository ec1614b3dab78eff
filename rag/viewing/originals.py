"""The file that a document is made of: the one that is kept with the store, else the one on disk where it is still the same."""

import hashlib
import os
from pathlib import Path, PurePosixPath

from index.backend import Store
from index.local.system import files
from index.types import Document
from rag.shared.types import SEPARATOR


def original_of(store: Store, document: Document, max_bytes: int) -> bytes | None:
    """What the file holds; None where there is none that fits.  max_bytes: larger ones on disk are not looked at.

    A file on disk counts by its content alone: whoever can name a document knows no more of the disk than what he sent.
    """
    if (kept := store.original(document)) is not None:
        return kept
    if not os.path.isabs(document.key) or SEPARATOR in document.key:
        return None
    try:
        with files.reading(Path(document.key)) as file:
            if os.fstat(file.fileno()).st_size > max_bytes:
                return None
            content = file.read(max_bytes)
    except (OSError, ValueError):  # ValueError: no name of a file
        return None
    return content if hashlib.sha256(content).hexdigest() == document.content_sha256 else None


def name_of(document: Document) -> str:
    """What the file is called, without its folders."""
    return PurePosixPath((document.source or document.title or document.id).replace("\\", "/")).name or document.id
