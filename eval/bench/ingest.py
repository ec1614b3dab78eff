"""How fast do documents go in, where does the time go, and does memory grow with the corpus?

Timed: ``rag add`` of a folder of text files into a new store, the whole process: start, model, parsing, cutting, embedding, commits
with their syncs, and writing the views. Corpora of two sizes, the larger four times the smaller (repeated with other titles), show
whether memory grows. Then the same command again, with nothing to do. Left out: making the files, converting the model.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from eval.bench import corpus
from eval.bench.commands import peak_mb, run
from eval.bench.results import Figure, Row
from index.errors import StoreError
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import RagError

_TIMES_LARGER = 4


def rows(gold: Path | None, n_documents: int | None, larger: bool, config: Config) -> Iterator[Row]:
    """Rows of ``rag add`` with nothing there, again with all of it there, and of the larger corpus. n_documents: None for all."""
    source = corpus.read(gold)
    documents = source.documents[:n_documents]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for times in (1, _TIMES_LARGER) if larger else (1,):
            files = folder / f"documents{times}"
            n_bytes = corpus.write_files(documents, files, times)
            about: dict[str, Figure] = {
                "corpus": source.name,
                "documents": len(documents) * times,
                "text_mb": round(n_bytes / 1e6, 2),
            }
            store = folder / f"store{times}"
            added = _add(files, store, config)
            yield Row(
                "ingest", "new" if times == 1 else f"new, {times} times as much", {**about, **_figures(added, n_bytes)}
            )
            if times == 1:
                again = _add(files, store, config)
                yield Row(
                    "ingest", "unchanged", {**about, "seconds": round(again.seconds, 2), "memory_mb": again.memory_mb}
                )


class _Added(NamedTuple):
    """One ``rag add``. cpu_s: user and system time of the process and those that it started.  stages_s: of its stages."""

    seconds: float
    cpu_s: float
    memory_mb: int
    passages: int
    stages_s: dict[str, float]
    store_bytes: int


def _add(files: Path, store: Path, config: Config) -> _Added:
    """Raises RagError when the documents cannot be added."""
    command = [sys.executable, "-P", "-m", "eval.bench.ingest", str(files), str(store)]
    started = time.perf_counter()
    report = json.loads(run("rag add", command, {**os.environ, "RAG_CACHE": str(config.cache)}))
    seconds = time.perf_counter() - started
    size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    return _Added(seconds, **report, store_bytes=size)


def _figures(added: _Added, n_bytes: int) -> dict[str, Figure]:
    cores = Config.from_environment().threads
    stages = {f"cpu_{name}_s": round(seconds, 2) for name, seconds in added.stages_s.items()}
    return {
        "passages": added.passages,
        "seconds": round(added.seconds, 2),
        "passages_per_s": round(added.passages / added.seconds, 1),
        "mb_per_s": round(n_bytes / 1e6 / added.seconds, 3),
        "memory_mb": added.memory_mb,
        "store_kb_per_passage": round(added.store_bytes / 1e3 / max(added.passages, 1), 1),
        "cpu_s": round(added.cpu_s, 2),
        "cores_busy": round(added.cpu_s / added.seconds / cores, 3),
        **stages,
        "cpu_engine_start_views_s": round(added.cpu_s - sum(added.stages_s.values()), 2),
    }


def _report(files: Path, store: Path) -> dict[str, object]:
    """Add files to a new store; what the report of the command line leaves out too.

    It is called in a process of its own, so that the memory is that of the work.
    """
    with Service.open_or_create(store, Config.from_environment()) as service:
        report = service.intake.add_paths([files])
    cpu_s = sum(os.times()[:4])
    return {"cpu_s": cpu_s, "memory_mb": peak_mb(), "passages": report.passages, "stages_s": dict(report.cpu_s)}


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(_report(*map(Path, sys.argv[1:]))))
    except (RagError, StoreError) as error:
        sys.exit(str(error))
