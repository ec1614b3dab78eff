"""Settings of one process, read once where it starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from rag.errors import BadInput

PRECISIONS = ("auto", "f32", "bf16")


def _default_cache() -> Path:
    return platformdirs.user_cache_path("footnote")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Config:
    """How this process works. ``model`` and the passage settings apply when a store is created; a store keeps its own.

    model: folder or name of a sentence-transformers model, None for the default.
    passage_characters: size of a passage.  overlap_sentences: sentences that a passage repeats of the one before.
    precision: "auto" (bf16 where the CPU has it), "f32" or "bf16".  threads: cores for encoding.
    cache: where converted models and indexed evaluation corpora are kept.  max_file_bytes: larger files are refused.
    reranker: folder or name of a cross-encoder that orders the best passages anew, None for none.
    """

    model: str | None = None
    passage_characters: int = 700
    overlap_sentences: int = 1
    precision: str = "auto"
    threads: int = field(default_factory=_cores)
    cache: Path = field(default_factory=_default_cache)
    reranker: str | None = None
    max_file_bytes: int = 256 * 1024 * 1024

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Config":
        """Settings from ``RAG_MODEL``, ``RAG_PRECISION``, ``RAG_THREADS``, ``RAG_CACHE`` and ``RAG_RERANKER``.

        Raises BadInput for a value out of range.
        """
        given = os.environ if environment is None else environment
        precision = given.get("RAG_PRECISION", "auto")
        if precision not in PRECISIONS:
            raise BadInput(f"RAG_PRECISION={precision!r}: use one of {', '.join(PRECISIONS)}")
        threads = given.get("RAG_THREADS", str(_cores()))
        if not threads.isdecimal() or not 1 <= int(threads) <= 1024:
            raise BadInput(f"RAG_THREADS={threads!r}: use a number of cores from 1")
        cache = given.get("RAG_CACHE")
        return cls(
            model=given.get("RAG_MODEL") or None,
            precision=precision,
            threads=int(threads),
            cache=Path(cache) if cache else _default_cache(),
            reranker=given.get("RAG_RERANKER") or None,
        )
