"""The service's JSON. Later versions may have further fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

Scalar = str | int | float | bool | None
Metadata = dict[str, Scalar | list[Scalar]]
Filter = dict[
    str, Any
]  # each key with a value, a list of which one is to be there, or a range: {"gte": 2020, "lt": 2025}


class Citation(TypedDict):
    """A quotation and its place: positions count code points of the stored text, the end not included."""

    type: Literal["char_location"]
    document_id: str
    document_title: str
    cited_text: str
    start_char_index: int
    end_char_index: int
    document_sha256: str


class Place(TypedDict):
    """Where something stands in its document."""

    start_char_index: int
    end_char_index: int


class DocumentRef(TypedDict):
    """The document that a passage stands in."""

    id: str
    title: str
    source: str | None
    metadata: Metadata


class Passage(TypedDict):
    """A passage as listed in an answer, best first."""

    rank: int
    score: float
    text: str
    document: DocumentRef
    section: list[str]
    page: int | None
    citation: Citation
    highlights: list[Place]
    also_in: list[dict[str, Any]]


class NamedCell(TypedDict):
    """A cell of a table row and the name of its column."""

    name: str
    text: str


class Part(TypedDict):
    """A unit that answers, verbatim; ``passage`` is an index into the passages.  Of a table row: what stands in each cell, and
    over the rows of its group.
    """

    text: str
    citation: Citation
    passage: int
    likeliest: bool
    cells: NotRequired[list[NamedCell]]
    group: NotRequired[str]


class Sentence(TypedDict):
    """A sentence that a language model wrote and the documents bear out.  support: 0 to 1."""

    text: str
    support: float
    verdict: str
    citations: list[Citation]


class AnswerText(TypedDict):
    """What answers; ``citations`` are indexes into the passages.  Some fields are there where a language model wrote it."""

    text: str
    citations: list[int]
    parts: list[Part]
    generated: NotRequired[bool]
    model: NotRequired[str]
    sentences: NotRequired[list[Sentence]]
    dropped: NotRequired[int]


class Answer(TypedDict):
    """What a question got. ``answer`` is None when the documents do not hold it."""

    question: str
    answered: bool
    confidence: float
    calibrated: bool
    abstain_reason: str | None
    answer: AnswerText | None
    passages: list[Passage]
    index: dict[str, Any]
    timings_ms: dict[str, float]


class Turn(TypedDict):
    """A question and its answer earlier in a conversation."""

    question: str
    answer: str


class Limits(TypedDict, total=False):
    """Where to look. top_k: passages at most, 5 of an answer and 10 of a search where nothing is said."""

    top_k: int
    collection: str
    filter: Filter | None


class Asking(Limits, total=False):
    """How to answer. max_risk: the highest probability of being wrong.  mode: "generate" where the service has a language model."""

    history: Sequence[Turn]
    max_risk: float | None
    explain: bool
    mode: Literal["extract", "generate"]


class Check(TypedDict, total=False):
    """Whether a citation holds; the place is there when it moved."""

    status: Literal["valid", "moved", "changed", "gone"]
    document_id: str
    start_char_index: int
    end_char_index: int


class Document(TypedDict):
    """A document without its text."""

    id: str
    title: str
    source: str | None
    collection: str
    metadata: Metadata
    sha256: str
    characters: int
    passages: int
    added_at: str


class Page(TypedDict):
    """Some of the documents; ``next_cursor`` leads on, and is None at the end."""

    documents: list[Document]
    next_cursor: str | None


class Added(TypedDict):
    """What an upload did."""

    documents: list[dict[str, Any]]
    failed: list[dict[str, str]]


class Receipt(TypedDict):
    """What a deletion removed."""

    document_id: str
    passages: int
    vectors: int
    lexical: int
    remaining: int


class Event(TypedDict):
    """One event of a streamed answer: "search", "sentence" or "done"."""

    event: str
    data: Any
