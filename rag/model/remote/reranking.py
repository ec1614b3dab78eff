"""A reranker behind a server that speaks ``/rerank`` as Cohere, Jina, vLLM and llama.cpp do, or as TEI does."""

import hashlib
from collections.abc import Sequence

import numpy as np

from index.types import Floats
from rag.model.remote.server import Patience, server_of
from rag.model.remote.shapes import SCORES
from rag.shared.config import Config
from rag.shared.errors import ModelUnavailable

_PATIENCE = Patience(tries=2, pause_s=2.0)


def is_remote_reranker(name: str) -> bool:
    """Whether a reranker's name says that it is behind a server."""
    return name.partition(":")[0] in SCORES


class RemoteReranker:
    """The same as ``rag.model.cross_encoders.Reranker``. Nothing is asked before there are passages to order."""

    def __init__(self, name: str, config: Config) -> None:
        """name: ``rerank:NAME@URL`` or ``tei:NAME@URL``.  Raises BadInput."""
        key, seconds = config.reranker_key, config.model_seconds
        self._server = server_of("RAG_RERANKER", name, SCORES, key, "RAG_RERANKER_KEY", seconds)
        self.fingerprint = hashlib.sha256(f"{self._server.kind}:{self._server.name}".encode()).hexdigest()

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        """How well each passage answers, float32 (n,), on the model's own scale: higher is better.  Raises ModelUnavailable."""
        if not passages:
            return np.empty(0, dtype=np.float32)
        shape = SCORES[self._server.kind]
        reply = self._server.post(shape.path, shape.body(self._server.name, question, passages), _PATIENCE)
        scores = np.full(len(passages), np.nan, dtype=np.float32)
        try:
            for number, score in shape.scores(reply):
                scores[range(len(passages))[int(number)]] = float(score)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ModelUnavailable(f"{self._server.setting}: the server does not speak as rerankers do") from error
        if not np.isfinite(scores).all():
            raise ModelUnavailable(f"{self._server.setting}: the server did not score all of {len(passages)} passages")
        return scores
