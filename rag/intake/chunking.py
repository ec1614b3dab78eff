"""Passages of whole sentences, with exact positions.

Positions are our own arithmetic: langchain-text-splitters, which cuts blocks too long to be one sentence, is asked for pieces that
join to the block again, and its own start index (wrong or always 0 for repeated text) is not used.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from index.types import Span
from rag.language.sentences import split_sentences, trim
from rag.shared.types import Block, Check, PageBreak, Section, TableRow, Unit, go_on

# Characters of a block without a sentence's end that are cut into pieces at once.
_STRETCH = 100_000
# Characters of each heading, and of what else is searched with a passage: every passage of a section holds them again.
_MAX_HEADING = 500
_MAX_CONTEXT = 4_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage before it is embedded. Sentences lie inside the span, in order; a heading is in the span but is no sentence.

    units: its sentences with what is known of each.  page: number of the page on which its first sentence starts.
    context: what its section and its block say that is searched with it.
    """

    span: Span
    units: tuple[Unit, ...]
    section: tuple[str, ...]
    page: int | None = None
    context: str = ""

    @property
    def sentences(self) -> tuple[Span, ...]:
        """The spans of its units."""
        return tuple(unit.span for unit in self.units)


def chunk(
    text: str,
    sections: Sequence[Section],
    *,
    size: int,
    overlap: int,
    blocks: Sequence[Block] = (),
    pages: Sequence[PageBreak] = (),
    language: str = "en",
    check: Check = go_on,
) -> list[Chunk]:
    """Cut text into passages of whole sentences.

    size: characters a passage may have, unless one piece alone is longer; overlap: sentences that a passage repeats of the one
    before it.  sections: in order, not overlapping, covering the text; passages do not cross them.
    blocks: as in ParsedText; where there are none, the text's own lines say where sentences cannot go on.
    pages: in order; a passage has sentences that start on one page only.  language: as of ``split_sentences``.
    check: called again and again, at least for every 100,000 characters; what it raises ends the work.
    """
    chunks = []
    block_starts = [block.start for block in blocks]
    page_starts = [page.start for page in pages]
    for section in sections:
        first, after = (bisect_left(block_starts, edge) for edge in (section.heading_end, section.end))
        stretches = blocks[first:after] if blocks else [Block(section.heading_end, section.end)]
        if section.heading_end - section.start > max(size, _MAX_CONTEXT):  # it is cut as text is
            stretches = [Block(section.start, section.heading_end), *stretches]
            section = section._replace(heading_end=section.start)
        units = _units(text, section, stretches, size, language, check)
        for number, group in enumerate(_groups(units, size, overlap, page_starts)):
            begin = group[0].span
            start = trim(text, section.start, begin.end).start if number == 0 else begin.start
            page = pages[max(bisect_right(page_starts, begin.start) - 1, 0)].number if pages else None
            own = text[start : group[-1].span.end]
            beside = (part[:_MAX_CONTEXT] for part in (section.context, *group[0].context.split("\n")))
            context = ". ".join(part for part in beside if part and part not in own)
            path = tuple(heading[:_MAX_HEADING] for heading in section.path)
            chunks.append(Chunk(Span(start, group[-1].span.end), tuple(group), path, page, context))
    for passage in chunks:
        _check(text, passage)
    return chunks


def _units(
    text: str, section: Section, blocks: Iterable[Block], size: int, language: str, check: Check
) -> Iterator[Unit]:
    for block in blocks:
        whole = trim(text, block.start, block.end)
        for sentence in [whole] if block.whole else split_sentences(text, block.start, block.end, language, check):
            check()
            short = sentence.end - sentence.start <= size
            for span in [sentence] if short else _pieces(text, sentence, size, check):
                yield Unit(span, block.kind, block.context, block.row and _row_within(block.row, span))
    if section.heading_end > section.start and not text[section.heading_end : section.end].strip():
        heading = trim(text, section.start, section.heading_end)
        if heading.start < heading.end:  # a heading with nothing under it is all there is to find
            yield Unit(heading)


def _row_within(row: TableRow, span: Span) -> TableRow:
    """What a part of a row has of its cells."""
    parts = (Span(max(start, span.start), min(end, span.end)) for start, end in row.cells)
    return TableRow(row.head, tuple(part if part.start < part.end else Span(span.start, span.start) for part in parts))


def _pieces(text: str, block: Span, limit: int, check: Check) -> Iterator[Span]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=limit,
        chunk_overlap=0,
        separators=["\n", "; ", ": ", ", ", "、", "，", " ", ""],
        keep_separator="end",
        strip_whitespace=False,
    )
    position = block.start
    for start, end in _stretches(text, block):
        check()
        for piece in splitter.split_text(text[start:end]):
            if not text.startswith(piece, position):
                raise AssertionError(f"a piece of the block at {block.start} is not where it should be ({position})")
            span = trim(text, position, position + len(piece))
            if span.start < span.end:
                yield span
            position += len(piece)
    if position != block.end:
        raise AssertionError(f"pieces of the block at {block.start} end at {position} instead of {block.end}")


def _stretches(text: str, block: Span) -> Iterator[tuple[int, int]]:
    """A block in parts that the splitter takes at once, cut at a blank where there is one: it may make a string of each letter."""
    start = block.start
    while block.end - start > _STRETCH:
        blank = max(text.rfind("\n", start, start + _STRETCH), text.rfind(" ", start, start + _STRETCH))
        end = blank + 1 if blank > start else start + _STRETCH
        yield start, end
        start = end
    yield start, block.end


def _groups(units: Iterator[Unit], size: int, overlap: int, page_starts: Sequence[int]) -> Iterator[list[Unit]]:
    """Consecutive units that fit, each group but the first opened by the last ``overlap`` of the one before, if they fit.

    Groups end with their page and share no unit across it.
    """
    group: list[Unit] = []
    n_new = 0
    page = 0
    for unit in units:
        before, page = page, bisect_right(page_starts, unit.span.start)
        if group and page != before:
            if n_new:
                yield group
            group, n_new = [], 0
        if group and unit.span.end - group[0].span.start > size:
            yield group
            group = group[-overlap:] if overlap else []
            while group and unit.span.end - group[0].span.start > size:
                group.pop(0)
            n_new = 0
        group.append(unit)
        n_new += 1
    if n_new:
        yield group


def _check(text: str, passage: Chunk) -> None:
    """Positions are promises: a passage that breaks one is a defect here, found before it is stored."""
    start, end = passage.span
    position = start
    for sentence in passage.sentences:
        if not position <= sentence.start < sentence.end <= end <= len(text):
            raise AssertionError(f"sentence {sentence} of passage {passage.span} is out of place")
        position = sentence.end
