"""Containers (ZIP) that documents are in: made, and made anew with other parts."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{place}:1.0"'
    for name, place in (
        *((name, name) for name in ("office", "text", "table", "style", "meta", "presentation")),
        *(("draw", "drawing"), ("svg", "svg-compatible")),
    )
)


def saved(document: Any) -> bytes:
    """What a document writes that saves itself to a file."""
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def add_table(document: Any, rows: Sequence[Sequence[str]]) -> Any:
    """Add a table to a Word document."""
    table = document.add_table(rows=0, cols=len(rows[0]))
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    return table


def open_document(body: str, kind: str = "text", styles: str = "", **more: str) -> bytes:
    """An OpenDocument file. styles: of its body.  more: other parts by their names."""
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {NAMES}>{styles}'
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    return zipped({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content, **more})


def zipped(parts: Mapping[str, str | bytes], *, as_links: bool = False) -> bytes:
    """A container of parts by their names. as_links: to what is in each."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as container:
        for name, part in parts.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o120777 << 16 if as_links else 0
            container.writestr(entry, part)
    return file.getvalue()


def tarred(parts: Mapping[str, bytes], kind: bytes = tarfile.REGTYPE, mode: str = "w") -> bytes:
    """An archive of parts by their names. kind: of each, which leads to ``/etc/passwd`` where it leads anywhere."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, part in parts.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.size = kind, len(part)
            entry.linkname = "" if kind == tarfile.REGTYPE else "/etc/passwd"
            archive.addfile(entry, io.BytesIO(part))
    return file.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    """The parts of a container by their names."""
    with zipfile.ZipFile(io.BytesIO(content)) as container:
        return {name: container.read(name) for name in container.namelist()}


def with_part(content: bytes, related_to: str, kind: str, name: str, part: str) -> bytes:
    """A container with a part more, to which another is related: as "rIdX", in a part of relations."""
    kind = f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"
    link = f'<Relationship Id="rIdX" Type="{kind}" Target="/{name}"/></Relationships>'.encode()
    parts = unzipped(content)
    return zipped(parts | {related_to: parts[related_to].replace(b"</Relationships>", link), name: part.encode()})


def rewritten(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """A container with one of its parts changed."""
    parts = unzipped(content)
    return zipped(parts | {name: change(parts[name])})
