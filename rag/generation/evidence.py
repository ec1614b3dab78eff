"""Passages cut into numbered sentences: what a model may cite. It cites numbers, so that no quotation can be miscopied."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from index.types import Span
from rag.answer.citations import cite_part
from rag.answer.rows import named_cells, tell_more, told
from rag.language.sentences import split_sentences
from rag.shared.types import Citation, ListedRow, NamedCell

# A small model reads this in a few seconds, and what answers stands in the first passages or nowhere.
MAX_SENTENCES = 80
MAX_CHARACTERS = 16_000


class OfferedPassage(NamedTuple):
    """A passage that may be cited: all of it, its language as ISO 639 code, and the rows of its tables, in order."""

    citation: Citation
    language: str = "en"
    rows: Sequence[ListedRow] = ()


class Evidence(NamedTuple):
    """A sentence or a table row that may be cited. id: "S1", "S2", ...; passage: the rank (0-based) of the passage it stands in.

    text: as the model reads it, a row with the names of its columns.  cells: of such a row.
    """

    id: str
    text: str
    citation: Citation
    passage: int
    cells: Sequence[NamedCell] = ()


def number_sentences(passages: Sequence[OfferedPassage]) -> tuple[Evidence, ...]:
    """The sentences and rows of passages, best passage first, each once, as far as there is room."""
    sentences: list[Evidence] = []
    seen: set[tuple[str, Span]] = set()  # passages of one document overlap
    room = MAX_CHARACTERS
    for rank, passage in enumerate(passages):
        for span, row in _pieces(passage):
            if (passage.citation.document_id, span) in seen:
                continue
            citation = cite_part(passage.citation, span)
            cells = named_cells(row.head, row.cells) if row is not None else ()
            text = citation.cited_text
            if row is not None and tell_more(cells, text):
                text = told(cells, row.group)
            room -= len(text)
            if room < 0 or len(sentences) == MAX_SENTENCES:
                return tuple(sentences)
            seen.add((passage.citation.document_id, span))
            sentences.append(Evidence(f"S{len(sentences) + 1}", text, citation, rank, cells))
    return tuple(sentences)


def _pieces(passage: OfferedPassage) -> Iterator[tuple[Span, ListedRow | None]]:
    """Where the sentences and the rows of a passage stand in its document, in order."""
    citation, language, rows = passage
    begin, text = citation.span.start, citation.cited_text
    position = 0
    for row in (*rows, None):
        end = row.span.start - begin if row is not None else len(text)
        for sentence in split_sentences(text, position, end, language):
            yield Span(begin + sentence.start, begin + sentence.end), None
        if row is not None:
            yield row.span, row
            position = row.span.end - begin
