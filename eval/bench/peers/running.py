"""Footnote beside other systems: same model folder, documents and questions, each as its documentation shows, in one run.

Timed: from a started interpreter to a searchable, saved index, imports and loading of the model included; questions one after
another, and for Footnote the model's pass over a question alone, than which no answer is faster; a restart from what was saved,
until a question can be asked. Each system in a process of its own, one after another.
RR@10: a passage is a hit when it stands in the right document and contains a whole gold answer.
Left out: HTTP (nobody has it here), and quality that a tuning of the others might reach.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.bench.commands import reason_of, run
from eval.bench.results import Figure, Row, percentiles
from eval.sets.gold import Question, read_corpus, read_folder, sample
from rag.model.cache import find_model
from rag.shared.config import Config
from rag.shared.errors import RagError

PEERS = ("langchain", "llamaindex", "haystack", "txtai", "chroma")
_HERE = Path(__file__).parent
_TORCH = "torch==2.13.0"
_K = 10
_LONGEST_S = 1800


def rows(gold: Path, peers: Sequence[str], limit: int, config: Config, notify: Callable[[str], None]) -> Iterator[Row]:
    """A row for Footnote and one per peer; a peer that cannot be installed or fails has its reason in place of figures."""
    documents = [
        {"id": entry.id, "title": entry.title, "text": entry.text} for entry in read_corpus(gold / "corpus.jsonl")
    ]
    questions = sample(
        tuple(entry for entry in read_folder(gold).questions if entry.answerable and entry.answers), limit, 0
    )
    python = _environment(config.cache / "peers", notify) if peers else None
    commands = {"footnote": [sys.executable, "-P", "-m", "eval.bench.peers.footnote"]}
    commands |= {peer: [str(python), str(_HERE / "worker.py")] for peer in peers}
    for name, command in commands.items():
        try:
            yield Row("peers", name, _measured(name, command, documents, questions, gold.name, config))
        except RagError as error:
            yield Row("peers", name, {"failed": str(error)})


def _measured(
    name: str,
    command: list[str],
    documents: list[dict[str, str]],
    questions: Sequence[Question],
    corpus: str,
    config: Config,
) -> dict[str, Figure]:
    job: dict[str, Any] = {
        "peer": name,
        "model": str(find_model(config.model)),
        "documents": documents,
        "questions": [question.text for question in questions],
        "k": _K,
        "restart": False,
    }
    with tempfile.TemporaryDirectory() as folder:
        job["folder"] = folder
        first = _run(command, job)
        again = _run(command, {**job, "restart": True, "documents": [], "questions": job["questions"][:20]})
    ranks = [_rank(question, passages) for question, passages in zip(questions, first["found"], strict=True)]
    return {
        "corpus": corpus,
        "documents": len(documents),
        "questions": len(questions),
        "ingest_s": round(first["seconds"], 2),
        **percentiles(first["ms"]),
        **({"model_p50_ms": percentiles(first["model_ms"])["p50_ms"]} if "model_ms" in first else {}),
        "RR@10": round(statistics.fmean(1 / rank if rank else 0.0 for rank in ranks), 3),
        "memory_mb": round(first["memory_mb"]),
        "restart_s": round(again["seconds"], 2),
    }


def _rank(question: Question, passages: Sequence[tuple[str, str]]) -> int | None:
    """1-based rank of the first passage that stands in a right document and holds an answer."""
    right = {place.document for place in question.places}
    for rank, (document, text) in enumerate(passages, start=1):
        if document in right and any(answer in text for answer in question.answers):
            return rank
    return None


def _run(command: list[str], job: dict[str, Any]) -> Any:
    try:
        done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, timeout=_LONGEST_S)
    except subprocess.TimeoutExpired as error:
        raise RagError(f"took longer than {_LONGEST_S} s") from error
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise RagError(f"ended with {done.returncode}: {reason_of(done.stderr)[:200]}") from error


def _environment(folder: Path, notify: Callable[[str], None]) -> Path:
    """The Python of the peers' environment, made now unless it is there with these requirements."""
    wanted = (_HERE / "requirements.txt").read_text(encoding="utf-8")
    made = folder / "made-from.txt"
    python = folder / "bin" / "python"
    if python.exists() and made.exists() and made.read_text(encoding="utf-8") == wanted:
        return python
    notify(f"installing the peers into {folder}, once (some minutes, 3 GB)")
    shutil.rmtree(folder, ignore_errors=True)
    steps = [
        [sys.executable, "-m", "venv", str(folder)],
        # torch first and pinned, from its CPU build where the index has one: set RAG_PEERS_TORCH to say otherwise.
        [str(python), "-m", "pip", "install", "-q", *os.environ.get("RAG_PEERS_TORCH", _TORCH).split()],
        [str(python), "-m", "pip", "install", "-q", "-r", str(_HERE / "requirements.txt")],
    ]
    for step in steps:
        run("installing the peers", step)
    made.write_text(wanted, encoding="utf-8")
    return python
