"""Passages of whole sentences, with exact positions.

Positions are our own arithmetic: langchain-text-splitters, which cuts blocks too long to be one sentence, is asked for pieces that
join to the block again, and its own start index (wrong or always 0 for repeated text) is not used.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from index.types import Span
from rag.language.sentences import split_sentences, trim
from rag.types import Block, Check, PageBreak, Section, go_on

# Characters of a block without a sentence's end that are cut into pieces at once.
_STRETCH = 100_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage before it is embedded. Sentences lie inside the span, in order; a heading is in the span but is no sentence.

    page: number of the page on which its first sentence starts.  context: what its section and its block
    say that is searched with it.
    """

    span: Span
    sentences: tuple[Span, ...]
    section: tuple[str, ...]
    page: int | None = None
    context: str = ""


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
        sentences = _sentences(text, section, stretches, size, language, check)
        for number, group in enumerate(_groups(sentences, size, overlap, page_starts)):
            start = trim(text, section.start, group[0].end).start if number == 0 else group[0].start
            page = pages[max(bisect_right(page_starts, group[0].start) - 1, 0)].number if pages else None
            said = [section.context]
            if blocks:
                said.append(blocks[max(bisect_right(block_starts, group[0].start) - 1, 0)].context)
            context = ". ".join(one for one in said if one and one not in text[start : group[-1].end])
            chunks.append(Chunk(Span(start, group[-1].end), tuple(group), section.path, page, context))
    for passage in chunks:
        _check(text, passage)
    return chunks


def _sentences(
    text: str, section: Section, blocks: Iterable[Block], size: int, language: str, check: Check
) -> Iterator[Span]:
    for block in blocks:
        whole = trim(text, block.start, block.end)
        for sentence in [whole] if block.whole else split_sentences(text, block.start, block.end, language, check):
            check()
            if sentence.end - sentence.start <= size:
                yield sentence
            else:
                yield from _pieces(text, sentence, size, check)
    if section.heading_end > section.start and not text[section.heading_end : section.end].strip():
        heading = trim(text, section.start, section.heading_end)
        if heading.start < heading.end:  # a heading with nothing under it is all there is to find
            yield heading


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


def _groups(sentences: Iterator[Span], size: int, overlap: int, page_starts: Sequence[int]) -> Iterator[list[Span]]:
    """Consecutive sentences that fit, each group but the first opened by the last ``overlap`` of the one before, if they fit.

    Groups end with their page and share no sentence across it.
    """
    group: list[Span] = []
    n_new = 0
    page = 0
    for sentence in sentences:
        before, page = page, bisect_right(page_starts, sentence.start)
        if group and page != before:
            if n_new:
                yield group
            group, n_new = [], 0
        if group and sentence.end - group[0].start > size:
            yield group
            group = group[-overlap:] if overlap else []
            while group and sentence.end - group[0].start > size:
                group.pop(0)
            n_new = 0
        group.append(sentence)
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
