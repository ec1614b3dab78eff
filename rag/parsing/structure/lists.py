"""Lists and the sentences that announce them: each item is searched with its lead-in."""

import re

from index.types import Span
from rag.language.patterns import BULLETS
from rag.language.sentences import split_sentences, trim
from rag.shared.types import ITEM, PROSE, Block

_MAX_LEAD_IN = 300
# How an item of a list begins that is written with its mark.
ITEM_START = re.compile(rf"[ \t]*+(?:[-*+{BULLETS}]|\(?\d{{1,3}}[.)]|\(?[A-Za-z][.)])[ \t]+\S")
_COLONS = (":", "：")
_BLANK = re.compile(r"[ \t\f\v\r]*")
_INDENTED = re.compile(r"(?: {2}|\t)")


def lead_in(text: str) -> str:
    """The sentence that announces what follows a paragraph, a list or code; nothing where none does."""
    if not text.rstrip(" \n*_").endswith(_COLONS):
        return ""
    last = split_sentences(text)[-1]
    return text[slice(*last)] if last.end - last.start <= _MAX_LEAD_IN else ""


def blocks_of_lists(text: str) -> list[Block]:
    """The blocks of a plain text, each of its lists one that has its lead-in as context; none where no list has a lead-in.

    A list begins with an item and goes on over further items and indented lines until a blank line that neither follows.
    """
    lists = []
    paragraph = 0  # where the one above begins
    opened: int | None = None  # where the list begins
    lead = ""
    after_blank = True
    position = 0
    for line in text.split("\n"):
        if _BLANK.fullmatch(line):
            after_blank = True
        else:
            item = ITEM_START.match(line)
            if opened is not None and after_blank and not item and not _INDENTED.match(line):
                lists.append((opened, position, lead))
                opened = None
            if opened is None and item:
                opened, lead = position, lead_in(text[paragraph:position].rstrip())
            elif opened is None and after_blank:
                paragraph = position
            after_blank = False
        position += len(line) + 1
    if opened is not None:
        lists.append((opened, len(text), lead))
    edges = [(0, 0, ""), *(entry for entry in lists if entry[2]), (len(text), len(text), "")]
    if len(edges) == 2:
        return []
    blocks = []
    for (_, before, _), (start, end, context) in zip(edges, edges[1:], strict=False):
        for left, right, lead in ((before, start, ""), (start, end, context)):
            if span := without_blank_lines(text, left, right):
                blocks.append(Block(*span, False, lead, ITEM if lead else PROSE))
    return blocks


def without_blank_lines(text: str, start: int, end: int) -> Span | None:
    """A stretch without blank lines around it, None where there is no other; indentation stays with the first line."""
    span = trim(text, start, end)
    return Span(max(text.rfind("\n", start, span.start) + 1, start), span.end) if span.start < span.end else None
