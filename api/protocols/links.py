"""Addresses of the page at a document or a passage of it, for whoever shows a citation elsewhere."""

from typing import NamedTuple
from urllib.parse import quote

from fastapi import Request

from api.deps import state_of


class Links(NamedTuple):
    """Makes addresses below ``base``, which ends without a slash; without one they are those of MCP resources.

    collection: in which documents are, where ``to`` is not told.
    """

    base: str
    collection: str = "default"

    @classmethod
    def of(cls, request: Request) -> "Links":
        """Below RAG_PUBLIC_URL, else the address that the client has sent this request to."""
        return cls(state_of(request).settings.public_url or str(request.base_url).rstrip("/"))

    def to(self, document_id: str, start: int | None = None, end: int | None = None) -> str:
        """The address of a document, opened at a span where one is given."""
        if not self.base:
            place = "" if start is None else f"?start={start}&end={end}"
            return f"footnote://{quote(self.collection, safe='')}/{quote(document_id, safe='')}{place}"
        place = "" if start is None else f"&span={start}:{end}"
        return f"{self.base}/#doc={quote(document_id, safe='')}{place}"

    def within(self, collection: str) -> "Links":
        """The same for documents of another collection."""
        return self._replace(collection=collection)
