"""Documents in: found, read, cut into passages, and put together for embedder and store (pipeline.py runs both).

A file that cannot be read is reported and holds up nothing else.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.store import Store
from index.types import Metadata, NewDocument, NewPassage, Signs, Span
from rag.chunking import Chunk, chunk
from rag.config import Config
from rag.embedding import PassageInput, PassageVectors, word_spans
from rag.errors import ContentTooLarge, RagError
from rag.types import Failure, Incoming, IngestReport, ParsedText, Section


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document cut into passages, not yet embedded."""

    document: NewDocument
    chunks: list[Chunk]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A document that is in the store already as it is now."""


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


def passage_inputs(prepared: Prepared) -> list[PassageInput]:
    """All passages of a document as the embedder takes them."""
    return [passage_input(prepared.document, piece) for piece in prepared.chunks]


def passage_input(document: NewDocument, piece: Chunk) -> PassageInput:
    """One passage as the embedder takes it, with the words of its sentences."""
    text = document.text[slice(*piece.span)]
    sentences = tuple(Span(start - piece.span.start, end - piece.span.start) for start, end in piece.sentences)
    words = tuple(word for sentence in sentences for word in word_spans(text, sentence))
    return PassageInput(context_of(document.title, piece.section, piece.context), text, sentences, words)


def new_passage(piece: Chunk, given: PassageInput, embedded: PassageVectors) -> NewPassage:
    """One passage as the store takes it."""
    return NewPassage(
        span=piece.span,
        sentences=piece.sentences,
        context=given.context,
        section=piece.section,
        page=piece.page,
        vector=embedded.vector,
        sentence_vectors=embedded.sentence_vectors,
        word_signs=_by_sentence(given, embedded.word_signs),
    )


def _by_sentence(given: PassageInput, signs: Signs) -> tuple[Signs, ...]:
    """The rows of a passage's words, one array per sentence."""
    firsts = np.array([word.start for word in given.words])
    cuts = np.searchsorted(firsts, [sentence.start for sentence in given.sentences[1:]])
    return tuple(np.split(signs, cuts))


def find_files(paths: Sequence[Path]) -> tuple[list[Path], list[Failure]]:
    """The files to read, each once, folders recursively in name order without hidden entries; and the paths that are not there."""
    files: dict[str, Path] = {}
    failures = []
    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path, onerror=lambda error: failures.append(_unreadable(error))):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    if not name.startswith("."):
                        file = Path(folder) / name
                        files.setdefault(os.path.abspath(file), file)
        elif path.exists():
            files.setdefault(os.path.abspath(path), path)
        else:
            failures.append(Failure(str(path), "no such file or folder"))
    return list(files.values()), failures


def nothing_there(paths: Sequence[Path]) -> IngestReport:
    """The report of an ingest of paths of which none exists."""
    return IngestReport(0, 0, 0, 0, tuple(find_files(paths)[1]), 0, 0.0)


def read_file(
    path: Path, store: Store, config: Config, *, collection: str, metadata: Metadata, size: int, overlap: int
) -> Prepared | Unchanged | Failure:
    """Read and cut one file, unless the store has it already with this content and metadata."""
    from rag.parsing import parse  # a fifth of a second, and whoever only asks needs none of it

    key = os.path.abspath(path)
    try:
        if not path.is_file():
            return Failure(str(path), "not a regular file")
        if path.stat().st_size > config.max_file_bytes:
            raise ContentTooLarge(f"larger than {config.max_file_bytes // 2**20} MiB")
        content = path.read_bytes()
        digest = sha256_of(content)
        known = store.unchanged(collection, key, digest)
        if known is not None and metadata.items() <= known.metadata.items():
            return Unchanged()
        return prepare(
            parse(path.name, content),
            key=key,
            source=_shown(path),
            collection=collection,
            metadata=metadata,
            content_sha256=digest,
            size=size,
            overlap=overlap,
        )
    except OSError as error:
        return _unreadable(error, path)
    except RagError as error:
        return Failure(str(path), str(error))


def _shown(path: Path) -> str:
    """A file's name as people know it: from here where it lies below, else in full."""
    full = os.path.abspath(path)
    relative = os.path.relpath(full)
    return full if relative.startswith("..") else Path(relative).as_posix()


def _unreadable(error: OSError, path: Path | None = None) -> Failure:
    return Failure(str(path or error.filename), f"cannot be read: {error.strerror or error}")
