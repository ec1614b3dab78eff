"""What tools are, and the kinds of arguments that they take. A tool is a function: its signature is what a model may send."""

from collections.abc import Awaitable, Callable
from inspect import cleandoc, signature
from typing import Annotated, Any, NamedTuple, TypeVar

from mcp_types import Tool, ToolAnnotations
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, create_model

from api.schemas.requests import MAX_CITATIONS, MAX_TOP_K, CollectionName, Line, MetadataIn, Text

MAX_LISTED = 100
Structured = dict[str, Any]
Does = TypeVar("Does", bound=Callable[..., dict[str, Any] | Awaitable[dict[str, Any]]])

Id = Annotated[Text, StringConstraints(min_length=1, max_length=250)]
Words = Annotated[str, Field(description="In words, in any language.")]
Collection = Annotated[CollectionName, Field(description="The collection of documents to look in.")]
Filter = Annotated[
    dict[str, Any],
    Field(
        default_factory=dict,
        description="Metadata that a document must have: each key with a value, a list of values of which it has one, or a range "
        'such as {"gte": "2025-01-01", "lt": "2026"}.',
    ),
]
TopK = Annotated[int, Field(ge=1, le=MAX_TOP_K, description="How many passages at most.")]
NewText = Annotated[Text, Field(min_length=1, description="Its text, stored and cited as it is.")]
Title = Annotated[Line, Field(description="What the document is called.")]
Source = Annotated[
    Line | None,
    Field(description="Where it is from. A document of the same source in the collection is replaced."),
]
NewMetadata = Annotated[MetadataIn, Field(default_factory=dict, description="Values to filter by.")]


class Quotation(BaseModel):
    """A quotation to check; only the words and the document are needed."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, populate_by_name=True)

    document_id: Id
    quote: Text = Field(validation_alias=AliasChoices("quote", "cited_text"), description="The quoted words, verbatim.")
    start_char_index: int | None = Field(default=None, ge=0, le=2**53 - 1)
    end_char_index: int | None = Field(default=None, ge=0, le=2**53 - 1)
    document_sha256: Annotated[Text, StringConstraints(max_length=200)] | None = None


Quotations = Annotated[
    list[Quotation],
    Field(
        default_factory=list,
        max_length=MAX_CITATIONS,
        description="Citations as `search` and `ask` give them, or {quote, document_id}.",
    ),
]


class Offer(NamedTuple):
    """A tool as it is listed.  takes: what its arguments are checked by.

    does: takes a caller and the arguments by name; it is awaited, or blocks.
    """

    tool: Tool
    takes: type[BaseModel]
    does: Callable[..., Any]
    writes: bool


OFFERS: dict[str, Offer] = {}


def tool(title: str, *, writes: bool = False) -> Callable[[Does], Does]:
    """Offers a function under its name, described to a model by its docstring. An argument that it does not take is an error."""

    def offered(does: Does) -> Does:
        _, *parameters = signature(does).parameters.values()
        fields: dict[str, Any] = {
            parameter.name: parameter.annotation
            if parameter.default is parameter.empty
            else (parameter.annotation, parameter.default)
            for parameter in parameters
        }
        closed = ConfigDict(extra="forbid", allow_inf_nan=False)
        takes = create_model(does.__name__, __config__=closed, **fields)
        description = " ".join(cleandoc(does.__doc__ or "").split())
        hints = ToolAnnotations(
            read_only_hint=not writes, destructive_hint=writes, idempotent_hint=True, open_world_hint=False
        )
        listed = Tool(
            name=does.__name__,
            title=title,
            description=description,
            input_schema={**takes.model_json_schema(), "description": description},
            output_schema={"type": "object"},
            annotations=hints,
        )
        OFFERS[does.__name__] = Offer(listed, takes, does, writes)
        return does

    return offered
