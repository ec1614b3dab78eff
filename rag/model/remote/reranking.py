"""A reranker behind a server that speaks ``/rerank`` as Cohere, Jina, vLLM and llama.cpp do."""

import hashlib
from collections.abc import Sequence

import numpy as np

from index.types import Floats
from rag.model.remote.server import Patience, server_of
from rag.shared.config import Config
from rag.shared.errors import ModelUnavailable

_PREFIX = "rerank:"
_PATIENCE = Patience(tries=2, pause_s=2.0)


def is_remote_reranker(name: str) -> bool:
    """Whether a reranker's name says that it is behind a server."""
    return name.startswith(_PREFIX)


class RemoteReranker:
    """The same as ``rag.model.cross_encoders.Reranker``. Nothing is asked before there are passages to order."""

    def __init__(self, name: str, config: Config) -> None:
        """name: ``rerank:NAME@URL``.  Raises BadInput."""
        key, seconds = config.reranker_key, config.model_seconds
        self._server = server_of("RAG_RERANKER", name, key, "RAG_RERANKER_KEY", seconds)
        self.fingerprint = hashlib.sha256(f"{_PREFIX}{self._server.name}".encode()).hexdigest()

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        """How well each passage answers, float32 (n,), on the model's own scale: higher is better.  Raises ModelUnavailable."""
        if not passages:
            return np.empty(0, dtype=np.float32)
        texts = list(passages)
        body = {"model": self._server.name, "query": question, "documents": texts, "top_n": len(texts)}
        reply = self._server.post("rerank", body, _PATIENCE)
        scores = np.full(len(texts), np.nan, dtype=np.float32)
        try:
            for entry in reply["results"]:
                scores[range(len(texts))[int(entry["index"])]] = float(entry["relevance_score"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ModelUnavailable(f"{self._server.setting}: the server does not speak as rerankers do") from error
        if not np.isfinite(scores).all():
            raise ModelUnavailable(f"{self._server.setting}: the server did not score all of {len(texts)} passages")
        return scores
