"""Documents in: found, read, cut into passages, embedded many at a time, committed one by one.

A document is in the store whole or not at all, and counted once it is durable. What fails is reported and holds up nothing else.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from index.store import Store
from index.types import Change, Metadata, NewDocument, NewPassage, Signs, Span
from rag.chunking import Chunk, chunk
from rag.embedding import Embedder, PassageInput, word_spans
from rag.types import Failure, Incoming, IngestProgress, IngestReport, ParsedText, Section

# Passages embedded together: enough that batches of like length fill, few enough to commit every few seconds.
_EMBED_TOGETHER = 512

Progress = Callable[[IngestProgress], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document cut into passages, not yet embedded."""

    document: NewDocument
    chunks: list[Chunk]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A document that is in the store already as it is now."""


@dataclass(slots=True)
class _Tally:
    added: int = 0
    updated: int = 0
    skipped: int = 0
    deleted: int = 0
    passages: int = 0
    failed: list[Failure] = field(default_factory=list)


def prepare(
    parsed: ParsedText,
    *,
    key: str,
    source: str | None,
    collection: str,
    metadata: Metadata,
    content_sha256: str,
    size: int,
    overlap: int,
) -> Prepared:
    """Cut a parsed text into passages of ``size`` characters with ``overlap`` sentences in common.

    metadata: given with the file; it comes before what the file says of itself.
    """
    chunks = chunk(parsed.text, parsed.sections, size=size, overlap=overlap, blocks=parsed.blocks, pages=parsed.pages)
    document = NewDocument(
        collection=collection,
        key=key,
        title=parsed.title,
        source=source,
        text=parsed.text,
        content_sha256=content_sha256,
        metadata={**parsed.metadata, **metadata},
    )
    return Prepared(document, chunks)


def prepare_incoming(incoming: Incoming, *, size: int, overlap: int) -> Prepared:
    """Prepare a document given as plain text."""
    text = incoming.text.replace("\r\n", "\n").replace("\r", "\n")
    return prepare(
        ParsedText(text, incoming.title, (Section(0, 0, len(text), ()),)),
        key=incoming.key,
        source=incoming.source,
        collection=incoming.collection,
        metadata=incoming.metadata,
        content_sha256=sha256_of(text.encode()),
        size=size,
        overlap=overlap,
    )


def sha256_of(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def context_of(title: str, section: Sequence[str], context: str = "") -> str:
    """What is searched with a passage beside its own text: title, headings and what its section adds, each once."""
    return ". ".join(dict.fromkeys(part for part in (title, *section, context) if part))


def commit(store: Store, embedder: Embedder, batch: Sequence[Prepared]) -> Iterator[Change]:
    """Embed all passages of a batch together and commit document by document; yields as each becomes durable."""
    inputs = [_passage_input(prepared.document, piece) for prepared in batch for piece in prepared.chunks]
    vectors = iter(zip(inputs, embedder.embed_passages(inputs), strict=True))
    for prepared in batch:
        passages = []
        for piece in prepared.chunks:
            given, embedded = next(vectors)
            passages.append(
                NewPassage(
                    span=piece.span,
                    sentences=piece.sentences,
                    context=given.context,
                    section=piece.section,
                    page=piece.page,
                    vector=embedded.vector,
                    sentence_vectors=embedded.sentence_vectors,
                    word_signs=_by_sentence(given, embedded.word_signs),
                )
            )
        yield store.add(prepared.document, passages)


def _passage_input(document: NewDocument, piece: Chunk) -> PassageInput:
    text = document.text[slice(*piece.span)]
    sentences = tuple(Span(start - piece.span.start, end - piece.span.start) for start, end in piece.sentences)
    words = tuple(word for sentence in sentences for word in word_spans(text, sentence))
    return PassageInput(context_of(document.title, piece.section, piece.context), text, sentences, words)


def _by_sentence(given: PassageInput, signs: Signs) -> tuple[Signs, ...]:
    """The rows of a passage's words, one array per sentence."""
    firsts = np.array([word.start for word in given.words])
    cuts = np.searchsorted(firsts, [sentence.start for sentence in given.sentences[1:]])
    return tuple(np.split(signs, cuts))


def ingest(
    store: Store,
    embedder: Callable[[], Embedder],
    documents: Iterable[Prepared | Unchanged | Failure],
    n_documents: int | None,
    progress: Progress | None,
) -> IngestReport:
    """Take in a stream of documents. embedder: called when the first passage needs it. n_documents: how many, if known."""
    started = time.perf_counter()
    tally = _Tally()
    batch: list[Prepared] = []
    done = 0

    def flush() -> None:
        nonlocal done
        if not batch:
            return
        for change in commit(store, embedder(), batch):
            done += 1
            if change.outcome == "added":
                tally.added += 1
            elif change.outcome == "updated":
                tally.updated += 1
            else:
                tally.skipped += 1
            if change.outcome != "skipped":
                tally.passages += change.document.n_passages
            if progress:
                progress(IngestProgress(done, n_documents, tally.passages))
        batch.clear()

    for item in documents:
        if isinstance(item, Prepared):
            batch.append(item)
            if sum(len(prepared.chunks) for prepared in batch) >= _EMBED_TOGETHER:
                flush()
            continue
        done += 1
        if isinstance(item, Unchanged):
            tally.skipped += 1
        else:
            tally.failed.append(item)
        if progress:
            progress(IngestProgress(done, n_documents, tally.passages))
    flush()
    return IngestReport(
        tally.added,
        tally.updated,
        tally.skipped,
        tally.deleted,
        tuple(tally.failed),
        tally.passages,
        time.perf_counter() - started,
    )
