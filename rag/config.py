"""Settings of one process, read once where it starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from index.backend import Place as Place  # api has it from here, as the next
from index.backend import is_database
from index.local.system.cores import usable_cores as usable_cores
from rag.errors import BadInput
from rag.settings_file import given, given_path, read_settings_file, refuse_unknown

PRECISIONS = ("auto", "f32", "bf16", "int8")
# What the environment (RAG_STORE, ...) and the settings file may set here.
NAMES = ("store", "model", "precision", "threads", "cache", "parse_seconds", "parse_mib", "reranker")
_PARSE_SECONDS = 120
_PARSE_MIB = 2048


def usual_cache() -> Path:
    """Where the cache is unless a setting says another place."""
    return platformdirs.user_cache_path("footnote")


@dataclass(frozen=True, slots=True)
class Config:
    """How this process works. ``model`` and the passage settings apply when a store is created; a store keeps its own.

    model: folder or name of a sentence-transformers model, None for the default.
    passage_characters: size of a passage.  overlap_sentences: sentences that a passage repeats of the one before.
    precision: "auto" (the fastest on this machine), "f32", "bf16" or "int8".  threads: cores for encoding.
    cache: where converted models and indexed evaluation corpora are kept.  max_file_bytes: larger files are refused.
    reranker: folder or name of a cross-encoder that orders the best passages anew, None for none.
    parse_seconds, parse_mib: processor time and memory that reading one file may take.
    """

    model: str | None = None
    passage_characters: int = 700
    overlap_sentences: int = 1
    precision: str = "auto"
    threads: int = field(default_factory=usable_cores)
    cache: Path = field(default_factory=usual_cache)
    reranker: str | None = None
    max_file_bytes: int = 256 * 1024 * 1024
    parse_seconds: int = _PARSE_SECONDS
    parse_mib: int = _PARSE_MIB

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Config":
        """Settings from ``RAG_MODEL`` and its like (``NAMES``), else from the settings file.

        Raises BadInput for a value out of range, and for a settings file that cannot be used.
        """
        environment = os.environ if environment is None else environment
        file = read_settings_file(environment)
        refuse_unknown(file, file.values, NAMES)
        model = given("model", environment, file)
        reranker = given("reranker", environment, file)
        precision = given("precision", environment, file)
        if precision is not None and precision.value not in PRECISIONS:
            raise BadInput(f"{precision.place}: use one of {', '.join(PRECISIONS)}")

        def whole(name: str, usual: int, lowest: int, highest: int = 10**6) -> int:
            found = given(name, environment, file)
            if found is not None and not (found.value.isdecimal() and lowest <= int(found.value) <= highest):
                raise BadInput(f"{found.place}: use a whole number from {lowest} to {highest}")
            return int(found.value) if found else usual

        return cls(
            model=model.value if model else None,
            precision=precision.value if precision else "auto",
            threads=whole("threads", usable_cores(), 1, 1024),
            cache=given_path("cache", environment, file) or usual_cache(),
            parse_seconds=whole("parse_seconds", _PARSE_SECONDS, 1),
            parse_mib=whole("parse_mib", _PARSE_MIB, 256),
            reranker=reranker.value or None if reranker else None,
        )


def store_from(environment: Mapping[str, str]) -> Place:
    """Where the store is: ``RAG_STORE``, else the settings file's ``store``, else ``.rag`` in the current folder."""
    file = read_settings_file(environment)
    place = given("store", environment, file)
    if place is not None and is_database(place.value):
        return place.value
    return given_path("store", environment, file) or Path(".rag")
