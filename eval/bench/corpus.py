"""The documents and questions that benchmarks use: those of a gold folder, or made from the seeds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from eval.sets.corpora import incoming_of, open_folder
from eval.sets.gold import read_folder
from rag.cli.output import message
from rag.intake.prepare import Cut, passage_inputs, prepare_incoming
from rag.language.sentences import split_sentences
from rag.model.embedding import PassageInput
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import BadInput
from rag.shared.types import Incoming

_SEEDS = Path(__file__).parent.parent.parent / "seeds"
_DOCUMENTS, _SENTENCES = 250, 40  # that are made, and of each
QUESTIONS = (
    "why did Zelensky refuse to sign?",
    "Who met the Ukrainian leader in Munich?",
    "What are rare earths used for?",
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """name: as shown.  questions: asked of the documents."""

    name: str
    documents: Sequence[Incoming]
    questions: Sequence[str]


def read(gold: Path | None) -> Corpus:
    """The corpus of a BEIR folder; without one, documents of sentences drawn from ``seeds/``."""
    if gold is None:
        return _made()
    if not (gold / "corpus.jsonl").is_file():
        raise BadInput(f"--gold {gold}: give a folder in the BEIR layout, with corpus.jsonl and queries.jsonl")
    documents = list(incoming_of(gold / "corpus.jsonl"))
    return Corpus(gold.name, documents, [question.text for question in read_folder(gold).questions])


def _made() -> Corpus:
    text = "\n".join(path.read_text(encoding="utf-8") for path in seed_files())
    sentences = [text[start:end] for start, end in split_sentences(text)]
    random = Random(0)
    documents = []
    for number in range(_DOCUMENTS):
        drawn = " ".join(random.choice(sentences) for _ in range(_SENTENCES))
        documents.append(Incoming(key=f"made-{number}", title=f"Made document {number}", text=drawn))
    return Corpus("seeds, sentences drawn at random", documents, QUESTIONS)


@contextmanager
def stored(gold: Path | None, store: Path | None = None) -> Iterator[tuple[Path, Sequence[str]]]:
    """The directory of a store of a corpus, and questions to it.

    That is ``store`` where one is named, else the cached one of a gold folder, else one for as long as it is needed.
    """
    source, config = read(gold), Config.from_environment()
    with TemporaryDirectory() as folder:
        if store is None and gold is not None:
            with open_folder(gold, config, message) as service:
                store = Path(service.place)
        elif store is None:
            store = Path(folder) / "store"
            with Service.create(store, config) as service:
                service.intake.add_documents(source.documents)
        yield store, source.questions


def distinct(questions: Sequence[str]) -> Iterator[str]:
    """The questions, then each again with a word of another one, for ever, in an order that does not change."""
    random = Random(0)
    yield from questions
    while True:
        for question in questions:
            yield f"{question} {random.choice(random.choice(questions).split())} {random.randrange(10**6)}"


def seed_files() -> list[Path]:
    """The texts in ``seeds/``.  Raises BadInput for an installation without them."""
    files = sorted(_SEEDS.glob("*.txt"))
    if not files:
        raise BadInput("there are no seeds beside this installation: name a corpus with --gold FOLDER")
    return files


def write_files(documents: Sequence[Incoming], folder: Path, times: int = 1) -> int:
    """Write each document as a text file, ``times`` times with other first lines; the size of all of them comes back, in bytes."""
    folder.mkdir(parents=True)
    n_bytes = 0
    for copy in range(times):
        for number, document in enumerate(documents):
            first = document.title if copy == 0 else f"{document.title} ({copy + 1})"
            content = f"{first}\n\n{document.text}\n".encode()
            (folder / f"{copy}-{number:06}.txt").write_bytes(content)
            n_bytes += len(content)
    return n_bytes


def passages_of(corpus: Corpus, size: int, overlap: int, limit: int) -> list[PassageInput]:
    """Up to ``limit`` passages as the embedder is given them, from documents all over the corpus."""
    documents = list(corpus.documents)
    Random(0).shuffle(documents)
    passages: list[PassageInput] = []
    for document in documents:
        if len(passages) >= limit:
            break
        passages += passage_inputs(prepare_incoming(document, Cut(size, overlap)))
    return passages[:limit]
