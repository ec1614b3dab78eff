"""A request to OpenAI's interface with what it may use: its files and collections are those that its key opens."""

from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from api.deps import Access, Run, access_of, metrics_of, service_of
from api.protocols.openai.collections import collections_of, require_collection
from api.protocols.openai.staging import StagedFile, Staging
from index.errors import DocumentNotFound
from index.types import Document
from rag.service import Service

Json = dict[str, Any]

_MAX_ID = 200


@dataclass(frozen=True, slots=True)
class Call:
    """owner: the key that the request came with, as its name."""

    request: Request
    service: Service
    access: Access
    run: Run
    owner: str

    @property
    def staging(self) -> Staging:
        """The files of all keys that wait."""
        return cast(Staging, self.request.app.state.staging)

    def waiting(self, file_id: str) -> StagedFile | None:
        """A file that was sent with this key and waits."""
        return self.staging.get(file_id, self.owner)

    def collections(self) -> dict[str, tuple[int, int]]:
        """Documents and passages of each collection."""
        return collections_of(self.service, self.access)

    def require(self, collection: str) -> tuple[int, int]:
        """As ``require_collection``."""
        return require_collection(self.service, self.access, collection)

    def document(self, file_id: str) -> Document:
        """Raises DocumentNotFound."""
        if len(file_id) > _MAX_ID or not file_id.isprintable():
            raise DocumentNotFound("ids are short and printable")
        return self.access.document(self.service, file_id)

    def document_in(self, collection: str, file_id: str) -> Document:
        """The document that a file is in a collection: a file that was sent has one in each, and a document is its own.

        Raises CollectionClosed; DocumentNotFound also for a document of another collection.
        """
        self.access.require(collection)
        waiting = self.waiting(file_id)
        document = self.document(file_id if waiting is None else waiting.documents.get(collection, ""))
        if document.collection != collection:
            raise DocumentNotFound(f"no file of this vector store has the id {file_id}")
        return document

    def documents(
        self, collection: str | frozenset[str] | None, after: str | None, limit: int
    ) -> tuple[list[Document], bool]:
        """A page of the documents, in the order they were added, and whether there are more.  Raises DocumentNotFound."""
        cursor = after and self.document(after).id
        documents = self.service.documents(collection=collection, after=cursor, limit=limit + 1)
        return documents[:limit], len(documents) > limit

    def delete(self, document: Document) -> None:
        """Delete a document, and count that."""
        self.service.store.delete(document.id)
        metrics_of(self.request).documents.labels("deleted").inc()


async def get_call(request: Request) -> Call:
    """As a dependency."""
    owner = str(getattr(request.state, "key", ""))
    return Call(request, service_of(request), access_of(request), Run(request), owner)


CallDep = Annotated[Call, Depends(get_call)]
