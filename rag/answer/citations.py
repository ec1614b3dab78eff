"""Citations: making them from stored passages, and checking later whether they still hold."""

from collections.abc import Callable

from index.types import Document, Passage, Span
from rag.shared.types import Citation, CitationCheck


def cite(passage: Passage, document: Document) -> Citation:
    """The citation of a stored passage."""
    return Citation(document.id, document.title, passage.text, passage.span, document.text_sha256)


def cite_part(citation: Citation, span: Span) -> Citation:
    """The citation of a part of what another one cites. span: of the document, within the other's."""
    start = citation.span.start
    text = citation.cited_text[span.start - start : span.end - start]
    return Citation(citation.document_id, citation.document_title, text, span, citation.document_sha256)


def check(citation: Citation, stored: Callable[[str], tuple[str, str] | None]) -> CitationCheck:
    """Whether a citation still holds. stored: text and its SHA-256 of a document id, None when there is no such document.

    "valid": the document is the cited version and has the quote at its place.  "moved": the document changed and holds the
    quote at ``span`` (the occurrence nearest to the old place, which it may be).  "changed": the quote is not in it as cited.
    "gone": the document is no longer there.
    """
    version = stored(citation.document_id)
    if version is None:
        return CitationCheck("gone", citation.document_id)
    text, sha256 = version
    if sha256 == citation.document_sha256:
        holds = (
            0 <= citation.span.start < citation.span.end <= len(text)
            and text[slice(*citation.span)] == citation.cited_text
        )
        return CitationCheck("valid" if holds else "changed", citation.document_id)
    place = _nearest_occurrence(text, citation.cited_text, citation.span.start)
    if place is None:
        return CitationCheck("changed", citation.document_id)
    return CitationCheck("moved", citation.document_id, Span(place, place + len(citation.cited_text)))


def _nearest_occurrence(text: str, quote: str, start: int) -> int | None:
    if not quote:
        return None
    after = text.find(quote, max(start, 0))
    before = text.rfind(quote, 0, max(start, 0) + len(quote) - 1) if start > 0 else -1
    places = [place for place in (before, after) if place >= 0]
    return min(places, key=lambda place: abs(place - start)) if places else None
