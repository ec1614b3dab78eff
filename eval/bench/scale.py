"""What does a store cost as it grows: to make, to start, to ask, to hold in memory; and what does the index for large stores miss?

Each size is served by a process of its own. Timed: ``Service.ask`` and the search in it, one question at a time, after a warm-up;
the start, from opening the store to the first answer's vectors being searchable (the model is loaded apart). Recall@100 is against
reading all vectors of the same store. Excluded: HTTP, the start of the interpreter. The corpus is ``eval.bench.made``: text and
vectors of gold corpora, tiled with noise.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from eval.bench.commands import run
from eval.bench.made import make_store, read_passages
from eval.bench.memory import peak_mb
from eval.bench.results import Row, percentiles
from eval.sets.corpora import open_folder
from eval.sets.gold import read_folder
from index.local.store import Store
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import BadInput
from rag.shared.types import Query

QUESTIONS = 300
_WARM_UP = 50
_K = 100


def rows(golds: Sequence[Path], sizes: Sequence[int], config: Config, folder: Path | None = None) -> Iterator[Row]:
    """One row for each size. golds: BEIR folders of whose passages and questions the corpora are made; folder: for the stores."""
    questions = [question.text for gold in golds for question in read_folder(gold).questions]
    if len(questions) <= _WARM_UP:
        raise BadInput(f"{len(questions)} questions in these gold sets: more than {_WARM_UP} are needed, which warm up")
    chosen = np.random.default_rng(0).permutation(len(questions))[: QUESTIONS + _WARM_UP]
    with ExitStack() as services, tempfile.TemporaryDirectory(dir=folder) as made:
        stores = [services.enter_context(open_folder(gold, config, _say))._store for gold in golds]
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
    with Store.open(path) as store:
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
    found = [_recall(service, embedder.embed_question(question, ()).result().vector) for question in questions]
    service.close()
    return {
        "dim": embedder.dim,
        "k": _K,
        "repeats": len(total),
        "open_s": round(opened - started, 2),
        **percentiles(total),
        **{f"search_{name}": value for name, value in percentiles(search).items()},
        "memory_mb": memory,
        "recall": round(float(np.mean(found)), 4),
    }


def _recall(service: Service, vector: "np.typing.NDArray[np.float32]") -> float:
    assert isinstance(service._store, Store)
    views = service._store._follower.views()
    _, nearest = views.nearest(vector, _K, None)
    _, everything = views.base.vectors.search(vector, _K, None, views.hidden, exact=True)
    return len(np.intersect1d(nearest, everything)) / max(len(everything), 1)


if __name__ == "__main__":
    work, store, asked = sys.argv[1:]
    result = _views(Path(store)) if work == "views" else _ask(Path(store), json.loads(Path(asked).read_text("utf-8")))
    sys.stdout.write(json.dumps(result))
