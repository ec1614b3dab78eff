"""A retriever of LlamaIndex."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from footnote_client.asynchronous import AsyncClient
from footnote_client.synchronous import Client
from footnote_client.types import Filter, Passage


class FootnoteRetriever(BaseRetriever):
    """The best passages as nodes with their exact places; ``metadata["citation"]`` is what ``verify`` checks.

    url, key: of the service.  filter: as the service takes it.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        collection: str = "default",
        top_k: int = 5,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,
    ) -> None:
        self._url, self._key = url, key
        self._limits: dict[str, Any] = {"collection": collection, "top_k": top_k, "filter": filter}
        super().__init__(**kwargs)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        with Client(self._url, self._key) as client:
            return [_node(passage) for passage in client.search(query_bundle.query_str, **self._limits)]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        async with AsyncClient(self._url, self._key) as client:
            return [_node(passage) for passage in await client.search(query_bundle.query_str, **self._limits)]


def _node(passage: Passage) -> NodeWithScore:
    document, citation = passage["document"], passage["citation"]
    start, end = citation["start_char_index"], citation["end_char_index"]
    own = {"source": document["source"], "title": document["title"], "page": passage["page"], "citation": citation}
    node = TextNode(
        id_=f"{citation['document_id']}:{start}-{end}",
        text=passage["text"],
        metadata={**document["metadata"], **own},
        # What is embedded, and what a model reads, is the passage: the citation is for programs.
        excluded_embed_metadata_keys=["citation"],
        excluded_llm_metadata_keys=["citation"],
        start_char_idx=start,
        end_char_idx=end,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=citation["document_id"])},
    )
    return NodeWithScore(node=node, score=passage["score"])
