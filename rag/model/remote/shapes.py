"""How servers of each kind want to be asked for vectors and scores, and what they reply.

Read from their documentation: OpenAI's ``/embeddings``, which nearly all speak; Jina's, which also wants to know what a text is;
Cohere's ``/v2/embed`` and ``/v2/rerank``; and those of Text Embeddings Inference (TEI), ``/embed`` and ``/rerank``.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

Body = dict[str, Any]


class VectorShape(NamedTuple):
    """path: below the address.  body: of the model's name, the texts, and whether they are questions.

    vectors: those of a reply, in the order of the texts.  A reply of another shape raises KeyError, TypeError, ValueError or
    AttributeError.
    """

    path: str
    body: Callable[[str, Sequence[str], bool], Body]
    vectors: Callable[[Any], list[Any]]


class ScoreShape(NamedTuple):
    """body: of the model's name, the question and the passages.  scores: (number of a passage, its score), in any order."""

    path: str
    body: Callable[[str, str, Sequence[str]], Body]
    scores: Callable[[Any], Iterable[tuple[Any, Any]]]


def _openai(name: str, texts: Sequence[str], are_questions: bool) -> Body:
    return {"model": name, "input": list(texts), "encoding_format": "float"}


def _jina(name: str, texts: Sequence[str], are_questions: bool) -> Body:
    task = "retrieval.query" if are_questions else "retrieval.passage"
    return {"model": name, "input": list(texts), "task": task, "truncate": True}


def _cohere(name: str, texts: Sequence[str], are_questions: bool) -> Body:
    kind = "search_query" if are_questions else "search_document"
    return {"model": name, "texts": list(texts), "input_type": kind, "embedding_types": ["float"], "truncate": "END"}


def _tei(name: str, texts: Sequence[str], are_questions: bool) -> Body:
    return {"inputs": list(texts), "truncate": True}


def _numbered(reply: Any) -> list[Any]:
    return [entry["embedding"] for entry in sorted(reply["data"], key=lambda entry: int(entry["index"]))]


VECTORS = {
    "openai": VectorShape("embeddings", _openai, _numbered),
    "jina": VectorShape("embeddings", _jina, _numbered),
    "cohere": VectorShape("embed", _cohere, lambda reply: list(reply["embeddings"]["float"])),
    "tei": VectorShape("embed", _tei, list),
}
SCORES = {
    "rerank": ScoreShape(
        "rerank",
        lambda name, question, texts: {
            "model": name,
            "query": question,
            "documents": list(texts),
            "top_n": len(texts),
        },
        lambda reply: [(entry["index"], entry["relevance_score"]) for entry in reply["results"]],
    ),
    "tei": ScoreShape(
        "rerank",
        lambda name, question, texts: {"query": question, "texts": list(texts), "truncate": True},
        lambda reply: [(entry["index"], entry["score"]) for entry in reply],
    ),
}
