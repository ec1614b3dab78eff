"""What goes in: strict, and closed to fields that nobody knows."""

import math
import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from index.types import DOCUMENT_IDS, Condition, JsonScalar, Range, Span
from rag.shared.errors import BadInput
from rag.shared.types import Citation, Query, Turn
from rag.shared.validation import MAX_COLLECTION, MAX_QUESTION, composed, make_range

MAX_TOP_K = 100
MAX_TURNS = 50
MAX_ANSWER = 20_000
MAX_CITATIONS = 1000
MAX_DOCUMENTS = 100
MAX_QUOTES = 20
MAX_METADATA_KEYS = 100
MAX_VALUES = 1000
# Of all lists of a filter: the store asks for them in one query, each in up to three spellings, and that takes 32,766 of them.
MAX_FILTER_VALUES = 10_000
MAX_FOLDER = 700
_INT64 = 2**63
# The largest whole number that every JSON client writes exactly.
_MAX_POSITION = 2**53 - 1


def has_surrogates(text: str) -> bool:
    """Whether a text holds lone surrogates, which no UTF-8 can hold."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold null characters")
    if has_surrogates(text):  # inside a union pydantic lets them through
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
    return composed(text)


def _bounded_number(value: object) -> object:
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise ValueError("whole numbers must fit 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("numbers must be finite")
    return value


def _one_of(allowed: str, *kinds: tuple[tuple[type, ...], TypeAdapter[Any]]) -> BeforeValidator:
    """Checks a value as the kind that it is, before a union does, whose errors name each of its members and the checks in them."""

    def check(value: object) -> object:
        for types, adapter in kinds:
            if type(value) in types:  # true is no number here
                return adapter.validate_python(value)
        raise ValueError(f"must be {allowed}")

    return BeforeValidator(check)


def _whole(value: object) -> object:
    # JSON has one kind of number: some clients write 5 as 5.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
# Patterns are for the description alone (ECMA-262, Unicode mode); what is taken is decided by the functions above.
Text = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
_READABLE = Field(json_schema_extra={"pattern": r"^[^\u0000]*[\p{L}\p{M}\p{N}\p{P}\p{S}][^\u0000]*$"})
Line = Annotated[Text, StringConstraints(min_length=1, max_length=1000), AfterValidator(_readable), _READABLE]
Asked = Annotated[Text, StringConstraints(min_length=1, max_length=MAX_QUESTION), AfterValidator(_readable), _READABLE]
_PRINTABLE = Field(json_schema_extra={"pattern": r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]+( +[\p{L}\p{M}\p{N}\p{P}\p{S}]+)*$"})
CollectionName = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_COLLECTION), AfterValidator(_printable), _PRINTABLE
]


def _relative(path: str) -> str:
    steps = [step for step in re.split(r"[/\\]", path) if step not in ("", ".")]
    if ".." in steps:
        raise ValueError("must not lead upwards")
    return "/".join(steps)


Folder = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_FOLDER),
    AfterValidator(_printable),
    AfterValidator(_relative),
    _PRINTABLE,
]
MetadataKey = Annotated[Text, StringConstraints(min_length=1, max_length=100)]
MetadataText = Annotated[Text, StringConstraints(max_length=10_000)]
_LITERAL = (bool, int, float, type(None))
_LITERALS: TypeAdapter[Any] = TypeAdapter(Annotated[Any, AfterValidator(_bounded_number)])
_SCALARS = ((str,), TypeAdapter(MetadataText)), (_LITERAL, _LITERALS)
Scalar = Annotated[
    MetadataText | bool | int | float | None, _one_of("a string, a number, true, false or null", *_SCALARS)
]
_Values = Annotated[list[Scalar], Field(max_length=MAX_VALUES)]
MetadataIn = Annotated[
    dict[
        MetadataKey,
        Annotated[
            Scalar | _Values,
            _one_of(
                "a string, a number, true, false, null or a list of them", *_SCALARS, ((list,), TypeAdapter(_Values))
            ),
        ],
    ],
    Field(max_length=MAX_METADATA_KEYS),
]


class Input(BaseModel):
    """Closed and strict: a field that is not known or not of its type is an error, never guessed at."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


_Date = Annotated[str, StringConstraints(max_length=40)]
Bound = Annotated[
    _Date | int | float,
    _one_of("a number or a date as text", ((str,), TypeAdapter(_Date)), ((int, float), _LITERALS)),
]


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
        bounds = {name: str(value) for name in ("gte", "gt", "lte", "lt") if (value := getattr(self, name)) is not None}
        if not bounds:
            raise BadInput("a range has at least one of gte, gt, lte and lt")
        return make_range("the field", bounds)


def _askable(conditions: dict[str, Any]) -> dict[str, Any]:
    n_values = sum(len(condition) for condition in conditions.values() if isinstance(condition, list))
    if n_values > MAX_FILTER_VALUES:
        raise ValueError(f"lists of a filter may hold {MAX_FILTER_VALUES} values in all, not {n_values}")
    return conditions


_Allowed = Annotated[list[Scalar], Field(min_length=1, max_length=MAX_VALUES)]
FilterIn = Annotated[
    dict[
        MetadataKey,
        Annotated[
            RangeIn | Scalar | _Allowed,
            _one_of(
                "a string, a number, true, false, null, a list of them or a range",
                *_SCALARS,
                ((list,), TypeAdapter(_Allowed)),
                ((dict,), TypeAdapter(RangeIn)),
            ),
        ],
    ],
    Field(max_length=MAX_METADATA_KEYS),
    AfterValidator(_askable),
]


def as_stored(value: JsonScalar) -> tuple[str, ...]:
    """A metadata value as filters compare it: the store keeps every value as a string, literals as JSON writes them.

    A whole number has two spellings, 2 and 2.0, and may be stored in either.
    """
    if value is None:
        return ("null",)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, str) or value != int(value):
        return (str(value),)
    spellings = (str(value), str(int(value)), str(float(int(value))))
    # Above 2**53 the nearest float may be another number.
    return tuple(dict.fromkeys(spellings if float(value) == value else spellings[:2]))


class TurnIn(Input):
    """A question and its answer earlier in the conversation."""

    question: Annotated[Text, StringConstraints(max_length=MAX_QUESTION)]
    answer: Annotated[Text, StringConstraints(max_length=MAX_ANSWER)] = ""


DocumentIdIn = Annotated[Text, StringConstraints(min_length=1, max_length=200)]


class AskIn(Input):
    """A question."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"question": "why did Zelensky refuse to sign?"}, {"question": "Who met?", "top_k": 3}]
        }
    )

    question: Asked = Field(description="The question, in any language; at least one readable character.")
    top_k: Whole = Field(default=5, ge=1, le=MAX_TOP_K, description="Most passages to list.")
    collection: CollectionName = Field(default="default", description="The documents to search.")
    filter: FilterIn = Field(
        default_factory=dict,
        description="Metadata that a document must have: every key, with the value, any one of the list, or one in the range.",
        examples=[{"year": 2025, "language": ["en", "uk"], "date": {"gte": "2025-01-01", "lt": "2026"}}],
    )
    documents: Annotated[list[DocumentIdIn], Field(min_length=1, max_length=MAX_DOCUMENTS)] | None = Field(
        default=None, description="Ask only the documents of these ids; null for all of the collection."
    )
    explain: bool = Field(default=False, description="Add each passage's ranks and scores per signal.")
    max_risk: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Answer only when the probability of being wrong, 1 - confidence, is at most this; null for the default.",
    )

    history: list[TurnIn] = Field(
        default_factory=list,
        max_length=MAX_TURNS,
        description="The conversation so far, newest last: a follow-up takes from it what it leaves out.",
    )
    correct: bool = Field(default=True, description="Respell words that no document has.")
    mode: Literal["extract", "generate"] = Field(
        default="extract",
        description="`extract` quotes the documents; `generate` has a language model write an answer, of which every sentence is"
        " checked against what it cites. It needs a language model (`RAG_LLM_URL`).",
    )
    min_generation: Whole | None = Field(
        default=None,
        ge=0,
        description="Answer from no older state than this: `generation` of an answer before. 503 when the store is not that far.",
    )

    def query(self) -> Query:
        """The question as `rag` takes it."""
        where: dict[str, Condition] = {}
        for key, condition in self.filter.items():
            if isinstance(condition, RangeIn):
                where[key] = condition.range()
            else:
                where[key] = [
                    stored
                    for value in (condition if isinstance(condition, list) else [condition])
                    for stored in as_stored(value)
                ]
        if self.documents is not None:
            where[DOCUMENT_IDS] = self.documents
        return Query(
            self.question,
            self.top_k,
            self.collection,
            where,
            self.explain,
            self.max_risk,
            tuple(Turn(turn.question, turn.answer) for turn in self.history),
            self.correct,
            min_generation=self.min_generation,
        )


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
    document_id: DocumentIdIn
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


class FeedbackIn(Input):
    """What answers a question, by the word of whoever asked it."""

    question: Asked
    collection: CollectionName = Field(default="default", description="The documents that it was asked of.")
    citations: list[CitationIn] = Field(
        max_length=MAX_QUOTES, description="What answers it, as answers cite; none where the documents do not say."
    )


class VerifyIn(Input):
    """Citations to check."""

    citations: list[CitationIn] = Field(max_length=MAX_CITATIONS, description="Citations as answers carry them.")
