"""A reranker behind a server."""

import pytest

from rag.model.cross_encoders import load_reranker
from rag.model.remote.reranking import RemoteReranker
from rag.shared.config import Config
from rag.shared.errors import BadInput, ModelUnavailable
from tests.embedding_stub import EmbeddingStub

pytestmark = pytest.mark.medium

PASSAGES = ["Nothing of it.", "The bridge was opened.", "A bridge."]


def test_passages_are_scored_in_the_order_given(stub: EmbeddingStub) -> None:
    reranker = load_reranker(f"rerank:small@{stub.url}", Config(reranker_key="sesame"))
    assert isinstance(reranker, RemoteReranker)
    assert reranker.scores("the bridge was opened", PASSAGES).tolist() == [0, 4, 1]
    assert reranker.scores("the bridge was opened", []).tolist() == []
    [body] = stub.requests
    assert body == {"model": "small", "query": "the bridge was opened", "documents": PASSAGES, "top_n": 3}
    assert stub.keys == ["Bearer sesame"]


def test_tei_is_asked_in_its_own_form(stub: EmbeddingStub) -> None:
    reranker = load_reranker(f"tei:small@{stub.url}", Config())
    assert reranker.scores("the bridge was opened", PASSAGES).tolist() == [0, 4, 1]
    assert stub.requests == [{"query": "the bridge was opened", "texts": PASSAGES, "truncate": True}]


@pytest.mark.parametrize(
    "content",
    [
        b"no JSON",
        {"data": []},
        {"results": [{"index": 0, "relevance_score": 1}]},
        {"results": [{"index": 7, "relevance_score": 1}]},
        {"results": [{"index": number, "relevance_score": None} for number in range(3)]},
        [{"index": 0, "score": 1}],
    ],
    ids=str,
)
def test_what_scores_not_all_passages_is_refused(stub: EmbeddingStub, content: object) -> None:
    stub.will_reply(content)
    with pytest.raises(ModelUnavailable, match="RAG_RERANKER=rerank:small@"):
        RemoteReranker(f"rerank:small@{stub.url}", Config()).scores("bridge", PASSAGES)


def test_a_server_that_stays_busy_is_told(stub: EmbeddingStub) -> None:
    for _ in range(2):
        stub.will_reply(status=503)
    with pytest.raises(ModelUnavailable, match="rerank replied 503"):
        RemoteReranker(f"rerank:small@{stub.url}", Config()).scores("bridge", PASSAGES)


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(BadInput, match="write it as rerank:NAME@"):
        load_reranker("rerank:small", Config())
