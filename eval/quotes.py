"""Gold sets as one JSONL file of questions with quotes, whose positions are looked up in whatever is evaluated."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.gold import GoldSet, Place, Question
from eval.gold_rows import GoldError, answerable_of, objects_of, once, text_of


@dataclass(frozen=True, slots=True)
class QuotedQuestion:
    """A question whose quotes have not been looked up yet. document: source (or the end of its path) that must hold them."""

    id: str
    text: str
    answerable: bool
    quotes: tuple[str, ...]
    document: str | None
    line: int


def read_jsonl(path: Path) -> tuple[QuotedQuestion, ...]:
    """The questions of a JSONL gold file.  Raises GoldError."""
    questions = []
    lines: dict[str, int] = {}
    for line, row in objects_of(path):
        name = text_of(path, line, row, "id")
        once(lines, name, path, line)
        quotes = row.get("quotes") or []
        if not isinstance(quotes, list) or not all(isinstance(quote, str) and quote.strip() for quote in quotes):
            raise GoldError(f"{path}:{line}: quotes must be a list of texts, verbatim from the document")
        answerable = answerable_of(path, line, row, default=bool(quotes))
        if answerable != bool(quotes):
            raise GoldError(
                f"{path}:{line}: question {name!r} is {'' if answerable else 'not '}answerable but has "
                f"{'no ' if answerable else ''}quotes: change one of the two"
            )
        document = row.get("document")
        if document is not None and not (isinstance(document, str) and document):
            raise GoldError(f"{path}:{line}: document must be the source of a document, or be left out")
        questions.append(
            QuotedQuestion(
                name,
                text_of(path, line, row, "question"),
                answerable,
                tuple(quote.replace("\r\n", "\n") for quote in quotes),  # every line end is stored as one character
                document,
                line,
            )
        )
    if not questions:
        raise GoldError(f"{path}: no questions: one JSON object a line with id, question, answerable and quotes")
    return tuple(questions)


def locate(
    path: Path, questions: Iterable[QuotedQuestion], documents: Iterable[tuple[str, str]], *, required: bool = True
) -> GoldSet:
    """The gold set with every occurrence of every quote found. documents: name and stored text; path: for messages.

    Raises GoldError naming the questions with a quote that stands in no document that may hold it, where that is required.
    """
    questions = tuple(questions)
    found: dict[tuple[str, str], list[Place]] = {
        (question.id, quote): [] for question in questions for quote in question.quotes
    }
    for name, text in documents:
        for question in questions:
            if question.document is None or _is_source(name, question.document):
                for quote in question.quotes:
                    found[question.id, quote] += [Place(name, start, start + len(quote)) for start in _all(text, quote)]
    lost = [(question, quote) for question in questions for quote in question.quotes if not found[question.id, quote]]
    if lost and required:
        question, quote = lost[0]
        where = f" in {question.document!r}" if question.document else ""
        more = f" (and {len(lost) - 1} more quotes)" if len(lost) > 1 else ""
        raise GoldError(
            f"{path}:{question.line}: the quote {quote[:60]!r} of question {question.id!r} stands nowhere{where}{more}: "
            "copy it verbatim, blanks and quotation marks too, and check that its document was added"
        )
    return GoldSet(
        tuple(
            Question(
                question.id,
                question.text,
                question.answerable,
                tuple(dict.fromkeys(question.quotes)),
                tuple(dict.fromkeys(place for quote in question.quotes for place in found[question.id, quote])),
            )
            for question in questions
        )
    )


def _is_source(name: str, document: str) -> bool:
    """Whether a document's source is the one given, or ends in it as a path."""
    return name == document or name.replace("\\", "/").endswith("/" + document.replace("\\", "/").removeprefix("./"))


def _all(text: str, quote: str) -> Iterator[int]:
    start = text.find(quote)
    while start >= 0:
        yield start
        start = text.find(quote, start + 1)
