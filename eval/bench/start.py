"""How long until a command has done its work, started cold?

Timed: whole processes from start to exit, each command several times after one that warms the file cache; the median counts, the
fastest is given too. The store holds the seeds, and the model has been converted before.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from eval.bench import corpus
from eval.bench.commands import rag_command, run
from eval.bench.results import Row

_ROUNDS = 7


def rows(rounds: int = _ROUNDS) -> Iterator[Row]:
    """One row per command; the interpreter alone is what no command can be faster than."""
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "store")
        environment = {**os.environ, "RAG_STORE": store}
        rag = rag_command()
        run("rag add", [*rag, "add", *map(str, corpus.seed_files())], environment)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "rag --help": [*rag, "--help"],
            "rag list": [*rag, "list"],
            "rag ask": [*rag, "ask", corpus.QUESTIONS[0]],
            "rag add, nothing new": [*rag, "add", *map(str, corpus.seed_files())],
        }
        for name, command in commands.items():
            run(name, command, environment)
            seconds = [_seconds(name, command, environment) for _ in range(rounds)]
            yield Row(
                "start",
                name,
                {
                    "median_s": round(statistics.median(seconds), 3),
                    "fastest_s": round(min(seconds), 3),
                    "repeats": rounds,
                },
            )


def _seconds(name: str, command: Sequence[str], environment: Mapping[str, str]) -> float:
    started = time.perf_counter()
    run(name, command, environment)
    return time.perf_counter() - started
