"""A request to OpenAI's interface with what it may use: its files and collections are those that its key opens."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Request

from api import deps
from api.errors import no_collection
from api.protocols.openai.staging import StagedFile
from index.errors import DocumentNotFound
from index.types import Document

Json = dict[str, Any]

Order = Literal["asc", "desc"]  # of lists: the oldest first, or the newest

_MAX_ID = 200


class Call(deps.Call):
    """owner: the key that the request came with, as its name."""

    @property
    def owner(self) -> str:
        return str(getattr(self.request.state, "key", ""))

    def waiting(self, file_id: str) -> StagedFile | None:
        """A file that was sent with this key and waits."""
        return self.state.staging.get(file_id, self.owner)

    def require(self, collection: str) -> tuple[int, int]:
        """Documents and passages of a collection.  Raises Refused for one that is closed or not there."""
        self.access.require(collection)
        counts = self.service.counts(collection)
        if not counts[0] and self.access.collections is None:
            raise no_collection(collection)
        return counts

    def document(self, file_id: str) -> Document:
        """Raises DocumentNotFound."""
        if len(file_id) > _MAX_ID or not file_id.isprintable():
            raise DocumentNotFound("ids are short and printable")
        return super().document(file_id)

    def document_in(self, collection: str, file_id: str) -> Document:
        """The document that a file is in a collection: a file that was sent has one in each, and a document is its own.

        Raises Refused; DocumentNotFound also for a document of another collection.
        """
        self.access.require(collection)
        waiting = self.waiting(file_id)
        document = self.document(file_id if waiting is None else waiting.documents.get(collection, ""))
        if document.collection != collection:
            raise DocumentNotFound(f"no file of this vector store has the id {file_id}")
        return document

    def documents(
        self, collection: str | frozenset[str] | None, after: str | None, limit: int, order: Order
    ) -> tuple[list[Document], bool]:
        """A page of the documents, by when they were added, and whether there are more.  Raises DocumentNotFound."""
        cursor = after and self.document(after).id
        newest_first = order == "desc"
        documents = self.service.documents(
            collection=collection, after=cursor, limit=limit + 1, newest_first=newest_first
        )
        return documents[:limit], len(documents) > limit

    def delete(self, document: Document) -> None:
        """Delete a document, and count that."""
        self.service.store.delete(document.id)
        self.metrics.documents.labels("deleted").inc()


async def get_call(request: Request) -> Call:
    """As a dependency."""
    return Call(request)


CallDep = Annotated[Call, Depends(get_call)]
