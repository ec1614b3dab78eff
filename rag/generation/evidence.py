"""Passages cut into numbered sentences: what a model may cite. It cites numbers, so that no quotation can be miscopied."""

from collections.abc import Sequence
from typing import NamedTuple

from index.types import Span
from rag.answer.citations import cite_part
from rag.language.sentences import split_sentences
from rag.shared.types import Citation

# A small model reads this in a few seconds, and what answers stands in the first passages or nowhere.
MAX_SENTENCES = 80
MAX_CHARACTERS = 16_000


class Evidence(NamedTuple):
    """A sentence that may be cited. id: "S1", "S2", ...; passage: the rank (0-based) of the passage it stands in."""

    id: str
    text: str
    citation: Citation
    passage: int


def number_sentences(passages: Sequence[Citation], languages: Sequence[str]) -> tuple[Evidence, ...]:
    """The sentences of passages, best passage first, each once, as far as there is room.

    passages: a citation of each whole passage.  languages: of each, as ISO 639 code.
    """
    sentences: list[Evidence] = []
    seen: set[tuple[str, Span]] = set()  # passages of one document overlap
    room = MAX_CHARACTERS
    for rank, (passage, language) in enumerate(zip(passages, languages, strict=True)):
        for start, end in split_sentences(passage.cited_text, language=language):
            span = Span(passage.span.start + start, passage.span.start + end)
            if (passage.document_id, span) in seen:
                continue
            room -= end - start
            if room < 0 or len(sentences) == MAX_SENTENCES:
                return tuple(sentences)
            seen.add((passage.document_id, span))
            text = passage.cited_text[start:end]
            sentences.append(Evidence(f"S{len(sentences) + 1}", text, cite_part(passage, span), rank))
    return tuple(sentences)
