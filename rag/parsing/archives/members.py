"""Archives: the files inside ZIP and TAR archives, compressed files and mailboxes, each a document of its own.

Nothing is written to disk, and what an archive claims of itself is not believed: members are unpacked one at a time and counted.
"""

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rag.parsing.archives.container import Archive, is_document
from rag.parsing.shared.encoding import as_text
from rag.shared.errors import ContentTooLarge, RagError, UnreadableContent
from rag.shared.types import SEPARATOR

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 256 * 2**20
MAX_TOTAL_BYTES = 2 * 2**30
_MAX_DEPTH = 3  # archives inside archives
_STEP = 1 << 20
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_COMPRESSED = (b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00")  # gzip, bzip2, xz
_TAR_MAGIC = slice(257, 262)
_MBOX_START = re.compile(rb"From \S+ +\w{3} \w{3} [ \d]\d \d\d:\d\d")
_MBOX_NEXT = re.compile(rb"(?:\r?\n)(?:\r?\n)(?=From \S+ +\w{3} \w{3} [ \d]\d \d\d:\d\d)")
_DAMAGED_TAR = "the archive (TAR) is damaged or cut off: save or download it again"
_UNPACK_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, ValueError, OverflowError)


class Member(NamedTuple):
    """A file inside an archive: its path there, and its content or why it cannot be had."""

    path: str
    content: bytes | RagError


@dataclass(slots=True)
class _Budget:
    """What may still be unpacked, over all archives inside each other."""

    members: int
    size: int

    def take_member(self) -> None:
        self.members -= 1
        if self.members < 0:
            raise ContentTooLarge(f"more than {MAX_MEMBERS} files in one archive: add them unpacked")

    def take(self, size: int) -> None:
        self.size -= size
        if self.size < 0:
            raise ContentTooLarge(f"it unpacks to more than {MAX_TOTAL_BYTES // 2**30} GiB: add its files unpacked")


def is_archive(content: bytes) -> bool:
    """Whether ``members`` reads this: an archive, a compressed file or a mailbox, but no document in a ZIP container.

    A damaged container is none: ``parse`` says what is wrong with it.
    """
    return (
        content.startswith((*_COMPRESSED, _EMPTY_ZIP))
        or content[_TAR_MAGIC] == b"ustar"
        or _MBOX_START.match(content) is not None
        or content.startswith(_ZIP)
        and _is_zip_of_files(content)
    )


def _is_zip_of_files(content: bytes) -> bool:
    try:
        return not is_document(content)
    except RagError:
        return False


def members(name: str, content: bytes) -> Iterator[Member]:
    """The files of an archive in its order, those of archives inside it in their place; hidden ones and links are left out.

    A compressed file that is no archive has one member with the empty path.
    Raises UnreadableContent where the archive is damaged, ContentTooLarge past the bounds; members given before then are good.
    """
    yield from _members(name, content, _Budget(MAX_MEMBERS, MAX_TOTAL_BYTES), 0)


def _members(name: str, content: bytes, budget: _Budget, depth: int) -> Iterator[Member]:
    if depth > _MAX_DEPTH:
        raise ContentTooLarge(f"archives nest more than {_MAX_DEPTH} deep: unpack the inner ones")
    for path, inner in _unpacked(content, budget):
        if not isinstance(inner, RagError) and is_archive(inner):
            try:
                for member in _members(path or inner_name(name), inner, budget, depth + 1):
                    yield Member(SEPARATOR.join(filter(None, (path, member.path))), member.content)
            except RagError as error:
                if budget.size < 0 or budget.members < 0 or not path:
                    raise
                yield Member(path, error)
        else:
            yield Member(path, inner)


def inner_name(name: str) -> str:
    """The name of what a compressed file holds: "log.txt" of "log.txt.gz"."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem:
        return name
    return f"{stem}.tar" if suffix.lower() in ("tgz", "tbz2", "txz") else stem


def _unpacked(content: bytes, budget: _Budget) -> Iterator[Member]:
    if content.startswith((_ZIP, _EMPTY_ZIP)):
        yield from _zip_members(content, budget)
    elif content[_TAR_MAGIC] == b"ustar":
        yield from _tar_members(content, budget)
    elif content.startswith(_COMPRESSED):
        budget.take_member()
        yield Member("", _decompressed(content, budget))
    else:
        yield from _mails(content, budget)


def _zip_members(content: bytes, budget: _Budget) -> Iterator[Member]:
    archive = Archive(content, max_member_bytes=MAX_MEMBER_BYTES, max_total_bytes=MAX_TOTAL_BYTES)
    for path in archive.names:
        if path.endswith("/") or _is_hidden(path):
            continue
        budget.take_member()
        if bad := _leads_out(path):
            yield Member(path, bad)
            continue
        try:
            inner = archive.read(path)
        except UnreadableContent as error:
            yield Member(path, error)
            continue
        budget.take(len(inner))
        yield Member(path, inner)


def _tar_members(content: bytes, budget: _Budget) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            while (entry := archive.next()) is not None:
                budget.take_member()
                path = _text_of(entry.name).removeprefix("./")
                if not entry.isreg() or _is_hidden(path):
                    continue
                if bad := _leads_out(path):
                    yield Member(path, bad)
                    continue
                if entry.size > MAX_MEMBER_BYTES:
                    yield Member(path, ContentTooLarge(f"larger than {MAX_MEMBER_BYTES // 2**20} MiB"))
                    continue
                file = archive.extractfile(entry)
                inner = file.read(MAX_MEMBER_BYTES + 1) if file is not None else b""
                if len(inner) != entry.size:
                    raise UnreadableContent(_DAMAGED_TAR)
                budget.take(len(inner))
                yield Member(path, inner)
            # tarfile takes a file that was cut between two members, or is no archive from somewhere on, for a whole one.
            following = content[archive.offset : archive.offset + tarfile.BLOCKSIZE]
            if not following or following.strip(b"\x00"):
                raise UnreadableContent(_DAMAGED_TAR)
    except _UNPACK_ERRORS as error:
        raise UnreadableContent(_DAMAGED_TAR) from error


def _decompressed(content: bytes, budget: _Budget) -> bytes:
    opened: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
    if content.startswith(b"BZh"):
        opened = bz2.BZ2File(io.BytesIO(content))
    elif content.startswith(b"\x1f\x8b"):
        opened = gzip.GzipFile(fileobj=io.BytesIO(content))
    else:
        opened = lzma.LZMAFile(io.BytesIO(content))
    parts = []
    size = 0
    try:
        with opened as file:
            while part := file.read(_STEP):
                size += len(part)
                if size > MAX_MEMBER_BYTES:
                    raise ContentTooLarge(
                        f"it unpacks to more than {MAX_MEMBER_BYTES // 2**20} MiB: split it, or add its files unpacked"
                    )
                budget.take(len(part))
                parts.append(part)
    except _UNPACK_ERRORS as error:
        raise UnreadableContent("the compressed file is damaged or cut off: save or download it again") from error
    return b"".join(parts)


def _mails(content: bytes, budget: _Budget) -> Iterator[Member]:
    """The mails of a mailbox by their number, from 1; the line that sets them apart is left out."""
    position = 0
    number = 0
    while position < len(content):
        following = _MBOX_NEXT.search(content, position)
        end = following.start() if following else len(content)
        mail = content[content.find(b"\n", position) + 1 : end]
        number += 1
        budget.take_member()
        budget.take(len(mail))
        yield Member(f"{number}.eml", re.sub(rb"(?m)^>(>*From )", rb"\1", mail))
        position = following.end() if following else end


def _text_of(name: str) -> str:
    """A member's name; one that is not UTF-8 is of the time before it, when it was Western if it was anything."""
    content = name.encode("utf-8", "surrogateescape")
    return as_text(content) or content.decode("cp1252", "replace")


def _is_hidden(path: str) -> bool:
    parts = path.split("/")
    return parts[0] == "__MACOSX" or any(part.startswith(".") and part not in (".", "..") for part in parts)


def _leads_out(path: str) -> UnreadableContent | None:
    """Names that lead out of the archive are nobody's honest work, though nothing is written where they point."""
    if path.startswith("/") or ".." in path.split("/") or re.match(r"[A-Za-z]:", path) or not path.isprintable():
        return UnreadableContent("its name leads out of the archive or cannot be shown: unpack it under another one")
    return None
