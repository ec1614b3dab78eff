"""What goes in and what comes out: input is strict and closed, output documents the JSON that rag.serialization makes."""

import math
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)

from index.types import Condition, JsonScalar, Range, Span
from rag.errors import BadInput
from rag.filters import make_range
from rag.types import Citation, Query

MAX_QUESTION = 2000
MAX_TOP_K = 100
MAX_CITATIONS = 1000
MAX_METADATA_KEYS = 100
MAX_VALUES = 1000
_INT64 = 2**63
# The largest whole number that every JSON client writes exactly.
_MAX_POSITION = 2**53 - 1


# Input


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold null characters")
    # Inside a union pydantic lets lone surrogates through; no UTF-8 can hold them.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not hold lone surrogates")
    return text


def _readable(text: str) -> str:
    # C*: control, format, unassigned; Z*: blanks. What is left could be read aloud.
    if all(unicodedata.category(character)[0] in "CZ" for character in text):
        raise ValueError("must hold at least one readable character")
    return text


def _printable(text: str) -> str:
    if not text.isprintable() or not text or text != text.strip():
        raise ValueError("must be printable characters on one line, with no blank at either end")
    return text


def _bounded_number(value: object) -> object:
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise ValueError("whole numbers must fit 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("numbers must be finite")
    return value


def _whole(value: object) -> object:
    # JSON has one kind of number: some clients write 5 as 5.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
# Patterns are for the description alone (ECMA-262, Unicode mode); what is taken is decided by the functions above.
Text = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
_READABLE = Field(json_schema_extra={"pattern": r"^[^\u0000]*[\p{L}\p{M}\p{N}\p{P}\p{S}][^\u0000]*$"})
Line = Annotated[Text, StringConstraints(min_length=1, max_length=1000), AfterValidator(_readable), _READABLE]
CollectionName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(_printable),
    Field(json_schema_extra={"pattern": r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]+( +[\p{L}\p{M}\p{N}\p{P}\p{S}]+)*$"}),
]
MetadataKey = Annotated[Text, StringConstraints(min_length=1, max_length=100)]
MetadataText = Annotated[Text, StringConstraints(max_length=10_000)]
Scalar = Annotated[MetadataText | bool | int | float | None, BeforeValidator(_bounded_number)]
MetadataIn = Annotated[
    dict[MetadataKey, Scalar | Annotated[list[Scalar], Field(max_length=MAX_VALUES)]],
    Field(max_length=MAX_METADATA_KEYS),
]


class Input(BaseModel):
    """Closed and strict: a field that is not known or not of its type is an error, never guessed at."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


Bound = Annotated[Annotated[str, StringConstraints(max_length=40)] | int | float, BeforeValidator(_bounded_number)]


class RangeIn(Input):
    """Bounds that a value must keep, all of them: numbers, or dates as far as they are said (2025, 2025-03, 2025-03-01)."""

    gte: Bound | None = Field(default=None, description="At least.")
    gt: Bound | None = Field(default=None, description="More than.")
    lte: Bound | None = Field(default=None, description="At most; a year or month is meant to its end.")
    lt: Bound | None = Field(default=None, description="Less than.")

    @model_validator(mode="after")
    def _compares(self) -> "RangeIn":
        try:
            self.range()
        except BadInput as error:
            raise ValueError(str(error)) from error
        return self

    def range(self) -> Range:
        """The bounds as the store compares them.  Raises BadInput."""
        given = {name: str(value) for name in ("gte", "gt", "lte", "lt") if (value := getattr(self, name)) is not None}
        if not given:
            raise BadInput("a range has at least one of gte, gt, lte and lt")
        return make_range("the value", given)


FilterIn = Annotated[
    dict[MetadataKey, RangeIn | Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=MAX_VALUES)]],
    Field(max_length=MAX_METADATA_KEYS),
]


def _as_stored(value: JsonScalar) -> str:
    """A metadata value as filters compare it: the store keeps every value as a string, literals as JSON writes them."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class AskIn(Input):
    """A question."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"question": "why did Zelensky refuse to sign?"}, {"question": "Who met?", "top_k": 3}]
        }
    )

    question: Annotated[
        Text, StringConstraints(min_length=1, max_length=MAX_QUESTION), AfterValidator(_readable), _READABLE
    ] = Field(description="The question, in any language; at least one readable character.")
    top_k: Whole = Field(default=5, ge=1, le=MAX_TOP_K, description="Most passages to list.")
    collection: CollectionName = Field(default="default", description="The documents to search.")
    filter: FilterIn = Field(
        default_factory=dict,
        description="Metadata that a document must have: every key, with the value, any one of the list, or one in the range.",
        examples=[{"year": 2025, "language": ["en", "uk"], "date": {"gte": "2025-01-01", "lt": "2026"}}],
    )
    explain: bool = Field(default=False, description="Add each passage's ranks and scores per signal.")
    max_risk: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Answer only when the probability of being wrong, 1 - confidence, is at most this; null for the default.",
    )

    def query(self) -> Query:
        """The question as `rag` takes it."""
        where: dict[str, Condition] = {}
        for key, given in self.filter.items():
            if isinstance(given, RangeIn):
                where[key] = given.range()
            else:
                where[key] = [_as_stored(value) for value in (given if isinstance(given, list) else [given])]
        return Query(self.question, self.top_k, self.collection, where, self.explain, self.max_risk)


class DocumentIn(Input):
    """One document as plain text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Minutes",
                    "text": "The board met on Monday.",
                    "source": "minutes/7",
                    "metadata": {"year": 2025},
                }
            ]
        }
    )

    title: Line | None = Field(default=None, description="Shown with every passage; searched with it.")
    text: Annotated[Text, StringConstraints(min_length=1)] = Field(
        description="The text that is stored and cited, to the character."
    )
    source: Line | None = Field(
        default=None,
        description="Where it is from. A second document of the same source in the same collection replaces the first.",
    )
    metadata: MetadataIn = Field(default_factory=dict, description="Values to filter by.")
    collection: CollectionName = Field(default="default", description="The collection it belongs to.")


class CitationIn(BaseModel):
    """A citation as an answer carries it. Further fields are ignored: a saved answer may hold more than is known here."""

    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["char_location"] = "char_location"
    document_id: Annotated[Text, StringConstraints(min_length=1, max_length=200)]
    document_title: Text = ""
    cited_text: Text
    start_char_index: Whole = Field(
        ge=0, le=_MAX_POSITION, description="First code point of the quote in the stored text."
    )
    end_char_index: Whole = Field(ge=0, le=_MAX_POSITION, description="One past the last.")
    document_sha256: Annotated[Text, StringConstraints(max_length=200)] = Field(
        description="Of the stored text when it was cited."
    )

    @model_validator(mode="after")
    def _in_order(self) -> "CitationIn":
        if self.start_char_index > self.end_char_index:
            raise ValueError("start_char_index must not be past end_char_index")
        return self

    def citation(self) -> Citation:
        """The citation as `rag` takes it."""
        span = Span(self.start_char_index, self.end_char_index)
        return Citation(self.document_id, self.document_title, self.cited_text, span, self.document_sha256)


class VerifyIn(Input):
    """Citations to check."""

    citations: list[CitationIn] = Field(max_length=MAX_CITATIONS, description="Citations as answers carry them.")


# Output


class Output(BaseModel):
    """Documents what a route answers."""

    model_config = ConfigDict(extra="forbid")


class SpanOut(Output):
    start_char_index: int
    end_char_index: int


class CitationOut(SpanOut):
    type: Literal["char_location"]
    document_id: str
    document_title: str
    cited_text: str = Field(
        description="Equals the stored text from start_char_index to end_char_index, in code points."
    )
    document_sha256: str = Field(description="SHA-256 of the stored text in UTF-8.")


class DocumentRefOut(Output):
    id: str
    title: str
    source: str | None
    metadata: dict[str, JsonValue]


class OccurrenceOut(SpanOut):
    id: str
    title: str
    source: str | None


class SignalOut(Output):
    rank: int | None = Field(description="1-based, among the candidates.")
    score: float | None = Field(description="Higher is better.")


class PassageOut(Output):
    rank: int
    score: float
    text: str
    document: DocumentRefOut
    section: list[str]
    page: int | None
    citation: CitationOut
    highlights: list[SpanOut] = Field(description="The sentences that answer, as positions in the same document.")
    also_in: list[OccurrenceOut] = Field(description="Other documents in which the same passage stands.")
    explain: dict[str, SignalOut] | None = Field(default=None, description="Only when asked for.")


class AnswerTextOut(Output):
    text: str = Field(description="Highlighted sentences, verbatim.")
    citations: list[int] = Field(description="Indexes into passages.")


class IndexOut(Output):
    generation: int
    fingerprint: str


class TimingsOut(Output):
    embed: float
    search: float
    total: float


_CITATION_EXAMPLE: dict[str, Any] = {
    "type": "char_location",
    "document_id": "9f2c4e1ab07d5583",
    "document_title": "Minutes",
    "cited_text": "The board met on Monday.",
    "start_char_index": 0,
    "end_char_index": 24,
    "document_sha256": "72ab994fa2eb426c051ef59cad617750bfe06d7cf6311285ff79c19c32afd236",
}


class AnswerOut(Output):
    """An answer: the sentences that answer and the passages they stand in, or an abstention with the nearest passages."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "question": "When did the board meet?",
                    "corrected_question": None,
                    "answered": True,
                    "confidence": 0.93,
                    "calibrated": True,
                    "abstain_reason": None,
                    "answer": {"text": "The board met on Monday.", "citations": [0]},
                    "passages": [
                        {
                            "rank": 1,
                            "score": 0.87,
                            "text": "The board met on Monday.",
                            "document": {
                                "id": "9f2c4e1ab07d5583",
                                "title": "Minutes",
                                "source": "minutes/7",
                                "metadata": {},
                            },
                            "section": [],
                            "page": None,
                            "citation": _CITATION_EXAMPLE,
                            "highlights": [{"start_char_index": 0, "end_char_index": 24}],
                            "also_in": [],
                        }
                    ],
                    "index": {"generation": 1, "fingerprint": "5f0c"},
                    "timings_ms": {"embed": 1.9, "search": 2.4, "total": 4.8},
                }
            ]
        }
    )

    question: str
    corrected_question: str | None = Field(
        description="The question as it was searched, where words that no document has were respelled; else null."
    )
    answered: bool
    confidence: float = Field(description="Probability that a listed passage answers the question.")
    calibrated: bool = Field(description="False when no calibration fits this store's model and settings.")
    abstain_reason: str | None = Field(
        description="no_documents, no_match, low_confidence or risk_too_high; null when answered."
    )
    answer: AnswerTextOut | None
    passages: list[PassageOut]
    index: IndexOut
    timings_ms: TimingsOut


class DocumentOut(Output):
    """A document without its text."""

    id: str
    title: str
    source: str | None
    collection: str
    metadata: dict[str, JsonValue]
    sha256: str = Field(description="SHA-256 of the stored text in UTF-8.")
    content_sha256: str = Field(description="SHA-256 of the file as it was given.")
    characters: int
    passages: int
    added_at: str = Field(description="ISO 8601, UTC.")


class AddedOut(DocumentOut):
    """A document with what adding it did."""

    outcome: Literal["added", "updated", "skipped"] = Field(description="skipped: the same was already stored.")


class FailedOut(Output):
    """A file that did not go in."""

    name: str
    reason: str


class UploadOut(Output):
    """What went in, durable and searchable, and what did not."""

    documents: list[AddedOut]
    failed: list[FailedOut]
    notes: list[str] = Field(
        description="What is good to know: pages that could not be read, documents in a language that the model is not made for."
    )


class DocumentsOut(Output):
    """One page of documents, in the order they were first added."""

    documents: list[DocumentOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null at the end.")


class CollectionOut(Output):
    """A collection and how much it holds."""

    name: str
    documents: int
    passages: int


class CollectionsOut(Output):
    """The collections that the key opens."""

    collections: list[CollectionOut]
    limited: bool = Field(description="Whether the key opens these only; else every other name is a new collection.")


class TextOut(Output):
    """A stored text or a part of it."""

    document_id: str
    start: int
    end: int
    text: str
    sha256: str = Field(description="SHA-256 of the whole stored text in UTF-8, from the same read.")


class ReceiptOut(Output):
    """What a delete removed, counted once nothing of it can be found any more."""

    document_id: str
    passages: int
    vectors: int
    lexical: int
    remaining: int


class CheckOut(Output):
    """Outcome of one citation. The positions are there when they are known, always when it moved."""

    status: Literal["valid", "changed", "moved", "gone"]
    document_id: str
    start_char_index: int | None = None
    end_char_index: int | None = None


class VerifyOut(Output):
    """One result per citation, in order."""

    results: list[CheckOut]


class StatusOut(Output):
    """A health check that passed."""

    status: Literal["alive", "ready"]


class ReadyOut(StatusOut):
    """A service that can answer."""

    rebuilding: tuple[str, ...] = Field(
        (),
        description="Search files (`vectors`, `lexical`) that are being made again; until then answers are the same, and slower.",
    )


class ViolationOut(Output):
    """One thing that does not fit."""

    model_config = ConfigDict(json_schema_extra={"title": "Violation"})

    place: str = Field(alias="in", description="The field or parameter.")
    reason: str


class Problem(BaseModel):
    """Problem details of RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/invalid-request",
                    "title": "The request does not fit its schema",
                    "status": 422,
                    "detail": "top_k: Input should be less than or equal to 100",
                    "errors": [{"in": "top_k", "reason": "Input should be less than or equal to 100"}],
                }
            ]
        }
    )

    type: str = Field(
        description="Which kind of problem, relative to the service; the service's description lists them."
    )
    title: str
    status: int
    detail: str = Field(description="What was wrong here and what to do.")
    errors: list[ViolationOut] | None = Field(
        default=None, description="With /problems/invalid-request: each violation."
    )
    documents: list[AddedOut] | None = Field(
        default=None, description="With a stopped upload: what is stored all the same."
    )
    failed: list[FailedOut] | None = Field(default=None, description="With a stopped upload: what is not.")
