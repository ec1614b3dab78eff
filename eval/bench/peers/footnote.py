"""Footnote as a program uses it, in a process of its own like the others; takes and prints what ``worker`` does."""

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def _timed(work: Callable[[str], Any], questions: Iterable[str]) -> tuple[list[Any], list[float]]:
    """What each question gives, and in how many milliseconds."""
    results, milliseconds = [], []
    for question in questions:
        started = time.perf_counter()
        results.append(work(question))
        milliseconds.append((time.perf_counter() - started) * 1000)
    return results, milliseconds


def main() -> None:
    job = json.load(sys.stdin)
    started = time.perf_counter()  # imports count
    from eval.bench.commands import peak_mb
    from rag.model.embedding import word_spans
    from rag.service import Service
    from rag.shared.config import Config
    from rag.shared.types import Incoming, Query

    with Service.open_or_create(Path(job["folder"]) / "store", Config.from_environment()) as service:
        if not job["restart"]:
            texts = (Incoming(text["id"], text["title"], text["text"], text["id"]) for text in job["documents"])
            service.intake.add_documents(texts)
        service.warm()
        seconds = time.perf_counter() - started
        answers, ms = _timed(lambda question: service.ask(Query(question, job["k"])), job["questions"])
        _, model_ms = _timed(
            lambda question: service.embedder.embed_question(question, word_spans(question)).result(), job["questions"]
        )
        passages = [[[passage.document.source, passage.text] for passage in answer.passages] for answer in answers]
        told = {"seconds": seconds, "ms": ms, "model_ms": model_ms, "found": passages, "memory_mb": peak_mb()}
        sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
