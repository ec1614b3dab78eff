"""A server that speaks as OpenAI's embeddings, Cohere's, TEI's and as rerankers do, and behaves as a test tells it to."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.stub_server import Handler, serving

Reply = tuple[int, dict[str, str], bytes]


def words_vector(text: str, dim: int = 64, seed: str = "") -> list[float]:
    """The sum of a vector for each word: texts that share words are near each other."""
    total = np.zeros(dim)
    for word in re.findall(r"\w+", text.lower()) or ["-"]:
        digest = hashlib.sha256(f"{seed}{word}".encode()).digest()
        total += np.random.default_rng(int.from_bytes(digest[:8], "big")).standard_normal(dim)
    vector: list[float] = total.tolist()
    return vector


@dataclass
class EmbeddingStub:
    """url: with /v1.  embed: a text's vector.  requests, keys: bodies that came, and their authorization.

    replies: sent instead, one after the other, for the next requests.  wait_s: before each reply.
    """

    embed: Callable[[str], list[float]] = words_vector
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    wait_s: float = 0.0

    @property
    def texts(self) -> list[str]:
        """All that was to be embedded."""
        return [text for body in self.requests for text in texts_of(body)]

    def will_reply(self, content: object = None, *, status: int = 200, **headers: str) -> None:
        """Reply so to the next request that has no reply yet."""
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.replies.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, sent))


def texts_of(body: dict[str, Any]) -> list[str]:
    """What a request asks to embed or to score."""
    return next((body[name] for name in ("input", "inputs", "texts", "documents") if name in body), [])


def vectors_reply(vectors: list[Any]) -> dict[str, Any]:
    """The body that has these vectors."""
    return {"data": [{"index": number, "embedding": vector} for number, vector in enumerate(vectors)]}


@contextmanager
def serve_embeddings(**behaviour: Any) -> Iterator[EmbeddingStub]:
    """The stub, listening on a free port until the end of the block."""
    stub = EmbeddingStub(**behaviour)

    class Embedding(Handler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.read()
            stub.requests.append(body)
            stub.keys.append(self.headers["authorization"])
            time.sleep(stub.wait_s)
            status, headers, content = stub.replies.pop(0) if stub.replies else (200, {}, self._usual(body))
            self.reply(content, status, **headers)

        def _usual(self, body: dict[str, Any]) -> bytes:
            return json.dumps(self._rerank(body) if self.path.endswith("/rerank") else self._embed(body)).encode()

        def _rerank(self, body: dict[str, Any]) -> Any:
            asked = set(re.findall(r"\w+", body["query"].lower()))
            shared = [len(asked & set(re.findall(r"\w+", text.lower()))) for text in texts_of(body)]
            name = "score" if "texts" in body else "relevance_score"
            results = [{"index": number, name: score} for number, score in enumerate(shared)]
            results.sort(key=lambda result: -result[name])
            return results if "texts" in body else {"results": results}

        def _embed(self, body: dict[str, Any]) -> Any:
            vectors = [stub.embed(text) for text in texts_of(body)]
            if self.path.endswith("/embed"):
                return vectors if "inputs" in body else {"embeddings": {"float": vectors}}
            reply = vectors_reply(vectors)
            reply["data"].reverse()  # the index says which is which, not the order
            return reply

    with serving(Embedding) as stub.url:
        yield stub
