"""Gold sets: questions, whether the documents answer them, and where.

Two formats: a folder in the BEIR layout, which brings its own corpus, and one JSONL file of quotes, whose positions are looked up
in whatever is evaluated. Evidence is a place in a document's stored text, never a passage, so that it survives other passages.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from rag.errors import RagError

_NAMED = 3  # questions named in one message; the rest is counted


class GoldError(RagError):
    """A gold set that cannot be used; the message names file, line and what to change."""


class Place(NamedTuple):
    """Half-open ``[start, end)`` in the stored text of the document named (its source, or its id when it has none)."""

    document: str
    start: int
    end: int


class CorpusDocument(NamedTuple):
    """One line of ``corpus.jsonl``."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its evidence.

    answers: texts, any one of which answers.  places: where they stand; a passage that contains one whole is a hit.
    relevance: document -> grade, from qrels (0 is judged and not relevant).
    """

    id: str
    text: str
    answerable: bool
    answers: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    relevance: Mapping[str, int] = field(default_factory=dict)

    @property
    def relevant(self) -> frozenset[str]:
        """Documents judged relevant."""
        return frozenset(document for document, grade in self.relevance.items() if grade > 0)


@dataclass(frozen=True, slots=True)
class QuotedQuestion:
    """A question whose quotes have not been looked up yet. document: source (or the end of its path) that must hold them."""

    id: str
    text: str
    answerable: bool
    quotes: tuple[str, ...]
    document: str | None
    line: int


@dataclass(frozen=True, slots=True)
class GoldSet:
    """Questions in file order. notes: what a reader of the figures should know of the files."""

    questions: tuple[Question, ...]
    notes: tuple[str, ...] = ()


# --- the BEIR layout


def read_folder(folder: Path) -> GoldSet:
    """The gold set of a folder in the BEIR layout, every answer checked against the corpus.

    A question with neither answers nor relevant documents that is not marked unanswerable is not judged and is left out: BEIR keeps
    the questions of all splits in one file.  Raises GoldError.
    """
    qrels, notes = _read_qrels(folder)
    questions: dict[str, Question] = {}
    lines: dict[str, int] = {}
    path = folder / "queries.jsonl"
    unjudged = 0
    for line, row in _objects(path):
        question = _question(path, line, row, qrels)
        _once(lines, question.id, path, line)
        if question.answerable and not question.places and not question.relevant:
            unjudged += 1
        else:
            questions[question.id] = question
    if not questions:
        raise GoldError(f"{path}: no question has answers or relevant documents: nothing can be measured")
    checked, missing = _checked_against_corpus(folder, path, questions, lines)
    if unjudged:
        notes.append(f"{unjudged} questions without any judgement are left out")
    if missing:
        notes.append(f"{missing} judged documents are not in the corpus and can never be found")
    return GoldSet(checked, tuple(notes))


def read_corpus(path: Path) -> Iterator[CorpusDocument]:
    """The documents of a ``corpus.jsonl``, one at a time.  Raises GoldError."""
    lines: dict[str, int] = {}
    for line, row in _objects(path):
        name, title, text = _text(path, line, row, "_id"), row.get("title") or "", row.get("text")
        if not isinstance(title, str) or not isinstance(text, str):
            raise GoldError(f"{path}:{line}: title and text of document {name!r} must be texts")
        _once(lines, name, path, line)
        yield CorpusDocument(name, title, text)
    if not lines:
        raise GoldError(f"{path}: no documents: one JSON object a line with _id, title and text")


def _read_qrels(folder: Path) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Relevance per question: ``qrels.tsv`` or ``qrels/test.tsv``, with or without a header; none when there is no file."""
    path = next((path for path in (folder / "qrels.tsv", folder / "qrels" / "test.tsv") if path.is_file()), None)
    qrels: dict[str, dict[str, int]] = {}
    if path is None:
        return qrels, []
    for number, line in enumerate(_lines(path), 1):
        columns = line.rstrip("\r\n").split("\t")
        if len(columns) == 1 and not columns[0].strip():
            continue
        if len(columns) != 3:
            raise GoldError(
                f"{path}:{number}: {len(columns)} columns: write query-id, corpus-id and score separated by tabs"
            )
        question, document, score = (column.strip() for column in columns)
        try:
            grade = int(score)
        except ValueError:
            if number == 1:
                continue  # the header
            raise GoldError(f"{path}:{number}: score {score!r} is not a whole number") from None
        if grade < 0:
            raise GoldError(f"{path}:{number}: score {grade} is negative: use 0 for not relevant")
        if qrels.setdefault(question, {}).setdefault(document, grade) != grade:
            raise GoldError(f"{path}:{number}: {question!r} and {document!r} were given another score before")
    return qrels, []


def _question(path: Path, line: int, row: Mapping[str, object], qrels: Mapping[str, Mapping[str, int]]) -> Question:
    name = _text(path, line, row, "_id")
    answers = row.get("answers") or []
    if not isinstance(answers, list):
        raise GoldError(f"{path}:{line}: answers must be a list of objects with text, start and doc_id")
    places = []
    for answer in answers:
        if not isinstance(answer, dict):
            raise GoldError(f"{path}:{line}: an answer must be an object with text, start and doc_id")
        text, start = answer.get("text"), answer.get("start")
        if not isinstance(text, str) or not text or type(start) is not int or start < 0 or "doc_id" not in answer:
            raise GoldError(f"{path}:{line}: an answer needs a text, a start from 0 and a doc_id, not {answer!r}")
        places.append((text, Place(str(answer["doc_id"]), start, start + len(text))))
    answerable = _answerable(path, line, row, default=True)
    if places and not answerable:
        raise GoldError(f"{path}:{line}: question {name!r} has answers but is not answerable: drop one of the two")
    return Question(
        name,
        _text(path, line, row, "text"),
        answerable,
        tuple(dict.fromkeys(text for text, _ in places)),
        tuple(place for _, place in places),
        qrels.get(name, {}),
    )


def _checked_against_corpus(
    folder: Path, path: Path, questions: Mapping[str, Question], lines: Mapping[str, int]
) -> tuple[tuple[Question, ...], int]:
    """The questions with places as stored, and how many judged documents the corpus lacks.  Raises GoldError for a wrong answer."""
    wanted: dict[str, list[Question]] = {}
    for question in questions.values():
        for document in {place.document for place in question.places}:
            wanted.setdefault(document, []).append(question)
    judged = {document for question in questions.values() for document in question.relevance}
    wrong: list[str] = []
    stored: dict[str, list[Place]] = {}
    for name, _, text in read_corpus(folder / "corpus.jsonl"):
        judged.discard(name)
        for question in wanted.pop(name, []):
            here = [place for place in question.places if place.document == name]
            if any(text[place.start : place.end] not in question.answers for place in here):
                wrong.append(question.id)
            stored.setdefault(question.id, []).extend(_as_stored(text, place) for place in here)
    wrong += [question.id for missing in wanted.values() for question in missing]
    if wrong:
        first = wrong[0]
        named = ", ".join(map(repr, wrong[:_NAMED])) + (", ..." if len(wrong) > _NAMED else "")
        raise GoldError(
            f"{path}:{lines[first]}: an answer does not stand at its start in its document ({len(wrong)} questions: {named}): "
            "start counts Unicode code points of the corpus text"
        )
    return tuple(
        Question(q.id, q.text, q.answerable, q.answers, tuple(stored.get(q.id, ())), q.relevance)
        for q in questions.values()
    ), len(judged)


def _as_stored(text: str, place: Place) -> Place:
    """The place once every line end is one character, which is how texts are stored."""
    before, within = text.count("\r\n", 0, place.start), text.count("\r\n", 0, place.end)
    return Place(place.document, place.start - before, place.end - within)


# --- our own JSONL


def read_jsonl(path: Path) -> tuple[QuotedQuestion, ...]:
    """The questions of a JSONL gold file.  Raises GoldError."""
    questions = []
    lines: dict[str, int] = {}
    for line, row in _objects(path):
        name = _text(path, line, row, "id")
        _once(lines, name, path, line)
        quotes = row.get("quotes") or []
        if not isinstance(quotes, list) or not all(isinstance(quote, str) and quote.strip() for quote in quotes):
            raise GoldError(f"{path}:{line}: quotes must be a list of texts, verbatim from the document")
        answerable = _answerable(path, line, row, default=bool(quotes))
        if answerable != bool(quotes):
            raise GoldError(
                f"{path}:{line}: question {name!r} is {'' if answerable else 'not '}answerable but has "
                f"{'no ' if answerable else ''}quotes: change one of the two"
            )
        document = row.get("document")
        if document is not None and not (isinstance(document, str) and document):
            raise GoldError(f"{path}:{line}: document must be the source of a document, or be left out")
        questions.append(
            QuotedQuestion(name, _text(path, line, row, "question"), answerable, tuple(quotes), document, line)
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


# --- questions of another set


def with_foreign(questions: GoldSet, gold: Path, foreign: Path, seed: int) -> GoldSet:
    """The answerable questions, and as many of another set's, which are not answerable here. gold: where the questions are from.

    The others' ids begin with their set's name.  Raises GoldError when both sets bring a document of the same title.
    """
    if gold.is_dir() and foreign.is_dir():
        titles = [{doc.title or doc.id for doc in read_corpus(folder / "corpus.jsonl")} for folder in (gold, foreign)]
        if shared := titles[0] & titles[1]:
            raise GoldError(
                f"{foreign} shares {len(shared)} documents with {gold} (one is {min(shared)!r}): its questions may be answered here"
            )
    read: Sequence[Question | QuotedQuestion] = (
        read_folder(foreign).questions if foreign.is_dir() else read_jsonl(foreign)
    )
    own = tuple(question for question in questions.questions if question.answerable)
    others = sample(tuple(question for question in read if question.answerable), len(own), seed)
    unanswerable = tuple(Question(f"{foreign.stem}/{other.id}", other.text, answerable=False) for other in others)
    return GoldSet(own + unanswerable, questions.notes)


# --- both

Asked = TypeVar("Asked", bound=Question | QuotedQuestion)


def sample(questions: tuple[Asked, ...], limit: int | None, seed: int) -> tuple[Asked, ...]:
    """``limit`` questions drawn at random, in their order in the file; all of them without a limit."""
    if limit is None or limit >= len(questions):
        return questions
    return tuple(questions[position] for position in sorted(Random(seed).sample(range(len(questions)), limit)))


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            yield from file
    except OSError as error:
        raise GoldError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise GoldError(f"{path} is not UTF-8: save it as UTF-8") from error


def _objects(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Line number and JSON object of every line that is not blank."""
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise GoldError(f"{path}:{number}: not JSON ({error}): write one JSON object a line") from error
        if not isinstance(row, dict):
            raise GoldError(f"{path}:{number}: a JSON object is expected, not {type(row).__name__}")
        yield number, row


def _text(path: Path, line: int, row: Mapping[str, object], name: str) -> str:
    """A text of a row that must not be empty; ids may be whole numbers."""
    value = row.get(name)
    if type(value) is int and name in ("_id", "id"):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise GoldError(f"{path}:{line}: {name!r} must be a text that is not empty")
    return value


def _answerable(path: Path, line: int, row: Mapping[str, object], *, default: bool) -> bool:
    value = row.get("answerable", default)
    if not isinstance(value, bool):
        raise GoldError(f"{path}:{line}: answerable must be true or false, not {value!r}")
    return value


def _once(lines: dict[str, int], name: str, path: Path, line: int) -> None:
    if lines.setdefault(name, line) != line:
        raise GoldError(f"{path}:{line}: {name!r} is already on line {lines[name]}: every id once")
