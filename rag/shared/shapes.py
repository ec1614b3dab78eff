"""The shapes of the JSON that is answered. ``serialization`` makes it; ``/openapi.json`` is made of the same shapes.

A text beside a type says what the field holds.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from index.types import JobState, JsonScalar

JsonValue = JsonScalar | list[JsonScalar]


class SpanOut(TypedDict):
    start_char_index: int
    end_char_index: int


class CitationOut(SpanOut):
    type: Literal["char_location"]
    document_id: str
    document_title: str
    cited_text: Annotated[str, "Equals the stored text from start_char_index to end_char_index, in code points."]
    document_sha256: Annotated[str, "SHA-256 of the stored text in UTF-8."]


class DocumentRefOut(TypedDict):
    id: str
    title: str
    source: str | None
    metadata: Mapping[str, JsonValue]


class OccurrenceOut(SpanOut):
    id: str
    title: str
    source: str | None


class SignalOut(TypedDict):
    rank: Annotated[int | None, "1-based, among the candidates."]
    score: Annotated[float | None, "Higher is better."]


class RowOut(TypedDict):
    head: Annotated[list[str], "The names of the columns; empty where there is none."]
    cells: list[str]
    span: SpanOut
    group: Annotated[str, "What stands over this group of rows, or empty."]


class PassageOut(TypedDict):
    rank: int
    score: float
    text: str
    document: DocumentRefOut
    section: list[str]
    page: int | None
    citation: CitationOut
    highlights: Annotated[list[SpanOut], "The sentences that answer, as positions in the same document."]
    also_in: Annotated[list[OccurrenceOut], "Other documents in which the same passage stands."]
    rows: Annotated[NotRequired[list[RowOut]], "The rows of tables in it; only where there are any."]
    explain: Annotated[NotRequired[dict[str, SignalOut]], "Only when asked for."]


class NamedCellOut(TypedDict):
    name: Annotated[str, "Of its column, empty for one without."]
    text: str


class AnswerPartOut(TypedDict):
    text: Annotated[str, "A unit that answers, verbatim: a sentence, a clause, a row of a table, a command."]
    citation: CitationOut
    passage: Annotated[int, "Index of the passage that it stands in."]
    likeliest: Annotated[
        bool, "Whether no other part is likelier to be the answer; of several questions, one part of each."
    ]
    cells: Annotated[
        NotRequired[list[NamedCellOut]], "Of a table row that does not name its columns itself: what stands in each."
    ]
    group: Annotated[
        NotRequired[str],
        "What a table row or an item of a list stands below: unit and period of its rows, the item above it.",
    ]


class AnswerTextOut(TypedDict):
    text: Annotated[str, "The parts, with an ellipsis between those that do not follow each other."]
    citations: Annotated[list[int], "Indexes into passages."]
    parts: Annotated[list[AnswerPartOut], "What answers, in the order of the document."]


class GeneratedSentenceOut(TypedDict):
    text: str
    support: Annotated[float, "0 to 1: how far what it cites bears it out."]
    verdict: Literal["supported"]
    citations: list[CitationOut]


class GeneratedTextOut(TypedDict):
    """An answer that a language model wrote; each sentence is checked against what it cites."""

    text: Annotated[str, "The sentences that are supported."]
    citations: Annotated[list[int], "Indexes into passages."]
    generated: Literal[True]
    model: str
    sentences: list[GeneratedSentenceOut]
    dropped: Annotated[int, "Sentences that were left out, since nothing bears them out."]
    extract: Annotated[AnswerTextOut | None, "The answer in the documents' own words."]


class IndexOut(TypedDict):
    generation: int
    fingerprint: str


class TimingsOut(TypedDict):
    embed: float
    search: float
    total: float


class AnswerOut(TypedDict):
    """An answer: the sentences that answer and the passages they stand in, or an abstention with the nearest passages."""

    question: str
    corrected_question: Annotated[
        str | None, "The question as it was searched, where words that no document has were respelled; else null."
    ]
    asked_as: Annotated[
        str | None,
        "The question that was searched for, where it differs: respelled, or completed from the conversation.",
    ]
    answered: bool
    confidence: Annotated[float, "Probability that a listed passage answers the question."]
    calibrated: Annotated[bool, "False when no calibration fits this store's model and settings."]
    abstain_reason: Annotated[
        str | None, "no_documents, no_match, low_confidence or risk_too_high; null when answered."
    ]
    answer: AnswerTextOut | GeneratedTextOut | None
    passages: list[PassageOut]
    notes: Annotated[
        list[str], "Where nothing could match: which name of a collection or field is not there, and those that are."
    ]
    index: IndexOut
    timings_ms: TimingsOut


class DocumentOut(TypedDict):
    """A document without its text."""

    id: str
    title: str
    source: str | None
    collection: str
    metadata: Mapping[str, JsonValue]
    sha256: Annotated[str, "SHA-256 of the stored text in UTF-8."]
    content_sha256: Annotated[str, "SHA-256 of the file as it was given."]
    characters: int
    passages: int
    added_at: Annotated[str, "ISO 8601, UTC."]


class AddedOut(DocumentOut):
    """A document with what adding it did."""

    outcome: Annotated[Literal["added", "updated", "skipped"], "skipped: the same was already stored."]


class FailedOut(TypedDict):
    """A file that did not go in."""

    name: str
    reason: str


class JobOut(TypedDict):
    """An upload that is taken in by `rag work`: what is in by now and what could not be."""

    id: str
    state: Annotated[JobState, "`failed` when nothing of it went in, `done` when something did; both are final."]
    documents: list[AddedOut]
    failed: list[FailedOut]


class ReceiptOut(TypedDict):
    """What a delete removed, counted once nothing of it can be found any more."""

    document_id: str
    passages: int
    vectors: int
    lexical: int
    remaining: int


class CheckOut(TypedDict):
    """Outcome of one citation. The positions are there when they are known, always when it moved."""

    status: Literal["valid", "changed", "moved", "gone"]
    document_id: str
    start_char_index: NotRequired[int]
    end_char_index: NotRequired[int]
