"""What comes out beside the shapes of ``rag.shared.shapes``: what HTTP alone answers."""

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict  # as in rag.shared.shapes

from rag.shared.shapes import AddedOut, CheckOut, DocumentOut, FailedOut
from rag.shared.types import KINDS
from rag.viewing.structure import HEADING, TABLE


class UploadOut(TypedDict):
    """What went in, durable and searchable, and what did not."""

    documents: list[AddedOut]
    failed: list[FailedOut]
    notes: Annotated[
        list[str],
        "What is good to know: pages that could not be read, files without text, documents in a language that the model is not "
        "made for.",
    ]


class DocumentsOut(TypedDict):
    """One page of documents, in the order they were first added."""

    documents: list[DocumentOut]
    next_cursor: Annotated[str | None, "Give it as `cursor` for the next page; null at the end."]


class CollectionOut(TypedDict):
    """A collection and how much it holds."""

    name: str
    documents: int
    passages: int


class CollectionsOut(TypedDict):
    """The collections that the key opens."""

    collections: list[CollectionOut]
    limited: Annotated[bool, "Whether the key opens these only; else every other name is a new collection."]


class FoundOut(TypedDict):
    """How often words stand on a page."""

    page: int
    count: int


class PagesOut(TypedDict):
    """The pages of a document."""

    document_id: str
    original: Annotated[bool, "Whether its file can be had."]
    pictures: Annotated[bool, "Whether its pages can be shown as pictures."]
    pages: Annotated[int, "0 where its kind of file has none."]
    page: Annotated[int | None, "The page of `start`; null where it is on none."]
    found: Annotated[list[FoundOut] | None, "Pages that hold the words of `find`; null where none were sought."]


class FeaturesOut(TypedDict):
    """What is switched on."""

    generate: Annotated[bool, "Whether a language model can write answers (`mode` `generate`)."]
    ocr: Annotated[bool, "Whether the text of pictures can be recognised (`ocr` of an upload)."]
    feedback: Annotated[bool, "Whether judged answers are kept."]
    unanswered: Annotated[bool, "Whether questions without an answer are kept, and this key may see them."]


class FeedbackOut(TypedDict):
    """A line of a gold set."""

    id: str
    question: str
    answerable: bool
    quotes: list[str]
    document: Annotated[NotRequired[str], "The source of the document, where all quotes are of one."]


class UnansweredQuestionOut(TypedDict):
    question: str
    collection: str
    reason: str
    count: Annotated[int, "How often it was asked."]
    last_at: Annotated[str, "ISO 8601, UTC."]


class UnansweredOut(TypedDict):
    """Questions that had no answer, the latest first."""

    questions: list[UnansweredQuestionOut]


class TextOut(TypedDict):
    """A stored text or a part of it."""

    document_id: str
    start: int
    end: int
    text: str
    sha256: Annotated[str, "SHA-256 of the whole stored text in UTF-8, from the same read."]


class CellOut(TypedDict):
    """A cell of a table, with the name of its column and the bars where its text has them around what it says."""

    column: Annotated[int, "The first that it stands in, from 0."]
    columns: Annotated[int, "How many it goes over."]
    start: int
    end: int
    value_start: Annotated[int, "Of what it says."]
    value_end: int


class RowOut(TypedDict):
    """A row of a table; cells without text are left out."""

    head: Annotated[bool, "Whether it names the columns or says what the table is of."]
    cells: list[CellOut]


class BlockOut(TypedDict):
    """A stretch of the text."""

    kind: Annotated[str, f"{HEADING}, {TABLE}, {', '.join(KINDS)}."]
    start: int
    end: int
    level: Annotated[int, "Of a heading, from 1; of an item, how far it is indented, from 0."]
    rows: Annotated[list[RowOut], "Of a table."]


class HeadingOut(TypedDict):
    """An entry of the outline; its title need not stand in the text, as that of a sheet."""

    title: str
    level: Annotated[int, "From 1."]
    start: Annotated[int, "Where its part of the text begins."]
    page: Annotated[int | None, "null where its kind of file has none."]


class StructureOut(TextOut):
    """A stored text or a part of it, as blocks in order with only white space between them."""

    blocks: list[BlockOut]
    outline: Annotated[list[HeadingOut], "Of the whole document, the first 2,000."]


class VerifyOut(TypedDict):
    """One result per citation, in order."""

    results: list[CheckOut]


class StatusOut(TypedDict):
    """A health check that passed."""

    status: Literal["alive", "ready"]


class ReadyOut(StatusOut):
    """A service that can answer."""

    rebuilding: Annotated[
        NotRequired[list[str]],
        "Search files (`vectors`, `lexical`) that are being made again; until then answers are the same, and slower.",
    ]


ViolationOut = TypedDict("ViolationOut", {"in": Annotated[str, "The field or parameter."], "reason": str}, total=True)
ViolationOut.__doc__ = "One thing that does not fit."


class Problem(TypedDict):
    """Problem details of RFC 9457."""

    type: Annotated[str, "Which kind of problem, relative to the service; the service's description lists them."]
    title: str
    status: int
    detail: Annotated[str, "What was wrong here and what to do."]
    errors: Annotated[NotRequired[list[ViolationOut]], "With /problems/invalid-request: each violation."]
    documents: Annotated[NotRequired[list[AddedOut]], "With a stopped upload: what is stored all the same."]
    failed: Annotated[NotRequired[list[FailedOut]], "With a stopped upload: what is not."]
