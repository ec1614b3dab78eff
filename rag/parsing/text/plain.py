"""Plain text, source code and logs: the text as it is; what differs is what may not be cut.

Prose is cut into sentences, and its lists know their lead-ins; of code, what stands between blank lines is one piece; of a log,
each entry with its further lines.
"""

import re
from collections.abc import Iterator

from rag.language.sentences import trim
from rag.parsing.shared.encoding import decode
from rag.parsing.structure.builder import MAX_CHARACTERS
from rag.parsing.structure.lists import blocks_of_lists
from rag.shared.errors import ContentTooLarge
from rag.shared.types import CODE, Block, ParsedText, Section

CODE_NAMES = frozenset(
    ".py .pyi .js .mjs .cjs .ts .tsx .jsx .java .kt .kts .scala .groovy .c .h .cc .cpp .cxx .hh .hpp .cs .go .rs .swift .m .mm .rb"
    " .php .pl .pm .lua .r .jl .hs .ml .mli .ex .exs .erl .clj .lisp .el .scm .sh .bash .zsh .fish .ps1 .bat .cmd .sql .css .scss"
    " .less .vue .svelte .dart .zig .nim .f .f90 .pas .vb .asm .s .v .vhd .tf .proto .graphql .toml .ini .cfg .conf .properties"
    " .yaml .yml .xml .xsd .xsl .gradle .cmake .mk .diff .patch".split()
)
# Each costs a hundred bytes and more while its place in a passage is found.
MAX_LINES = 2_000_000
_SAMPLE_CHARACTERS = 20_000
_CODE_LINE = re.compile(
    r"\s*(?:(?:def|class|func|fn|fun|sub|function)\s+\w+.*[({:]\s*$|(?:import|from|use|using|package|require)\s+[\w.{*\"'<]+.*;?$"
    r"|#\s*(?:include|define|ifdef|endif)\b|(?:public|private|protected|static|const|let|var|final)\s+\w+.*|(?:return|else|try|do)\b.*[;:{]\s*$"
    r"|[\w.\[\]]+\s*(?:[-+*/|&]?=|:=)\s*\S.*|.*[;{}]\s*(?://.*)?$|[})\]]+[;,]?\s*$|@\w+.*|(?://|/\*|\*/).*)"
)
_CODE_SHARE = 0.35
_FEWEST_LINES = 4
_LOG_LINE = re.compile(
    r"[\[(<]?(?:\d{4}[-/.]\d\d[-/.]\d\d|\d\d[-/.](?:\d\d|[A-Z][a-z]{2})[-/.]\d{4}|[A-Z][a-z]{2} [ \d]\d)[T :,]{1,2}\d\d:\d\d"
    r"|(?:\d{1,3}\.){3}\d{1,3} \S+ \S+ \[|[\[(]?\d\d:\d\d:\d\d|(?:DEBUG|INFO|WARN|WARNING|ERROR|FATAL|TRACE|CRITICAL)\b"
)
_LOG_SHARE = 0.5
_BLANK_LINES = re.compile(r"\n[ \t\f\v\r]*\n\s*")


def parse_text(content: bytes, name: str, suffix: str) -> ParsedText:
    """The text as it is, under no heading. suffix: of the file's name, which says "code" where the text alone might not."""
    if max(content.count(b"\n"), content.count(b"\r")) > MAX_LINES:
        raise ContentTooLarge(f"more than {MAX_LINES // 10**6} million lines of text: split the file")
    text = decode(content)
    if len(text) > MAX_CHARACTERS:
        raise ContentTooLarge(f"more than {MAX_CHARACTERS // 10**6} million characters of text: split the file")
    sections = (Section(0, 0, len(text), ()),)
    sample = text[:_SAMPLE_CHARACTERS]
    if _is_log(sample):
        return ParsedText(text, name, sections, tuple(_entries(text)))
    if suffix in CODE_NAMES or text.startswith("#!") or _is_code(sample):
        # The file's whole name, as people name a piece of code.
        return ParsedText(text, name + suffix, sections, tuple(_pieces(text)))
    return ParsedText(text, name, sections, tuple(blocks_of_lists(text)))


def _is_code(sample: str) -> bool:
    lines = [line for line in sample.split("\n") if line.strip()]
    return len(lines) >= _FEWEST_LINES and sum(map(bool, map(_CODE_LINE.fullmatch, lines))) >= _CODE_SHARE * len(lines)


def _is_log(sample: str) -> bool:
    lines = [line for line in sample.split("\n") if line.strip() and not line[0].isspace()]
    return len(lines) >= _FEWEST_LINES and sum(map(bool, map(_LOG_LINE.match, lines))) >= _LOG_SHARE * len(lines)


def _pieces(text: str) -> Iterator[Block]:
    """What stands between blank lines, each whole."""
    position = 0
    for blank in (*_BLANK_LINES.finditer(text), None):
        end = blank.start() if blank else len(text)
        place = _lines(text, position, end)
        if place:
            yield place
        position = blank.end() if blank else end


def _entries(text: str) -> Iterator[Block]:
    """Entries of a log, each with the lines below it that begin no other (a traceback)."""
    opened = position = 0
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if position > opened and _LOG_LINE.match(text, position):
            if place := _lines(text, opened, position):
                yield place
            opened = position
        position = end + 1
    if place := _lines(text, opened, len(text)):
        yield place


def _lines(text: str, start: int, end: int) -> Block | None:
    """The stretch without blank lines around it; indentation stays with the first line."""
    span = trim(text, start, end)
    if span.start == span.end:
        return None
    first = max(text.rfind("\n", start, span.start) + 1, start)
    return Block(first, span.end, whole=True, kind=CODE)
