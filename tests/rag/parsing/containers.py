"""Containers (ZIP) that documents are in: made, and made anew with other parts."""

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

ODT = "application/vnd.oasis.opendocument.text"


def saved(document: Any) -> bytes:
    """What a document writes that saves itself to a file."""
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """A container of parts by their names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as container:
        for name, part in parts.items():
            container.writestr(name, part)
    return file.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    """The parts of a container by their names."""
    with zipfile.ZipFile(io.BytesIO(content)) as container:
        return {name: container.read(name) for name in container.namelist()}


def rewritten(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """A container with one of its parts changed."""
    parts = unzipped(content)
    return zipped(parts | {name: change(parts[name])})
