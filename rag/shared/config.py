"""Settings of one process, read once where it starts."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from index.backend import Place as Place  # api has it from here, as the next
from index.backend import is_database as is_database
from index.backend import keeps_originals as keeps_originals
from index.backend import without_password as without_password
from index.local.system.cores import usable_cores as usable_cores
from rag.shared.setting_sources import Sources, one_of, path, setting, settings_of, text, whole

MEASURED_PRECISIONS = ("f32", "bf16", "int8", "int8-bf16")
PRECISIONS = ("auto", *MEASURED_PRECISIONS)

_log = logging.getLogger(__name__)


def usual_cache() -> Path:
    """Where the cache is unless a setting says another place."""
    return platformdirs.user_cache_path("footnote")


@dataclass(frozen=True, slots=True)
class Config:
    """How this process works. ``model`` and the passage settings apply when a store is created; a store keeps its own.

    model: folder or name of a sentence-transformers model, None for the default.
    passage_characters: size of a passage.  overlap_sentences: sentences that a passage repeats of the one before.
    device: "auto" (the processor), "cpu", "gpu", "npu", "cuda", "mps" or a name that OpenVINO has for one.
    precision: "auto" (the fastest on this machine) or another of PRECISIONS.  threads: cores for encoding.
    cache: where converted models and indexed evaluation corpora are kept.  max_file_bytes: larger files are refused.
    reranker: folder or name of a cross-encoder that orders the best passages anew, None for none.
    model may be ``openai:NAME@URL``, reranker ``rerank:NAME@URL``: of a server with this key; model_seconds: that a reply may take.
    query_prompt, passage_prompt: put before what such a model is sent; None for what the store has, or nothing.
    parse_seconds, parse_mib: processor time and memory that reading one file may take.
    llm_url: of an OpenAI-compatible server, with /v1, that writes answers; None for none.  llm_model: None for its first.
    llm_seconds: that one reply of it may take.  verifier: folder of a cross-encoder of entailment that checks what it writes.
    """

    model: str | None = setting(text, default=None)
    passage_characters: int = 700
    overlap_sentences: int = 1
    device: str = setting(text, default="auto")
    precision: str = setting(one_of(*PRECISIONS), default="auto")
    threads: int = setting(whole(1, 1024), default_factory=usable_cores)
    cache: Path = setting(path, default_factory=usual_cache)
    reranker: str | None = setting(text, default=None)
    model_key: str | None = setting(text, default=None, repr=False)
    model_seconds: int = setting(whole(1, 3600), default=60)
    query_prompt: str | None = setting(text, default=None)
    passage_prompt: str | None = setting(text, default=None)
    reranker_key: str | None = setting(text, default=None, repr=False)
    max_file_bytes: int = 256 * 1024 * 1024
    parse_seconds: int = setting(whole(1), default=120)
    parse_mib: int = setting(whole(256), default=2048)
    llm_url: str | None = setting(text, default=None)
    llm_model: str | None = setting(text, default=None)
    llm_key: str | None = setting(text, default=None, repr=False)
    llm_seconds: int = setting(whole(1, 3600), default=60)
    verifier: str | None = setting(text, default=None)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Config":
        """Settings from ``RAG_MODEL`` and its like (``NAMES``), else from the settings file.

        Raises BadInput for a value out of range, and for a settings file that cannot be used.
        """
        sources = Sources.of(os.environ if environment is None else environment)
        if line := sources.unknown_variables(NAMES):
            _log.warning(line)
        return sources.read(cls, also=("store",))


# What the environment (RAG_STORE, ...) and the settings file may set here.
NAMES = ("store", *settings_of(Config))


def store_from(environment: Mapping[str, str]) -> Place:
    """Where the store is: ``RAG_STORE``, else the settings file's ``store``, else ``.rag`` in the current folder."""
    place = Sources.of(environment).given("store")
    if place is None:
        return Path(".rag")
    return place.value if is_database(place.value) else path(place)
