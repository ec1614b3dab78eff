"""Gold sets as one JSONL file of questions with quotes, whose positions are looked up in whatever is evaluated."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.sets.gold import GoldSet, Place, Question
from eval.sets.gold_rows import GoldError, answerable_of, objects_of, once, text_of


@dataclass(frozen=True, slots=True)
class QuotedQuestion:
    """A question whose quotes have not been looked up yet. document: the source that must hold them, as far as ``_shared`` says."""

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

    Where several documents may be the one that a question names, those are it whose paths share most with the name.
    Raises GoldError naming the questions with a quote that stands in no document that may hold it, where that is required.
    """
    questions = tuple(questions)
    spots: dict[tuple[str, str], list[Place]] = {
        (question.id, quote): [] for question in questions for quote in question.quotes
    }
    paths = {question.id: _path(question.document) for question in questions if question.document is not None}
    most = dict.fromkeys((question.id for question in questions), 1)
    for name, text in documents:
        source = _path(name)
        for question in questions:
            shared = 1 if question.document is None else _shared(source, paths[question.id])
            if shared < most[question.id]:
                continue
            nearer, most[question.id] = shared > most[question.id], shared
            for quote in question.quotes:
                places = [Place(name, start, start + len(quote)) for start in _all(text, quote)]
                spots[question.id, quote] = places if nearer else spots[question.id, quote] + places
    lost = [(question, quote) for question in questions for quote in question.quotes if not spots[question.id, quote]]
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
                tuple(dict.fromkeys(place for quote in question.quotes for place in spots[question.id, quote])),
            )
            for question in questions
        )
    )


def _path(source: str) -> list[str]:
    return source.replace("\\", "/").removeprefix("./").split("/")


def _shared(source: list[str], document: list[str]) -> int:
    """How many names the path of a document's source shares with the one given; 0 unless one of the two ends in the other.

    A corpus may be named from above or from within its folder: ``seeds/a.txt`` is the source ``/home/seeds/a.txt``, or ``a.txt``.
    """
    n = min(len(source), len(document))
    return n if source[-n:] == document[-n:] else 0


def _all(text: str, quote: str) -> Iterator[int]:
    start = text.find(quote)
    while start >= 0:
        yield start
        start = text.find(quote, start + 1)
