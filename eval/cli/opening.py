"""A gold set and the documents that it is asked of, opened for a command, with progress bars where someone watches."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from eval.scoring.baselines import Standing, stand
from eval.scoring.runs import CalibrationState, Run, StoreState
from eval.scoring.score import run
from eval.sets import corpora
from eval.sets.gold import GoldSet, Question, read_folder, sample, titles_of
from eval.sets.gold_rows import GoldError
from eval.sets.quotes import QuotedQuestion, locate, read_jsonl
from rag.cli.output import message, open_service
from rag.cli.progress import progress
from rag.inspection.baselines import BASELINES
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import BadInput

Asked = TypeVar("Asked", bound=Question | QuotedQuestion)


@contextmanager
def opened(
    gold: Path,
    corpus: Path | None,
    store: str | None,
    limit: int | None = None,
    seed: int = 0,
    check: Callable[[GoldSet], None] = lambda questions: None,
    foreign: Path | None = None,
    only: str | None = None,
) -> Iterator[tuple[GoldSet, Service]]:
    """The questions and the service to ask, closed at the end of the block.

    check: may refuse the questions, where that is possible before anything is indexed.  foreign: a gold set whose questions are
    added as unanswerable, in place of the set's own unanswerable ones.  only: the id of a question, all others left out; its quotes
    need not be found.
    """

    def chosen(questions: GoldSet) -> GoldSet:
        if foreign is not None:
            questions = _with_foreign(questions, gold, foreign, seed)
        check(questions)
        return questions

    if gold.is_dir():
        if corpus is not None or store is not None:
            raise BadInput(f"{gold} brings its own corpus: leave out --corpus and --store")
        read = read_folder(gold)
        questions = chosen(GoldSet(sample(_only(read.questions, only, gold), limit, seed), read.notes))
        with _indexed(corpora.open_folder, gold) as service:
            yield _noted(questions, gold), service
        return
    quoted = sample(_only(read_jsonl(gold), only, gold), limit, seed)
    with open_service(store) if corpus is None else _indexed(corpora.open_path, corpus) as service:
        questions = chosen(locate(gold, quoted, _texts(service), required=only is None))
        yield _noted(questions, gold), service


def _indexed(open_corpus: Callable[..., Service], path: Path) -> Service:
    """The service of a corpus, which is indexed now where it is not yet, with a progress bar."""
    with progress("indexing", "documents") as show:
        return open_corpus(
            path, Config.from_environment(), message, lambda state: show(state.documents, state.n_documents)
        )


def standing(service: Service, questions: GoldSet, gold: Path) -> Standing:
    """The answerable questions asked of the service and of all baselines, with a progress bar."""
    n_answerable = sum(question.answerable for question in questions.questions)
    n_asked = n_answerable * (1 + len(BASELINES))
    with progress("asking", "questions") as show:
        return stand(
            service.ask,
            service.inspector.ask_baseline,
            questions.questions,
            gold=str(gold),
            store=StoreState(service.store.fingerprint, service.settings, *service.counts()),
            progress=lambda done: show(done, n_asked),
        )


def asked(service: Service, questions: GoldSet, gold: Path, gold_sha256: str, k: int) -> Run:
    """The scored run of all questions, with a progress bar."""
    documents, passages = service.counts()
    refit = service.refit
    calibration = None
    if refit is not None:
        calibration = CalibrationState(refit.gold, refit.positives, refit.negatives, refit.fitted_at)
        if refit.gold == gold_sha256:
            message(f"{gold}: confidence was fitted on these questions, so that its figures are not of unseen ones")
    state = StoreState(service.store.fingerprint, service.settings, documents, passages, calibration)
    n_asked = len(questions.questions)
    with progress("asking", "questions") as show:
        return run(
            service.ask,
            questions.questions,
            gold=str(gold),
            k=k,
            store=state,
            progress=lambda done: show(done, n_asked),
        )


def _only(questions: tuple[Asked, ...], query_id: str | None, gold: Path) -> tuple[Asked, ...]:
    if query_id is None:
        return questions
    if chosen := tuple(question for question in questions if question.id == query_id):
        return chosen
    near = get_close_matches(query_id, [question.id for question in questions], n=3)
    hint = f": did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise BadInput(f"{gold} has no question {query_id!r}{hint}")


def _with_foreign(questions: GoldSet, gold: Path, foreign: Path, seed: int) -> GoldSet:
    """The answerable questions, and as many of another set's, which are not answerable here. gold: where the questions are from.

    The others' ids begin with their set's name.  Raises GoldError when both sets bring a document of the same title.
    """
    if gold.is_dir() and foreign.is_dir():
        if shared := titles_of(gold) & titles_of(foreign):
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


def _noted(questions: GoldSet, gold: Path) -> GoldSet:
    for note in questions.notes:
        message(f"{gold}: {note}")
    return questions


def _texts(service: Service) -> Iterator[tuple[str, str]]:
    """Name and stored text of every document that a question without a collection is asked of."""
    with service.store.read() as reader:
        for document in reader.every_document("default"):
            yield document.source or document.id, reader.text(document.id)
