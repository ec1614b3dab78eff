"""MSG: mails as Outlook saves them, compound files (olefile) of properties; written as any other mail."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rag.parsing.mail.eml import MAX_ATTACHMENTS, MAX_DEPTH, Attachment, Mail
from rag.parsing.structure.builder import plain
from rag.shared.errors import ContentTooLarge, UnreadableContent

if TYPE_CHECKING:
    from olefile import OleFileIO

PROPERTIES = "__properties_version1.0"
_DAMAGE = (OSError, IndexError, ValueError, KeyError)
_MAX_STREAM = 256 * 2**20
_ATTACHMENT = re.compile(r"__attach_version1\.0_#[0-9A-Fa-f]{8}")
_RECIPIENT = re.compile(r"__recip_version1\.0_#[0-9A-Fa-f]{8}")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_SUBJECT, _BODY, _HTML, _RTF, _HEADERS = 0x0037, 0x1000, 0x1013, 0x1009, 0x007D
_SENDER_NAME, _SENDER_SMTP, _SENDER_ADDRESS = 0x0C1A, 0x5D01, 0x0C1F
_SHOWN_TO, _SHOWN_CC = 0x0E04, 0x0E03
_SENT, _DELIVERED = 0x0039, 0x0E06
_RECIPIENT_TYPE, _NAME, _SMTP, _ADDRESS = 0x0C15, 0x3001, 0x39FE, 0x3003
_DATA, _LONG_NAME, _SHORT_NAME, _CONTENT_ID, _MIME = 0x3701, 0x3707, 0x3704, 0x3712, 0x370E
_CODEPAGE, _HTML_CODEPAGE = 0x3FFD, 0x3FDE
_TO, _CC = 1, 2
# What compressed RTF refers back to before anything has been said (MS-OXRTFCP 2.1.2.1).
_RTF_START = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier"
    b"{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_MAX_RTF = 64 * 2**20


def parts(content: bytes) -> set[str]:
    """Names of what a compound file has at its top; none where it is too damaged to tell."""
    from olefile import OleFileIO

    try:
        with OleFileIO(content) as file:
            return {entry[0] for entry in file.listdir(streams=True, storages=True)}
    except _DAMAGE:
        return set()


def read_msg(content: bytes) -> Mail:
    """The mail.  Raises UnreadableContent where the file is no whole compound file."""
    from olefile import OleFileIO

    try:
        with OleFileIO(content) as file:
            return _mail(file, [], 32, 0)
    except _DAMAGE as error:
        raise UnreadableContent("the Outlook message (MSG) is damaged or cut off: save it again") from error


@dataclass(frozen=True, slots=True)
class _Storage:
    """Properties of one storage: its streams, and the values of fixed length among its properties."""

    file: "OleFileIO"
    path: list[str]
    fixed: dict[int, bytes]
    codepage: str

    def raw(self, tag: int, kind: int) -> bytes | None:
        name = [*self.path, f"__substg1.0_{tag:04X}{kind:04X}"]
        if not self.file.exists(name):
            return None
        if self.file.get_size(name) > _MAX_STREAM:
            raise ContentTooLarge(f"a part of more than {_MAX_STREAM // 2**20} MiB")
        data: bytes = self.file.openstream(name).read()
        return data

    def text(self, *tags: int) -> str:
        """The first of these properties that says something."""
        for tag in tags:
            if (data := self.raw(tag, 0x001F)) is not None:
                found = data.decode("utf-16-le", "replace")
            else:
                found = (self.raw(tag, 0x001E) or b"").decode(self.codepage, "replace")
            if found := found.replace("\x00", "").strip():
                return found
        return ""

    def number(self, tag: int) -> int:
        return int.from_bytes(self.fixed.get(tag, b"")[:4], "little", signed=True)

    def time(self, *tags: int) -> datetime | None:
        for tag in tags:
            if ticks := int.from_bytes(self.fixed.get(tag, b""), "little"):
                try:
                    return _EPOCH + timedelta(microseconds=ticks // 10)
                except OverflowError:
                    continue
        return None


def _storage(file: "OleFileIO", path: list[str], header: int, codepage: str = "cp1252") -> _Storage:
    fixed = {}
    name = [*path, PROPERTIES]
    if file.exists(name):
        data = file.openstream(name).read()[header:]
        for at in range(0, len(data) - 15, 16):
            fixed[int.from_bytes(data[at + 2 : at + 4], "little")] = data[at + 8 : at + 16]
    if page := int.from_bytes(fixed.get(_CODEPAGE, b"")[:4], "little"):
        codepage = _codec(page)
    return _Storage(file, path, fixed, codepage)


def _codec(page: int) -> str:
    name = "utf-8" if page == 65001 else f"cp{page}"
    try:
        b"".decode(name)
    except LookupError:
        return "latin-1" if page == 28591 else "cp1252"
    return name


def _children(file: "OleFileIO", path: list[str], name: re.Pattern[str]) -> list[list[str]]:
    depth = len(path)
    found = {
        entry[depth]
        for entry in file.listdir(streams=True, storages=True)
        if len(entry) > depth and entry[:depth] == path and name.fullmatch(entry[depth])
    }
    if len(found) > MAX_ATTACHMENTS:
        raise ContentTooLarge(f"a mail of more than {MAX_ATTACHMENTS} parts")
    return [[*path, entry] for entry in sorted(found)]


def _mail(file: "OleFileIO", path: list[str], header: int, depth: int) -> Mail:
    if depth > MAX_DEPTH:
        raise ContentTooLarge("mails inside mails")
    said = _storage(file, path, header)
    to, cc = _recipients(file, path, said)
    sent = said.time(_SENT, _DELIVERED)
    text = said.text(_BODY)
    html = b"" if text else said.raw(_HTML, 0x0102) or said.text(_HTML).encode()
    page = said.number(_HTML_CODEPAGE)
    return Mail(
        sender=_person(said.text(_SENDER_NAME), said.text(_SENDER_SMTP, _SENDER_ADDRESS)),
        to=to or said.text(_SHOWN_TO),
        cc=cc or said.text(_SHOWN_CC),
        date=sent.strftime("%a, %d %b %Y %H:%M:%S +0000") if sent else _header(said.text(_HEADERS), "Date"),
        subject=said.text(_SUBJECT),
        text=text,
        html=html.decode(_codec(page) if page else "utf-8", "replace"),
        rtf=b"" if text or html else decompress_rtf(said.raw(_RTF, 0x0102) or b""),
        attachments=[
            found
            for place in _children(file, path, _ATTACHMENT)
            if (found := _attachment(file, place, depth)) is not None
        ],
    )


def _recipients(file: "OleFileIO", path: list[str], said: _Storage) -> tuple[str, str]:
    people: dict[int, list[str]] = {_TO: [], _CC: []}
    for place in _children(file, path, _RECIPIENT):
        one = _storage(file, place, 8, said.codepage)
        kind = one.number(_RECIPIENT_TYPE)
        if kind in people:
            people[kind].append(_person(one.text(_NAME), one.text(_SMTP, _ADDRESS)))
    return ", ".join(filter(None, people[_TO])), ", ".join(filter(None, people[_CC]))


def _person(name: str, address: str) -> str:
    name = plain(name).strip("'\"")
    if "@" not in address or name.casefold() == address.casefold():
        return name or (address if "@" in address else "")
    return f"{name} <{address}>" if name else address


def _header(headers: str, name: str) -> str:
    found = re.search(rf"(?im)^{name}:[ \t]*(.*)$", headers)
    return found[1].strip() if found else ""


def _attachment(file: "OleFileIO", path: list[str], depth: int) -> Attachment | None:
    said = _storage(file, path, 8)
    title = said.text(_LONG_NAME, _SHORT_NAME, _NAME)
    inner = [*path, f"__substg1.0_{_DATA:04X}000D"]
    if file.exists([*inner, PROPERTIES]):
        return Attachment(title or "forwarded mail", _mail(file, inner, 24, depth + 1))
    if said.text(_CONTENT_ID) and said.text(_MIME).startswith("image/"):
        return None  # a picture shown in the text
    data = said.raw(_DATA, 0x0102)
    return Attachment(title or "attachment", data) if data is not None else None


def decompress_rtf(packed: bytes) -> bytes:
    """Compressed RTF (MS-OXRTFCP) unpacked; empty where it is none."""
    if len(packed) < 16:
        return b""
    size = min(int.from_bytes(packed[4:8], "little"), _MAX_RTF)
    if packed[8:12] == b"MELA":
        return packed[16 : 16 + size]
    if packed[8:12] != b"LZFu":
        return b""
    window = bytearray(4096)
    window[: len(_RTF_START)] = _RTF_START
    at = len(_RTF_START)
    unpacked = bytearray()
    position = 16
    while position < len(packed) and len(unpacked) < size:
        control = packed[position]
        position += 1
        for bit in range(8):
            if control >> bit & 1:
                token = int.from_bytes(packed[position : position + 2], "big")
                position += 2
                offset, length = token >> 4, (token & 15) + 2
                if offset == at or position > len(packed):
                    return bytes(unpacked[:size])
                run: Iterator[int] = (window[(offset + step) % 4096] for step in range(length))
            else:
                if position >= len(packed):
                    break
                run = iter(packed[position : position + 1])
                position += 1
            for byte in run:
                window[at] = byte
                at = (at + 1) % 4096
                unpacked.append(byte)
    return bytes(unpacked[:size])
