"""What is stored and what is found: the values that every folder above shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Named without numpy, whose import is a third of what a list of documents takes.
Floats: TypeAlias = "NDArray[np.float32]"
Ids: TypeAlias = "NDArray[np.int64]"
Terms: TypeAlias = "NDArray[np.uint32]"
Signs: TypeAlias = "NDArray[np.uint8]"

JsonScalar = str | int | float | bool | None
Metadata = Mapping[str, JsonScalar | list[JsonScalar]]


class Span(NamedTuple):
    """Half-open ``[start, end)`` in Unicode code points of a document's stored text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document as handed to the store. ``(collection, key)`` names it: the same pair again replaces it.

    language: in which its words are stemmed, of index.local.views.lexical.STEMMERS.
    """

    collection: str
    key: str
    title: str
    source: str | None
    text: str
    content_sha256: str
    metadata: Metadata = field(default_factory=dict)
    language: str = "en"


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage as handed to the store, with the vectors of one forward pass.

    span and sentences are positions in the document's text; the sentences lie inside the span, in order.
    context: title and section path as searched with the passage, not part of the cited text.
    vector: float32 (dim,), unit length.  sentence_vectors: float32 (n_sentences, dim), unit length.
    word_signs: per sentence uint8 (n_words, ceil(dim / 8)), the signs of its words' vectors as bits; () when there are none.
    layout: what whoever adds it knows of its sentences, kept and given back as it is.
    """

    span: Span
    sentences: tuple[Span, ...]
    context: str
    section: tuple[str, ...]
    page: int | None
    vector: Floats
    sentence_vectors: Floats
    word_signs: tuple[Signs, ...] = ()
    layout: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document without its text. language: in which its words are stemmed."""

    id: str
    collection: str
    key: str
    title: str
    source: str | None
    metadata: Metadata
    text_sha256: str
    content_sha256: str
    n_characters: int
    n_passages: int
    added_at: str
    language: str = "en"

    def as_new(self, text: str) -> NewDocument:
        """The document, which has this text, as it would be handed to a store."""
        about = self.collection, self.key, self.title, self.source
        return NewDocument(*about, text, self.content_sha256, self.metadata, self.language)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored passage: ``text`` equals the document's ``text[span.start:span.end]``.  layout: as it was added."""

    id: int
    document_id: str
    ordinal: int
    span: Span
    text: str
    section: tuple[str, ...]
    page: int | None
    sentences: tuple[Span, ...]
    layout: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of numbers or dates, as text; a value must keep all that are given. index/local/database/filters.py compares them."""

    gte: str | None = None
    gt: str | None = None
    lte: str | None = None
    lt: str | None = None


@dataclass(frozen=True, slots=True)
class Excluded:
    """Values that a document must not have under a key; one without the key has none of them."""

    values: Sequence[str]


Condition = Sequence[str] | Range | Excluded
# As a key of ``Scope.where``: the documents of these ids. No metadata has such a name.
DOCUMENT_IDS = "\0id"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which passages a search may see: one collection and, within it, documents whose metadata match.

    Each key of ``where`` must have one of its values (all values compared as strings), one within its range, or none of those
    that are excluded.
    """

    collection: str = "default"
    where: Mapping[str, Condition] = field(default_factory=dict)


class TermStatistics(NamedTuple):
    """Passage frequencies of a collection, exact and independent of how the views are laid out."""

    n_passages: int
    mean_length: float
    df: Mapping[str, int]


class Receipt(NamedTuple):
    """What one delete removed, counted once nothing of it can be found any more."""

    document_id: str
    passages: int
    vectors: int
    lexical: int
    remaining: int


class Change(NamedTuple):
    """What writing one document did: ``outcome`` is "added", "updated" or "skipped"."""

    document: Document
    outcome: str


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that could not be taken in. content_sha256: of what failed, None where it could not even be read.

    at: when, ISO 8601; "" until it is stored.
    """

    collection: str
    key: str
    source: str
    content_sha256: str | None
    reason: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One inconsistency that verify found: what it is, where, and the command or action that mends it.

    mendable: whether ``repair`` does so, because what is right follows from the rest of the store.
    """

    kind: str
    where: str
    detail: str
    remedy: str
    mendable: bool = False

    @property
    def mended(self) -> bool:
        """Whether nothing is left to do: it was found, and made good, when the store was opened."""
        return self.kind == "view-rebuilt"


JobState = Literal["waiting", "running", "done", "failed"]


class Upload(NamedTuple):
    """One file or text to take in.

    key: uploads of one key and collection are taken in one after the other, in the order in which they came.
    described: JSON that says what the content is.
    """

    collection: str
    key: str
    described: Mapping[str, Any]
    content: bytes


class Outcome(NamedTuple):
    """What became of an upload, as JSON: the documents that it is, and what of it did not go in and why."""

    documents: Sequence[Mapping[str, object]] = ()
    failed: Sequence[Mapping[str, object]] = ()


class Job(NamedTuple):
    """What was put at once. state: "failed" when none of it went in, and "done" when some of it did."""

    id: str
    collection: str
    state: JobState
    outcome: Outcome
