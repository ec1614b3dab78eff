"""The streams of a PDF in which its pages are drawn: whether they are whole.

PDFium draws as much of a damaged stream as it can unpack, or nothing, and says nothing of it: the page would seem to have half of
its text, or none.
"""

import binascii
import re
import zlib
from base64 import a85decode
from collections.abc import Iterator
from typing import NamedTuple

from rag.shared.errors import UnreadableContent

_STREAM = re.compile(rb">>[ \t\r\n]{0,4}stream\r?\n")
_DICTIONARY = 2000  # bytes in which a stream says how it is packed
_OTHER = re.compile(
    rb"/Length1\b|/Subtype\s*/(?:Image|Type1C|CIDFontType0C|OpenType|XML)\b|/Type\s*/(?:XRef|Metadata)\b"
)
_FILTERS = re.compile(rb"/Filter\s*(?:\[([^\]]*)\]|(/\w+))")
_CONTENTS = re.compile(rb"/Contents\s*(?:\[([\d\sR]*)\]|(\d+ \d+ R))")
_NUMBER = re.compile(rb"(\d+) \d+ R")
_OBJECT = re.compile(rb"\b(\d+)\s+\d+\s+obj\b")
_FORM = re.compile(rb"/Subtype\s*/Form\b")
_NAMED = re.compile(rb"/([^\s/<>\[\]()]+)\s+(\d+)\s+\d+\s+R\b")
_DRAWN = re.compile(rb"/([^\s/<>\[\]()]+)\s+Do\b")
_LEVELS = 40  # through which PDFium follows forms inside each other
_MAX_STEPS = 1_000_000
# What some programs end a stream with, in place of an end.
_FLUSHED = b"\x00\x00\xff\xff"
_OPERATOR = re.compile(rb"(?:^|[\s>\])])[A-Za-z]{1,3}\*?\s*\Z")
_STEP = 1 << 20
_MAX_UNPACKED = 256 << 20
_LAST = 100
_BLANK = b" \t\n\f\r"


class Suspicion(NamedTuple):
    """What the streams of a file give to suspect. damage: one that may belong to a page does not unpack to what was packed.

    checksums: whether they are to be trusted: some programs write wrong ones, and then in most streams.
    """

    damage: bool
    checksums: bool


def suspect(content: bytes) -> Suspicion:
    """What is to be suspected of a file's pages; of encrypted files nothing.

    Raises UnreadableContent for a file whose forms draw themselves, or each other, without end.
    """
    if _is_endless(_drawn_forms(content)):
        raise UnreadableContent("its drawings contain themselves: open it in its own program and save it again")
    if b"/Encrypt" in content:
        return Suspicion(False, False)
    left = _MAX_UNPACKED
    position = n_streams = n_wrong = 0
    damage = False
    while left > 0 and (match := _STREAM.search(content, position)) is not None:
        position = match.end()
        dictionary = content[max(match.start() - _DICTIONARY, 0) : match.end()]
        dictionary = dictionary[dictionary.rfind(b" obj") :]
        end = content.find(b"endstream", position)
        if end < 0:
            damage = True
            break
        if not _OTHER.search(dictionary):
            unpacked = _unpack(content[position:end], _filters(dictionary))
            left -= unpacked.size
            n_streams += 1
            n_wrong += unpacked.whole and not unpacked.is_sum_right
            damage = damage or not unpacked.whole
        position = end
    trusted = n_wrong * 2 <= n_streams
    return Suspicion(damage or n_wrong > 0 and trusted, trusted)


def _drawn_forms(content: bytes) -> dict[int, list[int]]:
    """By number, what each form draws; of the forms that stand in the file as they are, and not in packed objects."""
    drawn = {}
    for form in _OBJECT.finditer(content):
        start = content.find(b"stream", form.end(), form.end() + _DICTIONARY)
        header = content[form.end() : start]
        if start < 0 or not _FORM.search(header):
            continue
        data = content[start + len(b"stream") : content.find(b"endstream", start)].lstrip(b"\r\n")
        if _filters(header):
            try:
                data = zlib.decompressobj().decompress(data, _STEP)
            except zlib.error:
                continue
        numbers = {name: int(number) for name, number in _NAMED.findall(header)}
        drawn[int(form[1])] = [numbers[name] for name in _DRAWN.findall(data) if name in numbers]
    return drawn


def _is_endless(drawn: dict[int, list[int]]) -> bool:
    """Whether drawing a form with all that it draws takes more steps than any honest one."""
    n_steps = dict.fromkeys(drawn, 1)
    for _ in range(_LEVELS):
        deeper = {form: 1 + sum(n_steps.get(inner, 1) for inner in inside) for form, inside in drawn.items()}
        if deeper == n_steps:
            break
        n_steps = deeper
        if max(n_steps.values()) > _MAX_STEPS:
            return True
    return False


def is_damaged(page: bytes, *, checksums: bool, is_empty: bool) -> bool:
    """Whether what draws a page is damaged. page: a file of that page alone, as PDFium writes it.

    checksums: whether they are trusted.  is_empty: whether PDFium finds nothing on the page; then it must be drawn so.
    """
    for data, filters in _drawings(page):
        unpacked = _unpack(data, filters)
        if not unpacked.whole or checksums and not unpacked.is_sum_right:
            return True
        if is_empty and not filters[1:] and unpacked.last.strip(_BLANK) and not _OPERATOR.search(unpacked.last):
            return True
    return False


def _drawings(page: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """Content and filters of the streams that draw the one page of a file that PDFium wrote."""
    start = page.find(b"/Type/Page>>")
    dictionary = page[page.rfind(b" obj", 0, start) : start]
    contents = _CONTENTS.search(dictionary)
    own = {int(number[1]) for number in _NUMBER.finditer(contents[1] or contents[2])} if contents else set()
    position = 0
    while (match := _STREAM.search(page, position)) is not None:
        position = match.end()
        head = page.rfind(b" obj", 0, match.start())
        dictionary = page[head : match.start() + 2]
        number = re.search(rb"(\d+) \d+$", page[max(head - 30, 0) : head])
        length = re.search(rb"/Length (\d+)", dictionary)
        end = position + int(length[1]) if length else page.find(b"endstream", position)
        if number and int(number[1]) in own or _FORM.search(dictionary):
            yield page[position:end], _filters(dictionary)
        position = end


def _filters(dictionary: bytes) -> list[bytes]:
    match = _FILTERS.search(dictionary)
    return re.findall(rb"/(\w+)", match[1] or match[2] or b"") if match else []


class _Unpacked(NamedTuple):
    """What unpacking a stream gave. whole: to its end.  size: in bytes.  last: its end, or what of it was there."""

    whole: bool
    is_sum_right: bool
    size: int
    last: bytes


def _unpack(data: bytes, filters: list[bytes]) -> _Unpacked:
    """A stream unpacked; of other ways of packing than the usual nothing is said."""
    if filters[:1] in ([b"ASCII85Decode"], [b"A85"]):
        try:
            data = a85decode(data.strip().removesuffix(b"~>"), ignorechars=_BLANK)
        except (ValueError, binascii.Error):
            return _Unpacked(False, True, 0, b"")
        filters = filters[1:]
    if not filters:
        return _Unpacked(True, True, 0, data[-_LAST:])
    if filters not in ([b"FlateDecode"], [b"Fl"]) or not data.strip(_BLANK):
        return _Unpacked(True, True, 0, b"")
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)  # without the checksum, which comes after the end
    pending = data[2:]
    size = 0
    checksum = 1
    last = b""
    try:
        while not unpacker.eof and size < _MAX_UNPACKED:
            part = unpacker.decompress(pending, _STEP)
            pending = unpacker.unconsumed_tail
            size += len(part)
            checksum = zlib.adler32(part, checksum)
            last = (last + part)[-_LAST:]
            if not part and not pending:
                break
    except zlib.error:
        return _Unpacked(False, True, size, last)
    stated = unpacker.unused_data[:4]
    right = len(stated) < 4 or not stated.strip(b"\0") or int.from_bytes(stated, "big") == checksum
    whole = unpacker.eof or size >= _MAX_UNPACKED or data.rstrip(_BLANK).endswith(_FLUSHED)
    return _Unpacked(whole, right, size, last)
