"""What the documents are, where that is what is asked: how each begins, and a note on titles, kinds, dates and headings.

"What are these documents about?" is not told by any passage, so that a search for it fails or quotes what has such words in it.
"""

import re
import time
from collections.abc import Sequence
from pathlib import PurePath

from index.backend import Reader
from index.local.views.lexical import analyze
from index.types import Document, Passage
from rag.answer.citations import cite, cite_part
from rag.language.patterns import lazy_pattern
from rag.retrieval.question import function_terms
from rag.shared.types import (
    Answer,
    AnswerPart,
    AnswerText,
    Citation,
    DocumentRef,
    IndexState,
    Query,
    RankedPassage,
    Timings,
)
from rag.shared.units import units_of

_DOCUMENTS = r"(?:documents?|files?|texts?|papers?|collection|folder|sources?|library)"
_ALL = lazy_pattern(
    rf"\W*(?:(?:what(?:'s| is| are)|tell me) (?:in |about )?(?:all |all of )?(?:these|this|those|the|my|your|"
    rf"our) {_DOCUMENTS}(?: about)?|"
    rf"(?:which|what) {_DOCUMENTS} (?:are there|do (?:you|i|we) have|are here)|"
    rf"(?:summari[sz]e|describe|list) (?:all |all of )?(?:these|this|those|the|my|your|our) {_DOCUMENTS}|"
    rf"(?:give me |show me )?an overview(?: of (?:all |all of )?(?:these|this|those|the|my|your|our) {_DOCUMENTS})?)\W*",
    re.IGNORECASE,
)
_ONE = lazy_pattern(
    r"\W*(?:tell me (?:something |more )?about|what is|what's|summari[sz]e|describe|give me an overview of) "
    r"(?:the|this|that|my|our) (?P<name>[\w .,'’-]{3,60}?)(?P<about> about)?\W*",
    re.IGNORECASE,
)
_LOOKED_AT = 200  # documents whose titles are compared with a name
_MOST_NAMED = 10
_MOST_HEADINGS = 5


def asks_for_overview(question: str) -> bool:
    """Whether a question may ask what all documents or one of them are about."""
    return bool(_ALL.fullmatch(question) or _names_one(question))


def _names_one(question: str) -> str | None:
    """The name by which a question asks about one document."""
    named = _ONE.fullmatch(question)
    if named is None or not (named["about"] or question.lower().lstrip().startswith(("tell", "sum", "desc", "give"))):
        return None
    return named["name"]


def _documents_asked_about(question: str, reader: Reader, collection: str) -> list[Document]:
    """All documents, or the one that the question names; none where it names none or several."""
    if _ALL.fullmatch(question):
        return reader.documents(collection=collection, limit=_LOOKED_AT)
    wanted = set(analyze(_names_one(question) or "")) - function_terms()
    titled = [
        document
        for document in reader.documents(collection=collection, limit=_LOOKED_AT)
        if wanted
        and wanted <= set(analyze(f"{document.title} {PurePath(document.source or '').name.replace('_', ' ')}"))
    ]
    return titled if len(titled) == 1 else []


def overview(query: Query, question: str, reader: Reader, fingerprint: str, started: float) -> Answer | None:
    """How the first k documents begin, with a note on all; None where there is none that the question asks about.

    fingerprint: of the store.  started: when the question came, by ``time.perf_counter``.
    """
    documents = _documents_asked_about(question, reader, query.collection)
    listed: list[RankedPassage] = []
    parts: list[AnswerPart] = []
    notes = []
    for document in documents[: max(query.k, _MOST_NAMED)]:
        passages = reader.passages_of(document.id)
        notes.append(_described(document, passages))
        if len(listed) < query.k and passages:
            citation = cite(passages[0], document)
            parts.append(_beginning(passages[0], citation, len(listed)))
            listed.append(_listed(document, passages[0], citation, parts[-1]))
    if not listed:
        return None
    if len(documents) > len(notes):
        notes.append(f"and {len(documents) - len(notes)} more")
    n = "1 document" if len(documents) == 1 else f"{len(documents)} documents"
    text = AnswerText(tuple(part.text for part in parts), tuple(range(len(parts))), tuple(parts))
    index = IndexState(reader.generation, fingerprint)
    spent = round((time.perf_counter() - started) * 1000, 3)
    return Answer(
        query.question, True, 1.0, True, None, text, tuple(listed), index, Timings(0.0, spent, spent),
        notes=(f"{n}: " + "; ".join(notes),),
    )  # fmt: skip


def _beginning(passage: Passage, citation: Citation, number: int) -> AnswerPart:
    """The first unit of a passage that is more than a line, or the first."""
    units = units_of(passage)
    unit = next((unit for unit in units if unit.span.end - unit.span.start > 40), units[0])
    cited = cite_part(citation, unit.span)
    return AnswerPart(cited.cited_text, cited, number)


def _listed(document: Document, passage: Passage, citation: Citation, part: AnswerPart) -> RankedPassage:
    return RankedPassage(
        rank=part.passage + 1,
        score=1.0,
        text=passage.text,
        document=DocumentRef(document.id, document.title, document.source, document.metadata),
        section=passage.section,
        page=passage.page,
        citation=citation,
        highlights=(part.citation.span,),
        also_in=(),
        explain=None,
    )


def _described(document: Document, passages: Sequence[Passage]) -> str:
    """A title with the kind of its file, its date and its headings."""
    kind = PurePath(document.source or "").suffix.lstrip(".").upper()
    date = document.metadata.get("date")
    facts = [fact for fact in (kind, str(date) if date else "") if fact]
    headings = list(dict.fromkeys(heading for passage in passages for heading in passage.section[:1]))
    if 0 < len(headings) and headings != [document.title]:
        facts.append(
            "headings: " + ", ".join(headings[:_MOST_HEADINGS]) + (" ..." if len(headings) > _MOST_HEADINGS else "")
        )
    return document.title + (f" ({', '.join(facts)})" if facts else "")
