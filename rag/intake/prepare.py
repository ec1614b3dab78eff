"""A document cut into passages, and each passage as the embedder and then the store take it (``pipeline`` runs both)."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from index.types import Metadata, NewDocument, NewPassage, Signs, Span
from rag.intake.chunking import Chunk, chunk
from rag.language.languages import with_language
from rag.model.embedding import PassageInput, PassageVectors, word_spans
from rag.shared.types import Check, Incoming, ParsedText, Section, go_on
from rag.shared.units import pack

_MAX_TITLE = 1000  # shown with each passage
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?!\d)")
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_MONTHS = (
    "January February March April May June July August September October November December".split()
)  # as the default model knows them


class Cut(NamedTuple):
    """How documents are cut. size: characters that a passage may have.  overlap: sentences that it repeats of the one before."""

    size: int
    overlap: int


@dataclass(slots=True, eq=False)
class Prepared:
    """A document cut into passages.  passages: those of them that are embedded, in order."""

    document: NewDocument
    chunks: list[Chunk]
    passages: list[NewPassage] = field(default_factory=list)


def prepare(
    parsed: ParsedText,
    *,
    key: str,
    source: str | None,
    collection: str,
    metadata: Metadata,
    content_sha256: str,
    cut: Cut,
    check: Check = go_on,
) -> Prepared:
    """Cut a parsed text into passages.

    metadata: given with the file; it comes before what the file says of itself.
    check: as of ``chunk``.
    """
    metadata, language = with_language(parsed.text, parsed.metadata, metadata)
    chunks = chunk(
        parsed.text,
        parsed.sections,
        size=cut.size,
        overlap=cut.overlap,
        blocks=parsed.blocks,
        pages=parsed.pages,
        language=language,
        check=check,
    )
    document = NewDocument(
        collection=collection,
        key=key,
        title=parsed.title[:_MAX_TITLE],
        source=source,
        text=parsed.text,
        content_sha256=content_sha256,
        metadata=metadata,
        language=language,
    )
    return Prepared(document, chunks)


def prepare_incoming(incoming: Incoming, cut: Cut, check: Check = go_on) -> Prepared:
    """Prepare a document given as plain text.  check: as of ``chunk``."""
    text = incoming.text.replace("\r\n", "\n").replace("\r", "\n")
    return prepare(
        ParsedText(text, incoming.title, (Section(0, 0, len(text), ()),)),
        key=incoming.key,
        source=incoming.source,
        collection=incoming.collection,
        metadata=incoming.metadata,
        content_sha256=sha256_of(text.encode()),
        cut=cut,
        check=check,
    )


def sha256_of(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def context_of(title: str, section: Sequence[str], context: str = "") -> str:
    """What is searched with a passage beside its own text: title, headings and what its section adds, each once."""
    return ". ".join(dict.fromkeys(part for part in (title, *section, context) if part))


def date_in_words(metadata: Metadata) -> str:
    """A document's date as questions say it, "15 April 2021", "April 2021" or "2021"; nothing where it has none.

    With it a question that names a year finds the report of that year among those that say the same every year.
    """
    date = metadata.get("date")
    match = _DATE.match(date) if isinstance(date, str) else None
    if match is None:
        return ""
    year, month, day = match.groups()
    if month is None or not 1 <= int(month) <= 12:
        return year
    return " ".join(filter(None, (day and str(int(day)), _MONTHS[int(month) - 1], year)))


def passage_inputs(prepared: Prepared) -> list[PassageInput]:
    """All passages of a document as the embedder takes them."""
    return [passage_input(prepared.document, piece) for piece in prepared.chunks]


def passage_input(document: NewDocument, piece: Chunk) -> PassageInput:
    """One passage as the embedder takes it, with the words of its sentences."""
    context = context_of(document.title, piece.section, piece.context)
    if not _YEAR.search(context):  # what the document calls itself says more than when it was written
        context = context_of(context, (), date_in_words(document.metadata))
    return input_of(document.text[slice(*piece.span)], piece, context)


def input_of(text: str, piece: Chunk, context: str) -> PassageInput:
    """The same for a passage's own text and what is searched with it."""
    sentences = tuple(Span(start - piece.span.start, end - piece.span.start) for start, end in piece.sentences)
    words = tuple(word for sentence in sentences for word in word_spans(text, sentence))
    return PassageInput(context, text, sentences, words)


def new_passage(piece: Chunk, model_input: PassageInput, embedded: PassageVectors) -> NewPassage:
    """One passage as the store takes it."""
    return NewPassage(
        span=piece.span,
        sentences=piece.sentences,
        context=model_input.context,
        section=piece.section,
        page=piece.page,
        vector=embedded.vector,
        sentence_vectors=embedded.sentence_vectors,
        word_signs=_by_sentence(model_input, embedded.word_signs) if len(embedded.word_signs) else (),
        layout=pack(piece.units),
    )


def _by_sentence(model_input: PassageInput, signs: Signs) -> tuple[Signs, ...]:
    """The rows of a passage's words, one array per sentence."""
    firsts = np.array([word.start for word in model_input.words])
    cuts = np.searchsorted(firsts, [sentence.start for sentence in model_input.sentences[1:]])
    return tuple(np.split(signs, cuts))
