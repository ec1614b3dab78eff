"""Files whose unused space is kept empty: what SQLite moves from a page stays in the old place until something is written over it.

``secure_delete`` overwrites what is deleted where it lies, but not the copies that balancing a tree left in the free middle of its
pages (seen: of some 500 deleted documents one was still readable in such a place). Here that middle is zeroed whenever a page goes
into the database file. It happens in the file layer because there it cannot disturb a reader: to SQLite these bytes mean nothing.
"""

import os

import apsw

NAME = "footnote-scrub"

_PAGE_BYTES = 4096
_USABLE_BYTES = 4088  # the rest holds the checksum
_HEADER_BYTES = {2: 12, 5: 12, 10: 8, 13: 8}  # of tree pages by type: index and table, inner and leaf
# Above 128 GiB the first byte of a page with a long row's rest, the highest of the next page's number, can look like a type.
_MOST_BYTES = 64 << 30


class _Scrubbing(apsw.VFS):
    """The checksumming file layer, with scrubbing on top."""

    def __init__(self, base: str) -> None:
        self._base = base
        super().__init__(NAME, base)

    def xFullPathname(self, name: str) -> str:
        # SQLite's own says of a link that it was followed, which apsw takes for an error.
        return os.path.realpath(name)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        if flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            return _ScrubbedFile(self._base, name, flags)
        return apsw.VFSFile(self._base, name, flags)


class _ScrubbedFile(apsw.VFSFile):
    def xWrite(self, data: bytes, offset: int) -> None:
        if len(data) == _PAGE_BYTES and self.xFileSize() < _MOST_BYTES:
            data = scrubbed(data, 100 if offset == 0 else 0)
        super().xWrite(data, offset)


def register(base: str) -> None:
    """Make the file layer NAME known to SQLite, over another one; once a process."""
    global _registered  # SQLite holds no reference to it
    _registered = _Scrubbing(base)


_registered: _Scrubbing | None = None


def scrubbed(page: bytes, start: int) -> bytes:
    """The page with zeros between its cell pointers and its cells; other pages as they are. start: of the page's header."""
    header = _HEADER_BYTES.get(page[start])
    if header is None:
        return page
    first = start + header + 2 * int.from_bytes(page[start + 3 : start + 5], "big")
    end = int.from_bytes(page[start + 5 : start + 7], "big")
    if not first < end <= _USABLE_BYTES:
        return page
    return page[:first] + bytes(end - first) + page[end:]
