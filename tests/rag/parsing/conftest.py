"""What every format owes: positions that hold, and text that stands in the original."""

import re
import struct
from collections.abc import Callable

import pytest

from rag.intake.chunking import chunk
from rag.parsing.formats import parse
from rag.shared.types import ParsedText

Read = Callable[..., ParsedText]
PathOf = Callable[[ParsedText, str], tuple[str, ...]]
PageOf = Callable[[ParsedText, str], int]
# What a reader does not see: white space, soft hyphens, zero-width spaces.
_UNSEEN = re.compile("[\\s\u00ad\u200b\ufeff]+")


def squeezed(text: str) -> str:
    """Text without its white space and what else is not seen."""
    return _UNSEEN.sub("", text)


def _check(parsed: ParsedText) -> None:
    text = parsed.text
    position = 0
    for section in parsed.sections:
        assert section.start == position <= section.heading_end <= section.end, section
        position = section.end
    assert position == len(text)
    position = 0
    outside = []
    for block in parsed.blocks:
        assert position <= block.start < block.end <= len(text), block
        outside.append(text[position : block.start])
        assert text[block.start : block.end] == text[block.start : block.end].strip("\n")
        position = block.end
    headings = "".join(text[section.start : section.heading_end] for section in parsed.sections)
    if parsed.blocks:
        assert squeezed("".join(outside) + text[position:]) == squeezed(headings)
    starts = [page.start for page in parsed.pages]
    assert starts == sorted(set(starts)) and all(0 <= start <= len(text) for start in starts)
    assert [page.number for page in parsed.pages] == sorted({page.number for page in parsed.pages})


def rows_of(parsed: ParsedText) -> list[tuple[str, dict[str, str]]]:
    """Of each row of a table what stands over it, and its cells by the names of their columns."""
    return [
        (block.context, {name: parsed.text[slice(*cell)] for name, cell in zip(*block.row, strict=True)})
        for block in parsed.blocks
        if block.row is not None
    ]


@pytest.fixture
def read() -> Read:
    """Parses a file and checks what holds for all formats; with ``original``, that every passage stands in it, blanks apart."""

    def run(name: str, content: bytes, original: str | None = None) -> ParsedText:
        parsed = parse(name, content)
        _check(parsed)
        passages = chunk(parsed.text, parsed.sections, size=600, overlap=1)
        if original is not None:
            layer = squeezed(original)
            missing = [
                parsed.text[slice(*p.span)] for p in passages if squeezed(parsed.text[slice(*p.span)]) not in layer
            ]
            assert not missing
        return parsed

    return run


@pytest.fixture
def path_of() -> PathOf:
    """The heading path under which a quote stands."""

    def find(parsed: ParsedText, quote: str) -> tuple[str, ...]:
        at = parsed.text.index(quote)
        return next(section.path for section in parsed.sections if section.start <= at < section.end)

    return find


@pytest.fixture
def page_of() -> PageOf:
    """The number of the page on which a quote starts."""

    def find(parsed: ParsedText, quote: str) -> int:
        at = parsed.text.index(quote)
        return [page.number for page in parsed.pages if page.start <= at][-1]

    return find


Tree = dict[str, "bytes | Tree"]


def _compound(tree: Tree) -> bytes:
    """A compound file (MS-CFB, version 3): names to contents, or to what is inside a storage."""
    entries: list[tuple[str, int, bytes, int, int]] = []  # name, kind, content, first child, next sibling

    def add(names: Tree) -> int:
        """Entries of one storage, its children a chain to the right; the number of the first."""
        first = following = 0xFFFFFFFF
        for name in sorted(names, key=lambda name: (len(name), name.upper()), reverse=True):
            inner = names[name]
            child = add(inner) if isinstance(inner, dict) else 0xFFFFFFFF
            entries.append(
                (name, 1 if isinstance(inner, dict) else 2, b"" if isinstance(inner, dict) else inner, child, following)
            )
            first = following = len(entries)
        return first

    root_child = add(tree)
    mini = b""
    mini_next: list[int] = []
    sectors: list[bytes] = []
    table: list[int] = []

    def store(content: bytes) -> int:
        if not content:
            return 0xFFFFFFFE
        first = len(sectors)
        for at in range(0, len(content), 512):
            sectors.append(content[at : at + 512].ljust(512, b"\0"))
            table.append(len(sectors))
        table[-1] = 0xFFFFFFFE
        return first

    starts = []
    for _, kind, content, _, _ in entries:
        if kind == 1 or not content:
            starts.append(0xFFFFFFFE)
        elif len(content) >= 4096:
            starts.append(store(content))
        else:
            starts.append(len(mini) // 64)
            count = -(-len(content) // 64)
            mini_next += [*range(len(mini) // 64 + 1, len(mini) // 64 + count), 0xFFFFFFFE]
            mini += content.ljust(64 * count, b"\0")
    mini_start = store(mini)
    mini_table = store(struct.pack(f"<{len(mini_next)}I", *mini_next))
    n_mini_table = -(-4 * len(mini_next) // 512)

    def entry(name: str, kind: int, child: int, right: int, start: int, size: int) -> bytes:
        encoded = (name + "\0").encode("utf-16-le")
        head = encoded.ljust(64, b"\0") + struct.pack("<HBB3I", len(encoded), kind, 1, 0xFFFFFFFF, right, child)
        return head + bytes(16 + 4 + 16) + struct.pack("<IQ", start, size)

    directory = entry("Root Entry", 5, root_child, 0xFFFFFFFF, mini_start, len(mini))
    for (name, kind, content, child, right), start in zip(entries, starts, strict=True):
        directory += entry(name, kind, child, right, start, len(content))
    directory_start = store(directory)
    n_table = 1
    while (len(table) + n_table) * 4 > n_table * 512:
        n_table += 1
    table_sectors = range(len(sectors), len(sectors) + n_table)
    packed = struct.pack(f"<{len(table)}I", *table) + struct.pack("<I", 0xFFFFFFFD) * n_table
    packed = packed.ljust(512 * n_table, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<6I", 0, n_table, directory_start, 0, 4096, mini_table if mini_next else 0xFFFFFFFE)
    header += struct.pack("<3I", n_mini_table, 0xFFFFFFFE, 0)
    header += b"".join(struct.pack("<I", number) for number in table_sectors)
    return header.ljust(512, b"\xff") + b"".join(sectors) + packed


@pytest.fixture(scope="session")
def make_compound() -> Callable[[Tree], bytes]:
    """A compound file from names and contents."""
    return _compound


@pytest.fixture(scope="session")
def make_msg() -> Callable[..., bytes]:
    """An Outlook message. texts: property number to text.  parts: streams and storages.  fixed: number to (type, 8 bytes)."""
    return lambda *given, **named: _compound(_message(*given, **named))


def _message(
    texts: dict[int, str],
    parts: Tree | None = None,
    fixed: dict[int, tuple[int, bytes]] | None = None,
    header: int = 32,
) -> Tree:
    properties = bytes(header)
    for number, (kind, value) in (fixed or {}).items():
        properties += struct.pack("<HHI", kind, number, 6) + value.ljust(8, b"\0")
    tree: Tree = {f"__substg1.0_{number:04X}001F": text.encode("utf-16-le") for number, text in texts.items()}
    return tree | {"__properties_version1.0": properties} | (parts or {})


@pytest.fixture(scope="session")
def message_parts() -> Callable[..., Tree]:
    """What is inside an Outlook message, a recipient or an attachment: as ``make_msg``, with the length of its property header."""
    return _message
