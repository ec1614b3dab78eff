"""Gold sets: questions, whether the documents answer them, and where.

Two formats: a folder in the BEIR layout, read here, which brings its own corpus, and one JSONL file of quotes
(``eval.sets.quotes``). Evidence is a place in a document's stored text, never a passage, so that it survives other passages.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from eval.sets.gold_rows import GoldError, answerable_of, lines_of, objects_of, once, text_of

T = TypeVar("T")

_NAMED = 3  # questions named in one message; the rest is counted


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

    def is_held(self, document: str | None, start: int, end: int) -> bool:
        """Whether ``[start, end)`` of a document holds an answer whole; without places, whether the document is relevant."""
        if not self.places:
            return document in self.relevant
        return any(place.document == document and start <= place.start and place.end <= end for place in self.places)


@dataclass(frozen=True, slots=True)
class GoldSet:
    """Questions in file order. notes: what a reader of the figures should know of the files."""

    questions: tuple[Question, ...]
    notes: tuple[str, ...] = ()


def read_folder(folder: Path) -> GoldSet:
    """The gold set of a folder in the BEIR layout, every answer checked against the corpus.

    A question with neither answers nor relevant documents that is not marked unanswerable is not judged and is left out: BEIR keeps
    the questions of all splits in one file.  Raises GoldError.
    """
    qrels = _read_qrels(folder)
    questions: dict[str, Question] = {}
    lines: dict[str, int] = {}
    path = folder / "queries.jsonl"
    unjudged = 0
    for line, row in objects_of(path):
        question = _question(path, line, row, qrels)
        once(lines, question.id, path, line)
        if question.answerable and not question.places and not question.relevant:
            unjudged += 1
        else:
            questions[question.id] = question
    if not questions:
        raise GoldError(f"{path}: no question has answers or relevant documents: nothing can be measured")
    checked, missing = _checked_against_corpus(folder, path, questions, lines)
    notes = []
    if unjudged:
        notes.append(f"{unjudged} questions without any judgement are left out")
    if missing:
        notes.append(f"{missing} judged documents are not in the corpus and can never be found")
    return GoldSet(checked, tuple(notes))


def read_corpus(path: Path) -> Iterator[CorpusDocument]:
    """The documents of a ``corpus.jsonl``, one at a time.  Raises GoldError."""
    lines: dict[str, int] = {}
    for line, row in objects_of(path):
        name, title, text = text_of(path, line, row, "_id"), row.get("title") or "", row.get("text")
        if not isinstance(title, str) or not isinstance(text, str):
            raise GoldError(f"{path}:{line}: title and text of document {name!r} must be texts")
        once(lines, name, path, line)
        yield CorpusDocument(name, title, text)
    if not lines:
        raise GoldError(f"{path}: no documents: one JSON object a line with _id, title and text")


def titles_of(folder: Path) -> frozenset[str]:
    """What tells the documents of a folder from others: sets may hold extracts of one under ids of their own."""
    return frozenset(document.title or document.id for document in read_corpus(folder / "corpus.jsonl"))


def _read_qrels(folder: Path) -> dict[str, dict[str, int]]:
    """Relevance per question: ``qrels.tsv`` or ``qrels/test.tsv``, with or without a header; none when there is no file."""
    path = next((path for path in (folder / "qrels.tsv", folder / "qrels" / "test.tsv") if path.is_file()), None)
    qrels: dict[str, dict[str, int]] = {}
    if path is None:
        return qrels
    for number, line in enumerate(lines_of(path), 1):
        columns = line.rstrip("\r\n").split("\t")
        if len(columns) == 1 and not columns[0].strip():
            continue
        if len(columns) != 3:
            raise GoldError(
                f"{path}:{number}: {len(columns)} columns: write query-id, corpus-id and score separated by tabs"
            )
        question, document, score = (column.strip() for column in columns)
        try:
            value = float(score)
        except ValueError:
            if number == 1:
                continue  # the header
            value = math.nan
        if not value.is_integer():
            raise GoldError(f"{path}:{number}: score {score!r} is not a whole number")
        grade = int(value)
        if grade < 0:
            raise GoldError(f"{path}:{number}: score {grade} is negative: use 0 for not relevant")
        if qrels.setdefault(question, {}).setdefault(document, grade) != grade:
            raise GoldError(f"{path}:{number}: {question!r} and {document!r} were given another score before")
    return qrels


def _question(path: Path, line: int, row: Mapping[str, object], qrels: Mapping[str, Mapping[str, int]]) -> Question:
    name = text_of(path, line, row, "_id")
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
    answerable = answerable_of(path, line, row, default=True)
    if places and not answerable:
        raise GoldError(f"{path}:{line}: question {name!r} has answers but is not answerable: drop one of the two")
    return Question(
        name,
        text_of(path, line, row, "text"),
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


def sample(questions: tuple[T, ...], limit: int | None, seed: int) -> tuple[T, ...]:
    """``limit`` questions drawn at random, in their order in the file; all of them without a limit."""
    if limit is None or limit >= len(questions):
        return questions
    return tuple(questions[position] for position in sorted(Random(seed).sample(range(len(questions)), limit)))
