"""Documents and passages as rows: checked on the way in, unpacked on the way out."""

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import apsw
import numpy as np
from numpy.typing import NDArray

from index.errors import DimensionMismatch
from index.local.database.listing import unpack_document
from index.types import Floats, Ids, Metadata, NewDocument, NewPassage, Passage, Signs, Span

ID_LENGTH = 16  # hex digits of a document id
T = TypeVar("T")

_LENGTH_TOLERANCE = 0.01
_READ_TOGETHER = 1000
PASSAGE_COLUMNS = 'p.id, d.id, p.ordinal, p."start", p."end", p.text, p.section, p.page, p.sentences, p.layout'


class StoredPassage(NamedTuple):
    """A passage as its rows have it; what lies in a row that is lost is None."""

    start: int
    end: int
    text: str
    context: str
    section: str
    page: int | None
    sentences: bytes
    layout: str
    terms: bytes
    term_counts: bytes
    vector: bytes
    sentence_vectors: bytes
    word_counts: bytes
    word_signs: bytes


class PassageRow(NamedTuple):
    """A checked passage, packed, to be written. body: the distinct terms of its sentences by hash."""

    packed: StoredPassage
    body: Mapping[int, str]


class DocumentRow(NamedTuple):
    """A checked document, packed."""

    id: str
    new: NewDocument
    text_sha256: str
    metadata: str
    filters: frozenset[tuple[str, str]]
    passages: tuple[PassageRow, ...]


@dataclass(slots=True)
class Counts:
    """What ranking counts of a collection, or how a change alters that: less than nothing where documents go.

    n_terms, n_context_terms: with repetition.  df: passages by term of their sentences.  names: of those terms, where they are new.
    """

    n_documents: int = 0
    n_passages: int = 0
    n_terms: int = 0
    n_context_terms: int = 0
    df: Counter[int] = field(default_factory=Counter)
    names: dict[int, str] = field(default_factory=dict)

    @property
    def row(self) -> list[int]:
        """As it is stored behind the collection's name."""
        return [self.n_documents, self.n_passages, self.n_terms, self.n_context_terms]

    def add(self, terms: bytes, term_counts: bytes, times: int = 1) -> None:
        """Count the packed terms of a passage.  times: -1 where it goes."""
        of_context, of_body = unpack_terms(terms, term_counts)
        self.n_context_terms += times * len(of_context)
        self.n_terms += times * len(of_body)
        (self.df.update if times > 0 else self.df.subtract)(set(of_body))

    def add_document(self, passages: Sequence[PassageRow]) -> None:
        """Count a new document, with its passages."""
        self.n_documents += 1
        self.n_passages += len(passages)
        for passage in passages:
            self.add(passage.packed.terms, passage.packed.term_counts)
            self.names.update(passage.body)


def id_array(ids: "Sequence[int] | Ids") -> "apsw.CArrayBinding":
    """Integers to be read in SQL as ``carray(?)``, in their order; at least one."""
    return apsw.carray(np.ascontiguousarray(ids, dtype=np.int64))


def document_id(collection: str, key: str) -> str:
    """The id of a document: it depends on its name alone, and so survives being replaced, removed and added again."""
    return hashlib.sha256(f"{collection}\0{key}".encode()).hexdigest()[:ID_LENGTH]


def hash_term(term: str) -> int:
    """The number by which a term is stored beside vectors and in the lexical view."""
    return zlib.crc32(term.encode())


def pack_metadata(metadata: Metadata) -> str:
    """Canonical JSON: equal metadata are equal strings. Raises ValueError for what metadata cannot be."""
    for key, value in metadata.items():
        elements = value if isinstance(value, list) else [value]
        if not isinstance(key, str) or not all(isinstance(element, str | int | float | None) for element in elements):
            raise ValueError(
                f"metadata are strings, numbers, true, false, null or lists of them, not {key!r}: {value!r}"
            )
    packed = json.dumps(dict(metadata), sort_keys=True, ensure_ascii=False, allow_nan=False)
    _require_unicode("metadata", packed)
    return packed


def filter_pairs(metadata: Metadata) -> frozenset[tuple[str, str]]:
    """Metadata as filters compare them: a pair for each value or element of a list, as JSON's words for literals, else ``str``."""
    return frozenset(
        (key, json.dumps(element) if element is None or isinstance(element, bool) else str(element))
        for key, value in metadata.items()
        for element in (value if isinstance(value, list) else [value])
    )


def pack_document(
    document: NewDocument, passages: Sequence[NewPassage], dim: int, analyze: Callable[[str, str], list[str]]
) -> DocumentRow:
    """The rows of a document. analyze: gives the terms of a text in a language.

    Raises ValueError for positions that do not fit, vectors that are not of unit length and text that is not Unicode, and
    DimensionMismatch for vectors of another length than dim.
    """
    for name in ("collection", "key", "title", "source", "text", "content_sha256"):
        _require_unicode(name, getattr(document, name) or "")
    if not document.collection or "\0" in document.collection or not document.key:
        raise ValueError("a document needs a collection (without NUL) and a key")

    def terms(text: str) -> list[str]:
        return analyze(text, document.language)

    return DocumentRow(
        id=document_id(document.collection, document.key),
        new=document,
        text_sha256=hashlib.sha256(document.text.encode()).hexdigest(),
        metadata=pack_metadata(document.metadata),
        filters=filter_pairs(document.metadata),
        passages=tuple(_pack_passage(document.text, passage, dim, terms) for passage in passages),
    )


def _pack_passage(text: str, passage: NewPassage, dim: int, analyze: Callable[[str], list[str]]) -> PassageRow:
    check_positions(passage.span, passage.sentences, len(text))
    _require_unicode("context", passage.context)
    _require_unicode("layout", passage.layout)
    vector = _pack_vectors(passage.vector, (dim,))
    sentence_vectors = _pack_vectors(passage.sentence_vectors, (len(passage.sentences), dim))
    word_counts, word_signs = _pack_signs(passage.word_signs, len(passage.sentences), dim)
    segments = segment_terms(text, passage.context, passage.sentences, analyze)
    terms, term_counts = pack_terms(segments)
    packed = StoredPassage(
        *passage.span,
        text=text[slice(*passage.span)],
        context=passage.context,
        section=json.dumps(list(passage.section)),
        page=passage.page,
        sentences=np.array(passage.sentences, dtype="<i4").tobytes(),
        layout=passage.layout,
        terms=terms,
        term_counts=term_counts,
        vector=vector,
        sentence_vectors=sentence_vectors,
        word_counts=word_counts,
        word_signs=word_signs,
    )
    return PassageRow(packed, {hash_term(term): term for term in chain(*segments[1:])})


def packed_columns(payload: str, signs: str) -> str:
    """The columns of a ``StoredPassage``: of passages p, and of their rows with terms and vectors, and with words."""
    return (
        'p."start", p."end", p.text, p.context, p.section, p.page, p.sentences, p.layout,'
        f" {payload}.terms, {payload}.term_counts, {payload}.vector, {payload}.sentence_vectors,"
        f" {signs}.word_counts, {signs}.word_signs"
    )


def stored_documents(
    documents: Iterable[Sequence[Any]], passages_of: Callable[[int], Iterable[Any]], terms: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[DocumentRow, str]]:
    """Documents as they are stored, to be written elsewhere, each with the time at which it was added.

    documents: DOCUMENT_COLUMNS, text and number of each.  passages_of: gives ``packed_columns`` of a document's passages by its
    number.  terms: rows of collection, hash, term.
    """
    names: dict[str, dict[int, str]] = {}
    for collection, number, term in terms:
        names.setdefault(collection, {})[number] = term
    for *columns, text, number in documents:
        old, packed = unpack_document(columns), columns[5]
        rows = [_stored_passage(StoredPassage(*row), names.get(old.collection, {})) for row in passages_of(number)]
        yield (
            DocumentRow(old.id, old.as_new(text), old.text_sha256, packed, filter_pairs(old.metadata), tuple(rows)),
            old.added_at,
        )


def _stored_passage(packed: StoredPassage, names: Mapping[int, str]) -> PassageRow:
    """A passage as it is stored. names: of its collection's terms, by hash."""
    _, of_body = unpack_terms(packed.terms, packed.term_counts)
    return PassageRow(packed, {number: names[number] for number in of_body})


def segment_terms(text: str, context: str, sentences: Sequence[Span], analyze: Callable[[str], T]) -> list[T]:
    """Terms of the context, then of each sentence."""
    return [analyze(context), *(analyze(text[start:end]) for start, end in sentences)]


def pack_terms(segments: Sequence[Sequence[str]]) -> tuple[bytes, bytes]:
    """The hashes of all terms of ``segment_terms``, and how many each segment has."""
    hashes = [hash_term(term) for term in chain(*segments)]
    return np.array(hashes, dtype="<u4").tobytes(), np.array(list(map(len, segments)), dtype="<u4").tobytes()


def unpack_terms(terms: bytes, term_counts: bytes) -> tuple[list[int], list[int]]:
    """The hashes of a passage's terms: of its context, and of its sentences."""
    hashes = np.frombuffer(terms, dtype="<u4").tolist()
    n_context = int(np.frombuffer(term_counts, dtype="<u4", count=1)[0]) if term_counts else 0
    return hashes[:n_context], hashes[n_context:]


def rows_of(connection: apsw.Connection, query: str, ids: "Sequence[int] | Ids") -> Iterator[Any]:
    """The rows of a query that reads ids as ``carray(?)``, for some thousand of them at a time."""
    for start in range(0, len(ids), _READ_TOGETHER):
        yield from connection.execute(query, (id_array(ids[start : start + _READ_TOGETHER]),))


def check_positions(span: Span, sentences: Sequence[Span], n_characters: int) -> None:
    """Raises ValueError unless the span lies in the text and the sentences in the span, in order, none empty."""
    start, end = span
    if not 0 <= start < end <= n_characters:
        raise ValueError(f"span [{start}, {end}) does not lie in a text of {n_characters} characters")
    last = start
    for sentence in sentences:
        if not last <= sentence[0] < sentence[1] <= end:
            raise ValueError(
                f"sentence [{sentence[0]}, {sentence[1]}) is empty, out of order or outside span [{start}, {end})"
            )
        last = sentence[1]


def unpack_passage(row: Sequence[Any]) -> Passage:
    """A passage from PASSAGE_COLUMNS."""
    identifier, document, ordinal, start, end, text, section, page, sentences, layout = row
    return Passage(
        id=identifier,
        document_id=document,
        ordinal=ordinal,
        span=Span(start, end),
        text=text,
        section=tuple(json.loads(section)),
        page=page,
        sentences=unpack_spans(sentences),
        layout=layout,
    )


def unpack_spans(packed: bytes) -> tuple[Span, ...]:
    """Sentence positions, relative to the document."""
    return tuple(Span(*pair) for pair in np.frombuffer(packed, dtype="<i4").reshape(-1, 2).tolist())


def unit_length(vectors: NDArray[np.floating]) -> bool:
    """Whether all vectors (n, dim) have length 1, within what float16 may take from them; not if one is not finite."""
    exact = vectors.astype(np.float32)
    lengths = np.sqrt(np.einsum("...i,...i->...", exact, exact))
    return bool(np.all(np.abs(lengths - 1) < _LENGTH_TOLERANCE))


def _pack_vectors(vectors: Floats, shape: tuple[int, ...]) -> bytes:
    if vectors.shape != shape:
        raise DimensionMismatch(f"vectors have the shape {vectors.shape}, this store and passage need {shape}")
    if not unit_length(vectors):
        raise ValueError("vectors must be finite and of length 1")
    return vectors.astype("<f2").tobytes()


def _pack_signs(words: Sequence[Signs], n_sentences: int, dim: int) -> tuple[bytes, bytes]:
    """Words per sentence, and their signs one after another."""
    if words and len(words) != n_sentences:
        raise DimensionMismatch(f"word signs of {len(words)} sentences were given for {n_sentences}")
    width = sign_bytes(dim)
    for signs in words:
        if signs.ndim != 2 or signs.shape[1] != width or signs.dtype != np.uint8:
            raise DimensionMismatch(
                f"word signs have shape {signs.shape} and type {signs.dtype}, not uint8 (n, {width})"
            )
    counts = [len(signs) for signs in words] or [0] * n_sentences
    return np.array(counts, dtype="<u4").tobytes(), b"".join(np.ascontiguousarray(signs).tobytes() for signs in words)


def sign_bytes(dim: int) -> int:
    """Bytes that hold a bit for each component of a vector."""
    return -(-dim // 8)


def _require_unicode(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} holds a lone surrogate at {error.start}: it is not Unicode text") from error
