"""Plain text, source code and logs: the text as it is; what differs is what may not be cut.

Prose is cut into sentences, and its lists know their lead-ins; of code, what stands between blank lines is one piece; of a log,
each entry with its further lines.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from rag.parsing.shared.encoding import decode
from rag.parsing.structure.builder import require_length
from rag.parsing.structure.lists import blocks_of_lists, without_blank_lines
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
    require_length(len(text))
    sections = (Section(0, 0, len(text), ()),)
    sample = text[:_SAMPLE_CHARACTERS]
    if _is_log(sample):
        return ParsedText(text, name, sections, _wholes(text, _entries(text)))
    if suffix in CODE_NAMES or text.startswith("#!") or _is_code(sample):
        # The file's whole name, as people name a piece of code.
        pieces = [0, *(edge for gap in _BLANK_LINES.finditer(text) for edge in gap.span()), len(text)]
        return ParsedText(text, name + suffix, sections, _wholes(text, zip(pieces[::2], pieces[1::2], strict=True)))
    return ParsedText(text, name, sections, tuple(blocks_of_lists(text)))


def _is_code(sample: str) -> bool:
    lines = [line for line in sample.split("\n") if line.strip()]
    return len(lines) >= _FEWEST_LINES and sum(map(bool, map(_CODE_LINE.fullmatch, lines))) >= _CODE_SHARE * len(lines)


def _is_log(sample: str) -> bool:
    lines = [line for line in sample.split("\n") if line.strip() and not line[0].isspace()]
    return len(lines) >= _FEWEST_LINES and sum(map(bool, map(_LOG_LINE.match, lines))) >= _LOG_SHARE * len(lines)


def _entries(text: str) -> Iterator[tuple[int, int]]:
    """Where the entries of a log stand, each with the lines below it that begin no other (a traceback)."""
    lines = (line.end() for line in re.finditer("\n", text))
    return pairwise([0, *(line for line in lines if _LOG_LINE.match(text, line)), len(text)])


def _wholes(text: str, stretches: Iterable[tuple[int, int]]) -> tuple[Block, ...]:
    spans = (without_blank_lines(text, *stretch) for stretch in stretches)
    return tuple(Block(*span, whole=True, kind=CODE) for span in spans if span)
