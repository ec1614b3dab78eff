"""What is read, asked and answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from index.types import Condition, Metadata, Span

OCR_LANGUAGES = "RAG_OCR_LANGUAGES"  # the variable that names the languages of recognition, as tesseract does
SEPARATOR = "!/"  # between an archive's name and that of a file in it: "a.zip!/notes/b.txt"

Check = Callable[[], None]  # long work asks it again and again whether to go on; what it raises ends the work


def go_on() -> None:
    """The check of work that is always wanted."""


class Section(NamedTuple):
    """A stretch of text under one heading; its heading line ends at ``heading_end`` (``start`` where there is none).

    context: what is searched with its passages beside the headings, unless they hold it, such as the column names of a table.
    """

    start: int
    heading_end: int
    end: int
    path: tuple[str, ...]
    context: str = ""


PROSE, ITEM, ROW, CODE = "prose", "item", "row", "code"
REFERENCE, BYLINE, MAIL_HEADER, MENU, MARGIN = "reference", "byline", "mail-header", "menu", "margin"
# What blocks and units may be. Those behind CODE are no part of the running text: an entry of a bibliography, who wrote a text, the
# head of a mail, links to other pages or parts, what stands at the edge of the pages.
KINDS = (PROSE, ITEM, ROW, CODE, REFERENCE, BYLINE, MAIL_HEADER, MENU, MARGIN)
# Of those what answers hardly anything, however much it is on the topic.
APART = frozenset((REFERENCE, MENU, MARGIN))


class TableRow(NamedTuple):
    """A row of a table. head: the names of its columns, "" for one without.  cells: a span each, empty where it has no text."""

    head: tuple[str, ...]
    cells: tuple[Span, ...]


class Block(NamedTuple):
    """A paragraph, list item, table row or code block, which no sentence crosses. ``whole``: it is one piece, not sentences.

    context: what a passage that begins in it is searched with unless it holds that itself, such as the lead-in of a list or what
    stands over a group of rows.  kind: one of KINDS.  row: the cells, of a block that is a table row or one cell of it.
    """

    start: int
    end: int
    whole: bool = False
    context: str = ""
    kind: str = PROSE
    row: TableRow | None = None


class Unit(NamedTuple):
    """A sentence of a passage, or what is read as one: a table row, code.  kind, context, row: as of its block."""

    span: Span
    kind: str = PROSE
    context: str = ""
    row: TableRow | None = None


class PageBreak(NamedTuple):
    """Where a page's text starts: its number in the file, from 1, and the label printed on it ("iv"), if the file says so."""

    start: int
    number: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class ParsedText:
    """What a parser makes of a file. The text is what is stored and cited; the sections cover it in order.

    blocks: in order, with only white space between them; none where the blank lines of the text itself say it.
    pages: in order; none where the format has no pages.
    metadata: what the file says of itself: author, date, language, url and the like; dates in ISO 8601.
    """

    text: str
    title: str
    sections: tuple[Section, ...]
    blocks: tuple[Block, ...] = ()
    pages: tuple[PageBreak, ...] = ()
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """How files are read. fields: of JSON records, those that are taken ("title", "author.name"); none for all.

    ocr: whether pictures of text are recognised, where the program for it is installed.
    passwords: that protected files may have, tried in turn.
    """

    fields: tuple[str, ...] = ()
    ocr: bool = False
    passwords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A document given as plain text. ``(collection, key)`` names it: the same pair again replaces it."""

    key: str
    title: str
    text: str
    source: str | None = None
    collection: str = "default"
    metadata: Metadata = field(default_factory=dict)


class Turn(NamedTuple):
    """A question and its answer earlier in a conversation; the answer is "" where there was none."""

    question: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A question with its limits. ``where``: what a document's metadata must have, per key any of a list or one in a range.

    max_risk: accepted probability, 0 to 1, that an answer is wrong; None for the default threshold of confidence.
    history: what was asked and answered before, oldest first: a follow-up takes from it what it leaves out.
    correct: whether words that no document has may be respelled.
    nameable: collections that a note may name to whoever asks; None for all.
    min_generation: the change of the store that the answer must know of.
    """

    question: str
    k: int = 5
    collection: str = "default"
    where: Mapping[str, Condition] = field(default_factory=dict)
    explain: bool = False
    max_risk: float | None = None
    history: tuple[Turn, ...] = ()
    correct: bool = True
    nameable: frozenset[str] | None = None
    min_generation: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentRef:
    """The document a passage stands in."""

    id: str
    title: str
    source: str | None
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote that can be checked: ``text[span.start:span.end] == cited_text`` in the text whose SHA-256 is given."""

    document_id: str
    document_title: str
    cited_text: str
    span: Span
    document_sha256: str


@dataclass(frozen=True, slots=True)
class GeneratedSentence:
    """A sentence that a language model wrote. support: 0 to 1, how far the cited sentences bear it out.

    verdict: "supported", "unsupported", or "unverifiable" where it cites nothing that exists.
    """

    text: str
    support: float
    verdict: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class GeneratedAnswer:
    """Supported sentences of a language model, at least one. dropped: sentences that were not supported."""

    model: str
    sentences: tuple[GeneratedSentence, ...]
    dropped: int


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Another document in which the same passage stands."""

    id: str
    title: str
    source: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Signal:
    """Rank (1-based, within the candidates) and score (higher is better) of one retriever; both None where it has none."""

    rank: int | None
    score: float | None


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row of a table as shown: the names of its columns, the texts of its cells, where it stands, and the group it is in."""

    head: tuple[str, ...]
    cells: tuple[str, ...]
    span: Span
    group: str = ""


@dataclass(frozen=True, slots=True)
class RankedPassage:
    """A passage as listed in an answer, best first. rows: of the tables in it."""

    rank: int
    score: float
    text: str
    document: DocumentRef
    section: tuple[str, ...]
    page: int | None
    citation: Citation
    highlights: tuple[Span, ...]
    also_in: tuple[Occurrence, ...]
    explain: Mapping[str, Signal] | None
    rows: tuple[ListedRow, ...] = ()


class NamedCell(NamedTuple):
    """A cell of a table row and the name of its column, "" for one without."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A unit that answers, verbatim. citation: of the unit alone.  passage: index of the passage that it stands in.

    goes_on: whether it stands right behind the part before it.
    cells: of a table row that does not name its columns itself, what stands in each.
    group: of a table row, what stands over the rows of its group, such as their unit and period; of an item, what it stands below.
    likeliest: whether no other part is likelier to be the answer.
    """

    text: str
    citation: Citation
    passage: int
    goes_on: bool = False
    cells: tuple[NamedCell, ...] = ()
    group: str = ""
    likeliest: bool = False


@dataclass(frozen=True, slots=True)
class AnswerText:
    """What answers: its units verbatim, best first; ``citations`` are indexes into the passages; ``parts`` in document order."""

    sentences: tuple[str, ...]
    citations: tuple[int, ...]
    parts: tuple[AnswerPart, ...] = ()

    @property
    def text(self) -> str:
        """The parts as one text, with an ellipsis between those that do not follow each other."""
        if not self.parts:
            return " … ".join(self.sentences)
        joined = [(" " if part.goes_on else " … ") + part.text for part in self.parts]
        return "".join(joined).removeprefix(" … ")


@dataclass(frozen=True, slots=True)
class IndexState:
    """Which state of which store answered: number of its last change, fingerprint of model and settings."""

    generation: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds spent. embed: until the question's vectors were there, beside which words were looked up already."""

    embed: float
    search: float
    total: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question got. ``answer`` is None when the documents do not hold it; ``passages`` are then the nearest.

    abstain_reason: one of ``rag.answer.confidence.ABSTAIN_REASONS`` when not answered.
    corrected_question: with words respelled that no document has; None where none was.
    asked_as: the question that was searched for, where it differs from the question in any way.
    notes: where nothing could match, which name of a collection or field is not there, and those that are.
    """

    question: str
    answered: bool
    confidence: float
    calibrated: bool
    abstain_reason: str | None
    answer: AnswerText | None
    passages: tuple[RankedPassage, ...]
    index: IndexState
    timings_ms: Timings
    corrected_question: str | None = None
    asked_as: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CitationCheck:
    """Outcome of checking one citation: "valid", "changed", "moved" (then ``span`` is the new place) or "gone"."""

    status: Literal["valid", "changed", "moved", "gone"]
    document_id: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that did not go in, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one ``rag add`` did; counts are documents, except ``passages``.

    cpu_s: processor time of the stages "read", "embed" (without the engine's own threads) and "commit".
    languages: of the documents added or updated, as far as they are told, by ISO 639 code.  notes: what to tell whoever added them.
    """

    added: int
    updated: int
    skipped: int
    deleted: int
    failed: tuple[Failure, ...]
    passages: int
    seconds: float
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IngestProgress:
    """How far an ingest is: documents done of those seen so far to be read, and passages embedded.

    path, outcome: the document that was done last, and what became of it: "added", "updated", "skipped" or "failed".
    """

    documents: int
    n_documents: int | None
    passages: int
    path: str = ""
    outcome: str = ""
