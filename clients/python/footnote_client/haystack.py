"""A retriever of Haystack."""

from __future__ import annotations

from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.utils import Secret

from footnote_client.asynchronous import AsyncClient
from footnote_client.synchronous import Client
from footnote_client.types import Passage


@component
class FootnoteRetriever:
    """The best passages as documents; ``meta["citation"]`` is what ``verify`` checks.

    url, key: of the service.  filters: as the service takes them.
    """

    def __init__(
        self,
        url: str,
        key: Secret | None = None,
        collection: str = "default",
        top_k: int = 5,
        filters: dict[str, Any] | None = None,
    ) -> None:
        self.url, self.key, self.collection, self.top_k, self.filters = url, key, collection, top_k, filters

    def to_dict(self) -> dict[str, Any]:
        """What a saved pipeline holds."""
        key = self.key.to_dict() if self.key else None
        given = {"url": self.url, "key": key, "collection": self.collection}
        saved: dict[str, Any] = default_to_dict(self, **given, top_k=self.top_k, filters=self.filters)
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> FootnoteRetriever:
        """The component of a saved pipeline."""
        given = data["init_parameters"]
        if isinstance(given.get("key"), dict):
            given["key"] = Secret.from_dict(given["key"])
        made: FootnoteRetriever = default_from_dict(cls, data)
        return made

    @component.output_types(documents=list[Document])
    def run(self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None) -> dict[str, Any]:
        """The passages for a query."""
        with Client(self.url, self.key.resolve_value() if self.key else None) as client:
            found = client.search(query, **self._limits(filters, top_k))
        return {"documents": [_document(passage) for passage in found]}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, Any]:
        """The same, to await."""
        async with AsyncClient(self.url, self.key.resolve_value() if self.key else None) as client:
            found = await client.search(query, **self._limits(filters, top_k))
        return {"documents": [_document(passage) for passage in found]}

    def _limits(self, filters: dict[str, Any] | None, top_k: int | None) -> dict[str, Any]:
        return {"collection": self.collection, "filter": filters or self.filters, "top_k": top_k or self.top_k}


def _document(passage: Passage) -> Document:
    document, citation = passage["document"], passage["citation"]
    place = f"{citation['document_id']}:{citation['start_char_index']}-{citation['end_char_index']}"
    own = {"source": document["source"], "title": document["title"], "page": passage["page"], "citation": citation}
    return Document(id=place, content=passage["text"], meta={**document["metadata"], **own}, score=passage["score"])
