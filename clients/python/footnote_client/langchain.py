"""A retriever of LangChain."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from footnote_client.asynchronous import AsyncClient
from footnote_client.synchronous import Client
from footnote_client.types import Passage


class FootnoteRetriever(BaseRetriever):
    """The best passages as documents; ``metadata["citation"]`` is what ``verify`` checks.

    url, key: of the service.  filter: as the service takes it.
    """

    url: str
    key: str | None = None
    collection: str = "default"
    top_k: int = 5
    filter: dict[str, Any] | None = None

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        with Client(self.url, self.key) as client:
            found = client.search(query, top_k=self.top_k, collection=self.collection, filter=self.filter)
        return [_document(passage) for passage in found]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        async with AsyncClient(self.url, self.key) as client:
            found = await client.search(query, top_k=self.top_k, collection=self.collection, filter=self.filter)
        return [_document(passage) for passage in found]


def _document(passage: Passage) -> Document:
    document, citation = passage["document"], passage["citation"]
    place = f"{citation['document_id']}:{citation['start_char_index']}-{citation['end_char_index']}"
    own = {"source": document["source"], "title": document["title"], "score": passage["score"], "page": passage["page"]}
    metadata = {**document["metadata"], **own, "section": passage["section"], "citation": citation}
    return Document(id=place, page_content=passage["text"], metadata=metadata)
