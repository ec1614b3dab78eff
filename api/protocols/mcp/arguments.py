"""What the tools take, and what they are called and described as to a model that chooses among them."""

from typing import Annotated, Any

from mcp_types import Tool, ToolAnnotations
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from api.schemas.requests import MAX_CITATIONS, MAX_TOP_K, CollectionName, Line, MetadataIn, Text

MAX_LISTED = 100


class Arguments(BaseModel):
    """Closed: an argument that is not known is an error."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


Collection = Annotated[CollectionName, Field(description="The collection of documents to look in.")]
Filter = Annotated[
    dict[str, Any],
    Field(
        description="Metadata that a document must have: each key with a value, a list of values of which it has one, or a range "
        'such as {"gte": "2025-01-01", "lt": "2026"}.'
    ),
]
TopK = Annotated[int, Field(ge=1, le=MAX_TOP_K, description="How many passages at most.")]
Id = Annotated[Text, StringConstraints(min_length=1, max_length=250)]


class SearchArguments(Arguments):
    """Of ``search``."""

    query: str = Field(description="What to look for, in words, in any language.")
    collection: Collection = "default"
    filter: Filter = Field(default_factory=dict)
    top_k: TopK = 10


class AskArguments(Arguments):
    """Of ``ask``."""

    question: str = Field(description="The question, in words, in any language.")
    collection: Collection = "default"
    filter: Filter = Field(default_factory=dict)
    top_k: TopK = 5


class FetchArguments(Arguments):
    """Of ``fetch``."""

    id: Id = Field(description="The id of a search result, or of a document.")


class Quotation(Arguments):
    """A quotation to check; only the words and the document are needed."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    document_id: Id
    quote: Text = Field(validation_alias=AliasChoices("quote", "cited_text"), description="The quoted words, verbatim.")
    start_char_index: int | None = Field(default=None, ge=0, le=2**53 - 1)
    end_char_index: int | None = Field(default=None, ge=0, le=2**53 - 1)
    document_sha256: Annotated[Text, StringConstraints(max_length=200)] | None = None


class VerifyArguments(Arguments):
    """Of ``verify``: a list of citations, or one quotation."""

    citations: list[Quotation] = Field(
        default_factory=list,
        max_length=MAX_CITATIONS,
        description="Citations as `search` and `ask` give them, or {quote, document_id}.",
    )
    quote: Text | None = Field(default=None, description="One quotation, verbatim, instead of a list.")
    document_id: Id | None = Field(default=None, description="The document that the one quotation is from.")


class ListArguments(Arguments):
    """Of ``list_documents``."""

    collection: CollectionName | None = Field(default=None, description="Only this collection; all when left out.")
    cursor: Id | None = Field(default=None, description="`next_cursor` of the page before.")
    limit: int = Field(default=MAX_LISTED, ge=1, le=MAX_LISTED)


class NoArguments(Arguments):
    """Of ``list_collections``."""


class AddArguments(Arguments):
    """Of ``add_text``."""

    title: Line = Field(description="What the document is called.")
    text: Annotated[Text, StringConstraints(min_length=1)] = Field(description="Its text, stored and cited as it is.")
    source: Line | None = Field(
        default=None, description="Where it is from. A document of the same source in the collection is replaced."
    )
    collection: Collection = "default"
    metadata: MetadataIn = Field(default_factory=dict, description="Values to filter by.")


class DeleteArguments(Arguments):
    """Of ``delete_document``."""

    document_id: Id = Field(description="The document's id.")


_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)
_OBJECT: dict[str, Any] = {"type": "object"}


def _tool(name: str, title: str, description: str, takes: type[Arguments], hints: ToolAnnotations = _READS) -> Tool:
    schema = takes.model_json_schema()
    return Tool(
        name=name,
        title=title,
        description=description,
        input_schema={**schema, "description": description},
        output_schema=_OBJECT,
        annotations=hints,
    )


READING_TOOLS = (
    _tool(
        "search",
        "Search the documents",
        "Find the passages of the user's own documents that best fit a query. Each result has the exact text, a link to it and a "
        "citation; `fetch` gives what stands around it.",
        SearchArguments,
    ),
    _tool(
        "fetch",
        "Read a passage or a document",
        "Read the text around a search result, or a whole document, by id.",
        FetchArguments,
    ),
    _tool(
        "ask",
        "Ask the documents",
        "Answer a question with sentences quoted verbatim from the user's own documents, each cited to the character, or say that "
        "the documents do not hold the answer, with how sure that is.",
        AskArguments,
    ),
    _tool(
        "verify",
        "Check quotations",
        "Check quotations before you show them: for each whether it stands in its document as quoted (`valid`), has moved "
        "(`moved`), does not stand there (`changed`), or the document is gone (`gone`).",
        VerifyArguments,
    ),
    _tool("list_documents", "List documents", "The documents with their titles, sources and metadata.", ListArguments),
    _tool(
        "list_collections",
        "List collections",
        "The collections that can be searched, with how many documents each holds.",
        NoArguments,
    ),
)
WRITING_TOOLS = (
    _tool(
        "add_text",
        "Add a text",
        "Store a text as a document. It can be found as soon as this returns.",
        AddArguments,
        _ADDS,
    ),
    _tool(
        "delete_document",
        "Delete a document",
        "Delete a document for good, with a receipt of what was removed.",
        DeleteArguments,
        _ADDS,
    ),
)
