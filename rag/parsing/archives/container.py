"""ZIP containers of office documents and books, read within bounds whatever they claim of themselves."""

import io
import re
import zipfile
import zlib

from rag.shared.errors import ContentTooLarge, UnreadableContent

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 128 * 2**20
MAX_TOTAL_BYTES = 512 * 2**20
_ENCRYPTED = 0x1
_STEP = 1 << 20


# Parts by which a document in a ZIP container is known, whatever the file is called.
_DOCUMENT_PART = re.compile(
    r"word/document\d*\.xml|ppt/presentation\d*\.xml|xl/workbook\.xml|META-INF/(?:container|manifest)\.xml|mimetype"
)
# Documents that no parser here reads: a part by which they are known, and what to say of them.
NOT_READ = (
    (re.compile(r"xl/workbook\.bin"), "this is a binary Excel workbook (XLSB): save it as XLSX"),
    (
        re.compile(r"Index/Document\.iwa|(?:Metadata/B|b)uildVersionHistory\.plist"),
        "this is a document of Pages, Numbers or Keynote: export it as PDF, DOCX, XLSX or PPTX",
    ),
    (re.compile(r"visio/document\.xml"), "this is a Visio drawing: export it as PDF"),
    (re.compile(r"[^/]+\.fdseq"), "this is an XPS document: print it to a PDF"),
)


def is_document(content: bytes) -> bool:
    """Whether a ZIP file is a document (office file, book) and no archive of files.  Raises as ``Archive``."""
    known = (_DOCUMENT_PART, *(part for part, _ in NOT_READ))
    return any(part.fullmatch(name) for name in Archive(content).names for part in known)


class Archive:
    """The members of a ZIP file by name. What is read of it in all is bounded."""

    def __init__(
        self, content: bytes, *, max_member_bytes: int = MAX_MEMBER_BYTES, max_total_bytes: int = MAX_TOTAL_BYTES
    ) -> None:
        """Raises UnreadableContent for a damaged container, ContentTooLarge for one with too many members."""
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError) as error:
            raise UnreadableContent(
                "the container (ZIP) is damaged or cut off: save or download the file again"
            ) from error
        members = self._zip.infolist()
        if len(members) > MAX_MEMBERS:
            raise ContentTooLarge(f"{len(members)} files in one container, more than {MAX_MEMBERS}")
        self._members = {member.filename.replace("\\", "/"): member for member in members}
        self._content = content
        self._max_member = max_member_bytes
        self._max_total = self._left = max_total_bytes

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def names(self) -> list[str]:
        """Names of all members, in the order of the container."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """A member's content.  Raises UnreadableContent when missing, damaged or encrypted, ContentTooLarge past the bounds."""
        member = self._members.get(name)
        if member is None:
            raise UnreadableContent(f"the container has no {name}: save the file again")
        content = self._inflate(member)
        if zlib.crc32(content) != member.CRC:
            raise UnreadableContent(f"{name} in the container is damaged: save or download the file again")
        return content

    def check(self) -> None:
        """Unpack everything once within the bounds, for a library that then reads the container itself.

        Raises as ``read``, and UnreadableContent for a document type in a part, with which entities could be defined.
        """
        for member in self._members.values():
            if b"<!DOCTYPE" in self._inflate(member):
                raise UnreadableContent(
                    "its XML declares a document type, which office documents never do: save the file again"
                )

    def _inflate(self, member: zipfile.ZipInfo) -> bytes:
        """Unpack from the bytes themselves: the sizes that a container states are not believed."""
        if member.flag_bits & _ENCRYPTED:
            raise UnreadableContent("it is protected by a password: save it without one")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnreadableContent("it is packed by a method other than deflate: save it again with a current program")
        header = member.header_offset
        lengths = self._content[header + 26 : header + 30]
        if self._content[header : header + 4] != b"PK\x03\x04" or len(lengths) < 4:
            raise UnreadableContent("the container (ZIP) is damaged: save or download the file again")
        start = header + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
        packed = memoryview(self._content)[start : start + member.compress_size]
        parts: list[bytes] = []
        size = 0
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS) if member.compress_type == zipfile.ZIP_DEFLATED else None
        pending: bytes | memoryview = packed
        while True:
            try:
                part = bytes(pending) if unpacker is None else unpacker.decompress(pending, _STEP)
            except zlib.error as error:
                raise UnreadableContent(
                    f"{member.filename} in the container is damaged: save or download the file again"
                ) from error
            size += len(part)
            if size > self._max_member or size > self._left:
                raise ContentTooLarge(f"it unpacks to more than {self._max_total // 2**20} MiB: split the file")
            parts.append(part)
            if unpacker is None or unpacker.eof or not part:
                break
            pending = unpacker.unconsumed_tail
        self._left -= size
        return b"".join(parts)
