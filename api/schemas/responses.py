"""What comes out, as the description tells it: the JSON that ``rag.shared.serialization`` makes."""

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
)


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


class RowOut(Output):
    head: list[str] = Field(description="The names of the columns; empty where there is none.")
    cells: list[str]
    span: SpanOut
    group: str = Field(description="What stands over this group of rows, or empty.")


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
    rows: list[RowOut] | None = Field(default=None, description="The rows of tables in it; only where there are any.")
    explain: dict[str, SignalOut] | None = Field(default=None, description="Only when asked for.")


class AnswerPartOut(Output):
    text: str = Field(description="A unit that answers, verbatim: a sentence, a clause, a row of a table, a command.")
    citation: CitationOut
    passage: int = Field(description="Index of the passage that it stands in.")


class AnswerTextOut(Output):
    text: str = Field(description="The parts, with an ellipsis between those that do not follow each other.")
    citations: list[int] = Field(description="Indexes into passages.")
    parts: list[AnswerPartOut] = Field(description="What answers, in the order of the document.")


class GeneratedSentenceOut(Output):
    text: str
    support: float = Field(description="0 to 1: how far what it cites bears it out.")
    verdict: Literal["supported"]
    citations: list[CitationOut]


class GeneratedTextOut(Output):
    """An answer that a language model wrote; each sentence is checked against what it cites."""

    text: str = Field(description="The sentences that are supported.")
    citations: list[int] = Field(description="Indexes into passages.")
    generated: Literal[True]
    model: str
    sentences: list[GeneratedSentenceOut]
    dropped: int = Field(description="Sentences that were left out, since nothing bears them out.")
    extract: AnswerTextOut | None = Field(description="The answer in the documents' own words.")


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
                    "asked_as": None,
                    "answered": True,
                    "confidence": 0.93,
                    "calibrated": True,
                    "abstain_reason": None,
                    "answer": {
                        "text": "The board met on Monday.",
                        "citations": [0],
                        "parts": [{"text": "The board met on Monday.", "citation": _CITATION_EXAMPLE, "passage": 0}],
                    },
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
                    "notes": [],
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
    asked_as: str | None = Field(
        description="The question that was searched for, where it differs: respelled, or completed from the conversation."
    )
    answered: bool
    confidence: float = Field(description="Probability that a listed passage answers the question.")
    calibrated: bool = Field(description="False when no calibration fits this store's model and settings.")
    abstain_reason: str | None = Field(
        description="no_documents, no_match, low_confidence or risk_too_high; null when answered."
    )
    answer: AnswerTextOut | GeneratedTextOut | None
    passages: list[PassageOut]
    notes: list[str] = Field(
        description="Where nothing could match: which name of a collection or field is not there, and those that are."
    )
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
        description="What is good to know: pages that could not be read, files without text, documents in a language that the "
        "model is not made for."
    )


class JobOut(Output):
    """An upload that is taken in by `rag work`: what is in by now and what could not be."""

    id: str
    state: Literal["waiting", "running", "done", "failed"] = Field(
        description="`failed` when nothing of it went in, `done` when something did; both are final."
    )
    documents: list[AddedOut]
    failed: list[FailedOut]


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


class FoundOut(Output):
    """How often words stand on a page."""

    page: int
    count: int


class PagesOut(Output):
    """The pages of a document."""

    document_id: str
    original: bool = Field(description="Whether its file can be had.")
    pictures: bool = Field(description="Whether its pages can be shown as pictures.")
    pages: int = Field(description="0 where its kind of file has none.")
    page: int | None = Field(description="The page of `start`; null where it is on none.")
    found: list[FoundOut] | None = Field(
        description="Pages that hold the words of `find`; null where none were sought."
    )


class FeaturesOut(Output):
    """What is switched on."""

    generate: bool = Field(description="Whether a language model can write answers (`mode` `generate`).")
    ocr: bool = Field(description="Whether the text of pictures can be recognised (`ocr` of an upload).")
    feedback: bool = Field(description="Whether judged answers are kept.")
    unanswered: bool = Field(description="Whether questions without an answer are kept, and this key may see them.")


class FeedbackOut(Output):
    """A line of a gold set."""

    id: str
    question: str
    answerable: bool
    quotes: list[str]
    document: str | None = Field(default=None, description="The source of the document, where all quotes are of one.")


class UnansweredQuestionOut(Output):
    question: str
    collection: str
    reason: str
    count: int = Field(description="How often it was asked.")
    last_at: str = Field(description="ISO 8601, UTC.")


class UnansweredOut(Output):
    """Questions that had no answer, the latest first."""

    questions: list[UnansweredQuestionOut]


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
