"""How the text of a document is shown: headings, paragraphs, items, code and tables, told from its passages and their units.

Nothing is stored for it and nothing is added to the text: blocks are stretches of it, in order, with only white space between.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from index.types import Passage, Span
from rag.parsing.structure.lists import ITEM_START
from rag.shared.types import CODE, ITEM, PROSE, ROW, TableRow
from rag.shared.units import units_of
from rag.viewing.tables import MOST_COLUMNS, Row, Table, trimmed

HEADING, TABLE = "heading", "table"  # kinds of blocks, beside those of units
_MOST_HEADINGS = 2_000
_BLANK_LINE = re.compile(r"\n[ \t\r\f\v]*+\n")
_FENCES = ("```", "~~~")
_NUMBERED = re.compile(r"(?:row|item|record) \d+")  # what parsers call the parts of a file that have no names


class Block(NamedTuple):
    """A stretch of a text. kind: HEADING, TABLE or as of its units.

    level: of a heading, from 1; of an item, how far it is indented, from 0.  rows: of a table.
    """

    kind: str
    span: Span
    level: int = 0
    rows: tuple[Row, ...] = ()


class Entry(NamedTuple):
    """A heading in the outline. level: from 1.  start: where its part of the text begins.  page: where the file has any."""

    title: str
    level: int
    start: int
    page: int | None


class _Piece(NamedTuple):
    """A heading, a unit, or what is of neither. path: the headings above.  row: None for what stands above the rows of a table."""

    kind: str
    span: Span
    level: int = 0
    row: TableRow | None = None
    path: tuple[str, ...] = ()


def outline_of(passages: Sequence[Passage]) -> list[Entry]:
    """The headings of a document in order, with those that its text does not hold, as the names of sheets."""
    entries: list[Entry] = []
    above: tuple[str, ...] = ()
    for passage in passages:
        path = passage.section
        shared = next((at for at, (old, new) in enumerate(zip(above, path, strict=False)) if old != new), len(above))
        is_own = _own_heading(passage) is not None
        for at in range(min(shared, len(path) - is_own), len(path)):
            is_named = is_own or at + 1 < len(path) or not _NUMBERED.fullmatch(path[at])
            is_twice = path[at] in path[max(0, at - 1) : at]  # as a sheet and the title of its only table
            if is_named and not is_twice:
                entries.append(Entry(path[at], at + 1, passage.span.start, passage.page))
        above = path
    return entries[:_MOST_HEADINGS]


def blocks_of(text: str, start: int, passages: Sequence[Passage]) -> list[Block]:
    """The blocks of a stretch of a document.

    start: where the stretch begins in the document, as all positions.  passages: of the document, in order.
    """
    blocks: list[Block] = []
    tables: dict[int, Table] = {}  # by the number of their block
    end = start
    for piece in _pieces(text, start, passages):
        gap = text[end - start : piece.span.start - start]
        if piece.kind == ROW:
            table = tables.get(len(blocks) - 1)
            if table is None or not table.add(piece.span, piece.row, piece.path, gap):
                table = tables[len(blocks)] = Table(text, start)
                table.add(piece.span, piece.row, piece.path, "")
                blocks.append(Block(TABLE, piece.span))
            blocks[-1] = Block(TABLE, Span(blocks[-1].span.start, piece.span.end))
        else:
            _add(blocks, piece, gap, text[piece.span.start - start : piece.span.end - start])
        end = piece.span.end
    return [block._replace(rows=tables[at].rows) if at in tables else block for at, block in enumerate(blocks)]


def _add(blocks: list[Block], piece: _Piece, gap: str, text: str) -> None:
    """Add a piece that is of no table as a block or to the last one.  gap: the white space before it."""
    (start, end), kind, level = piece.span, piece.kind, piece.level
    begins = not blocks or "\n" in gap
    indent = len(gap.rpartition("\n")[2]) if begins else 0
    is_marked = begins and kind in (PROSE, ITEM) and ITEM_START.match(text) is not None
    if is_marked:
        kind, level = ITEM, indent // 2
    last = blocks[-1].kind if blocks else HEADING
    is_apart = is_marked or _BLANK_LINE.search(gap) is not None
    if HEADING in (kind, last) or last == TABLE:
        goes_on = False
    elif kind == last == CODE:  # a program is cut at its blank lines
        goes_on = not text.startswith(_FENCES)
    elif last == ITEM and kind in (ITEM, PROSE):
        goes_on = not is_apart and (not begins or kind == PROSE or indent > 0)
    else:
        goes_on = not is_apart and kind == last
    if goes_on:
        blocks[-1] = blocks[-1]._replace(span=Span(blocks[-1].span.start, end))
    else:
        blocks.append(Block(kind, Span(start if kind == ITEM else start - indent, end), level))


def _pieces(text: str, start: int, passages: Sequence[Passage]) -> Iterator[_Piece]:
    """What a stretch is made of, in order, with only white space between."""
    at, end = start, start + len(text)
    for passage, heading in zip(passages, _headings(passages), strict=True):
        if passage.span.end <= start or passage.span.start >= end:
            continue
        if heading is not None and at <= heading.span.start < end:
            yield from _rest(text, start, at, heading.span.start)
            at = min(heading.span.end, end)
            yield heading._replace(span=trimmed(text, start, heading.span.start, at))
        for unit in units_of(passage):
            span = trimmed(text, start, max(unit.span.start, at), min(unit.span.end, end))
            if span.start < span.end:  # else it stands in the passage before, too
                is_row = unit.row is not None and len(unit.row.head) <= MOST_COLUMNS
                yield from _rest(text, start, at, span.start, above_rows=is_row)
                kind = PROSE if unit.kind == ROW and unit.row is not None and not is_row else unit.kind
                yield _Piece(kind, span, row=unit.row, path=passage.section[:-1])
                at = span.end
    yield from _rest(text, start, at, end)


def _rest(text: str, base: int, start: int, end: int, *, above_rows: bool = False) -> Iterator[_Piece]:
    """What is of no unit, such as front matter, by paragraphs; the last of them is the head of the rows below it."""
    gaps = _BLANK_LINE.finditer(text, start - base, max(end - base, 0))
    edges = [start, *(at + base for gap in gaps for at in gap.span()), end]
    spans = [trimmed(text, base, *edge) for edge in zip(edges[::2], edges[1::2], strict=True)]
    spans = [span for span in spans if span.start < span.end]
    for span in spans:
        yield _Piece(ROW if above_rows and span is spans[-1] else PROSE, span)


def _headings(passages: Sequence[Passage]) -> Iterator[_Piece | None]:
    """The heading that each passage begins with or is; None for one without."""
    for passage, following in pairwise([*passages, None]):
        assert passage is not None
        heading = _own_heading(passage)
        if heading is None and following is not None and len(passage.sentences) == 1:
            # The title of a table of a sheet stands in a row of its own.
            name, names = _letters(passage.text), [_letters(part) for part in following.section[:-1]]
            if name in names:
                heading = _Piece(HEADING, passage.span, names.index(name) + 1)
        yield heading


def _own_heading(passage: Passage) -> _Piece | None:
    """The line at the beginning of a passage that says what its section is called."""
    if not passage.section or not passage.sentences:
        return None
    above = passage.text[: passage.sentences[0].start - passage.span.start]
    if not above and len(passage.sentences) > 1:
        return None
    name = _letters(passage.section[-1])
    head = above or passage.text
    for part in (_BLANK_LINE.split(head, maxsplit=1)[0].rstrip(), head.partition("\n")[0].rstrip()):
        if _letters(part) == name or (above and part.startswith("#") and "\n" not in part):
            span = Span(passage.span.start, passage.span.start + len(part))
            return _Piece(HEADING, span, len(passage.section))
    return None


def _letters(text: str) -> str:
    """What headings are compared by: in Markdown there are marks between the letters."""
    return "".join(filter(str.isalnum, text)).casefold() or text.strip()
