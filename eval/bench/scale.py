"""What does a store cost as it grows: to make, to start, to ask, to hold in memory; and what does the index for large stores miss?

Each size is served by a process of its own. Timed: ``Service.ask`` and the search in it, one question at a time, after a warm-up;
the start, from opening the store to the first answer's vectors being searchable (the model is loaded apart). Recall@100 is against
reading all vectors of the same store. Excluded: HTTP, the start of the interpreter.

Stores of any size are made of the passages of gold corpora, tiled with noise. The vector of a made passage is one that the model
gave to a real one, moved by a share of the difference of two others: so the noise has the shape of real embeddings. Its sentences,
with their own vectors and words, are drawn from all real ones: word frequencies are natural. Rows go in as ``Store.add`` writes
them, many documents a transaction and without analyzing text again.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.bench.commands import peak_mb, run
from eval.bench.results import Row, percentiles
from eval.sets.corpora import open_folder
from eval.sets.gold import read_folder
from index.backend import Store
from index.local.database.rows import (
    DocumentRow,
    PassageRow,
    StoredPassage,
    document_id,
    filter_pairs,
    hash_term,
    pack_metadata,
)
from index.local.store import Store as LocalStore
from index.local.upkeep.packed_documents import fill
from index.local.views.lexical import analyze
from index.types import Floats, Ids, NewDocument
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import BadInput
from rag.shared.types import Query

QUESTIONS = 300
_WARM_UP = 50
_K = 100
# Share of the difference of two real vectors that is added to one: the made vector's cosine with it is about .93.
NOISE = 0.3
PASSAGES_PER_DOCUMENT = 250
_READ_TOGETHER = 500


def rows(golds: Sequence[Path], sizes: Sequence[int], config: Config, folder: Path | None = None) -> Iterator[Row]:
    """One row for each size. golds: BEIR folders of whose passages and questions the corpora are made; folder: for the stores."""
    questions = [question.text for gold in golds for question in read_folder(gold).questions]
    if len(questions) <= _WARM_UP:
        raise BadInput(f"{len(questions)} questions in these gold sets: more than {_WARM_UP} are needed, which warm up")
    chosen = np.random.default_rng(0).permutation(len(questions))[: QUESTIONS + _WARM_UP]
    with ExitStack() as services, tempfile.TemporaryDirectory(dir=folder) as made:
        stores = [services.enter_context(open_folder(gold, config, _say)).store for gold in golds]
        real = read_passages(stores)
        asked = Path(made) / "questions.json"
        asked.write_text(json.dumps([questions[i] for i in chosen.tolist()]), encoding="utf-8")
        for size in sizes:
            path = Path(made) / str(size)
            started = time.perf_counter()
            make_store(path, real, size, stores[0])
            rows_s = time.perf_counter() - started
            views_s = json.loads(_fresh("views", path, asked))["seconds"]
            figures = json.loads(_fresh("ask", path, asked))
            built = {"passages": size, "rows_s": round(rows_s, 1), "views_s": round(views_s, 1), **_sizes(path)}
            yield Row("scale", f"{size:,} passages", {**built, **figures})
            shutil.rmtree(path)


def _fresh(work: str, path: Path, questions: Path) -> str:
    command = [sys.executable, "-P", "-m", "eval.bench.scale", work, str(path), str(questions)]
    return run("eval.bench.scale", command)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _sizes(path: Path) -> dict[str, int]:
    total = {"store_mb": 0, "views_mb": 0}
    for file in path.rglob("*"):
        if file.is_file():
            total["views_mb" if "views" in file.relative_to(path).parts else "store_mb"] += file.stat().st_size
    return {name: size >> 20 for name, size in total.items()}


def _views(path: Path) -> dict[str, float]:
    """Open a store without views, which makes them."""
    started = time.perf_counter()
    with LocalStore.open(path) as store:
        store.checkpoint()
    return {"seconds": time.perf_counter() - started}


def _ask(path: Path, questions: Sequence[str]) -> dict[str, object]:
    started = time.perf_counter()
    service = Service.open(path)
    opened = time.perf_counter()
    embedder = service.embedder
    total, search = [], []
    for number, question in enumerate(questions):
        answer = service.ask(Query(question))
        if number >= _WARM_UP:
            total.append(answer.timings_ms.total)
            search.append(answer.timings_ms.search)
    memory = peak_mb()
    recalls = [_recall(service, embedder.embed_question(question, ()).result().vector) for question in questions]
    service.close()
    return {
        "dim": embedder.dim,
        "k": _K,
        "repeats": len(total),
        "open_s": round(opened - started, 2),
        **percentiles(total),
        **{f"search_{name}": value for name, value in percentiles(search).items()},
        "memory_mb": memory,
        "recall": round(float(np.mean(recalls)), 4),
    }


def _recall(service: Service, vector: "np.typing.NDArray[np.float32]") -> float:
    assert isinstance(service.store, LocalStore)
    views = service.store._follower.views()
    _, nearest = views.nearest(vector, _K, None)
    _, everything = views.base.vectors.search(vector, _K, None, views.hidden, exact=True)
    return len(np.intersect1d(nearest, everything)) / max(len(everything), 1)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A real sentence as it is stored. terms: hash -> term; hashes: uint32, packed, with repetition."""

    text: str
    terms: dict[int, str]
    hashes: bytes
    vector: bytes
    n_words: int
    signs: bytes


@dataclass(frozen=True, slots=True)
class RealPassages:
    """Passages that a model embedded. vectors: float16 (n, dim), as stored; n_sentences: int64 (n,)."""

    vectors: NDArray[np.float16]
    n_sentences: Ids
    sentences: Sequence[_Sentence]


def read_passages(stores: Sequence[Store]) -> RealPassages:
    """All passages of some stores of one model, from which nothing was ever removed."""
    vectors, counts = [], []
    sentences: list[_Sentence] = []
    for store in stores:
        with store.read() as reader:
            last = reader.counts()[1]
            for start in range(1, last + 1, _READ_TOGETHER):
                ids = range(start, min(start + _READ_TOGETHER, last + 1))
                candidates = reader.candidates(ids)
                words = reader.word_signs(ids)
                signs = np.split(words.signs, np.cumsum(words.word_counts)[:-1])
                vectors.append(candidates.passage_vectors)
                counts.append(candidates.sentence_counts)
                texts = [
                    passage.text[start - passage.span.start : end - passage.span.start]
                    for passage in reader.passages(ids)
                    for start, end in passage.sentences
                ]
                for text, vector, own in zip(texts, candidates.sentence_vectors, signs, strict=True):
                    terms = [(hash_term(term), term) for term in analyze(text)]
                    hashes = np.array([number for number, _ in terms], dtype="<u4").tobytes()
                    sentences.append(_Sentence(text, dict(terms), hashes, vector.tobytes(), len(own), own.tobytes()))
    return RealPassages(np.concatenate(vectors), np.concatenate(counts), sentences)


def noisy(vectors: NDArray[np.float16], which: Ids, rng: np.random.Generator) -> Floats:
    """Unit vectors float32 (n, dim) near those of ``which`` int64 (n,)."""
    first, other = rng.integers(len(vectors), size=(2, len(which)))
    moved = vectors[which].astype(np.float32)
    moved += np.float32(NOISE) * (vectors[first].astype(np.float32) - vectors[other].astype(np.float32))
    unit: Floats = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return unit


def make_store(path: Path, real: RealPassages, n: int, like: Store) -> None:
    """A new store of ``n`` made passages for questions of the same model as ``like``, without views: the next start makes them.

    The first passages have the real vectors as they are.
    """
    LocalStore.create(path, dim=like.dim, fingerprint=like.fingerprint, settings=like.settings).close()
    fill(path, ((row, "") for row in _documents(real, n)))


def _documents(real: RealPassages, n: int) -> Iterator[DocumentRow]:
    rng = np.random.default_rng(0)
    n_real = len(real.vectors)
    order = rng.permutation(n_real)
    for start in range(0, n, PASSAGES_PER_DOCUMENT):
        numbers = np.arange(start, min(start + PASSAGES_PER_DOCUMENT, n))
        which = order[numbers % n_real]
        vectors = noisy(real.vectors, which, rng)
        vectors[numbers < n_real] = real.vectors[which[numbers < n_real]]
        yield _document(real, start // PASSAGES_PER_DOCUMENT, which, vectors.astype("<f2"), rng)


def _document(
    real: RealPassages, number: int, which: Ids, vectors: NDArray[np.float16], rng: np.random.Generator
) -> DocumentRow:
    key = f"made-{number}"
    texts: list[str] = []
    passages = []
    start = 0
    for passage, vector in zip(which.tolist(), vectors, strict=True):
        drawn = [real.sentences[i] for i in rng.integers(len(real.sentences), size=real.n_sentences[passage]).tolist()]
        text = " ".join(sentence.text for sentence in drawn)
        ends = np.cumsum([len(sentence.text) + 1 for sentence in drawn]) - 1
        starts = ends - [len(sentence.text) for sentence in drawn]
        body: dict[int, str] = {}
        for sentence in drawn:
            body |= sentence.terms
        n_terms = [len(sentence.hashes) // 4 for sentence in drawn]
        packed = StoredPassage(
            start,
            start + len(text),
            text=text,
            context="",
            section="[]",
            page=None,
            sentences=(np.stack([starts, ends], axis=1) + start).astype("<i4").tobytes(),
            layout="",
            terms=b"".join(sentence.hashes for sentence in drawn),
            term_counts=np.array([0, *n_terms], dtype="<u4").tobytes(),
            vector=vector.tobytes(),
            sentence_vectors=b"".join(sentence.vector for sentence in drawn),
            word_counts=np.array([sentence.n_words for sentence in drawn], dtype="<u4").tobytes(),
            word_signs=b"".join(sentence.signs for sentence in drawn),
        )
        passages.append(PassageRow(packed, body))
        texts.append(text)
        start += len(text) + 1
    whole = " ".join(texts)
    digest = sha256(whole.encode()).hexdigest()
    # Filters for one in a hundred, one in ten and one in two documents.
    metadata = {"hundredth": number % 100, "tenth": number % 10, "half": number % 2}
    new = NewDocument("default", key, key, key, whole, digest, metadata)
    return DocumentRow(
        document_id("default", key), new, digest, pack_metadata(metadata), filter_pairs(metadata), tuple(passages)
    )


if __name__ == "__main__":
    work, store, asked = sys.argv[1:]
    result = _views(Path(store)) if work == "views" else _ask(Path(store), json.loads(Path(asked).read_text("utf-8")))
    sys.stdout.write(json.dumps(result))
