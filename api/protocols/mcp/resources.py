"""Documents as resources: `footnote://{collection}/{document_id}`, with `?start=&end=` for a part of the text."""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from mcp_types import (
    ListResourcesResult,
    ListResourceTemplatesResult,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from api.protocols.links import Links
from api.protocols.mcp.arguments import MAX_LISTED
from api.protocols.mcp.caller import Caller
from api.protocols.mcp.tools import documents_page
from index.errors import DocumentNotFound
from index.types import Span
from rag.shared.errors import BadInput

_SCHEME = "footnote"
_TEXT = "text/plain"
_POSITION = re.compile(r"[0-9]{1,15}")

TEMPLATES = ListResourceTemplatesResult(
    resource_templates=[
        ResourceTemplate(
            uri_template="footnote://{collection}/{document_id}{?start,end}",
            name="document",
            title="A document's stored text",
            description="The text of a document, or of a part of it: from `start` up to `end`, in characters.",
            mime_type=_TEXT,
        )
    ]
)


def resource_uri(collection: str, document_id: str) -> str:
    """The address of a document as a resource."""
    return Links("", collection).to(document_id)


async def list_resources(caller: Caller, cursor: str | None) -> ListResourcesResult:
    """A page of the documents that the caller may see."""

    def read() -> ListResourcesResult:
        documents, following = documents_page(caller, None, cursor, MAX_LISTED)
        listed = [
            Resource(
                uri=resource_uri(document.collection, document.id),
                name=document.source or document.title or document.id,
                title=document.title or None,
                mime_type=_TEXT,
            )
            for document in documents
        ]
        return ListResourcesResult(resources=listed, next_cursor=following)

    return await caller.read(read)


async def read_resource(caller: Caller, uri: str) -> ReadResourceResult:
    """A document's text.  Raises BadInput and DocumentNotFound, whose messages name what to do."""
    parts = urlsplit(uri)
    if parts.scheme != _SCHEME:
        raise BadInput(f"resources here are called {TEMPLATES.resource_templates[0].uri_template}")
    collection, document_id = unquote(parts.netloc), unquote(parts.path.removeprefix("/"))
    places = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not places.keys() <= {"start", "end"} or not all(_POSITION.fullmatch(value) for value in places.values()):
        raise BadInput("start and end are positions in the text, in characters from 0")

    def read() -> ReadResourceResult:
        document = caller.access.document(caller.service, document_id)
        if document.collection != collection:
            raise DocumentNotFound(f"no document of {collection!r} has the id {document_id}")
        span = Span(int(places.get("start", 0)), int(places.get("end", document.n_characters)))
        text = caller.service.text(document.id, span)
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=_TEXT, text=text)])

    return await caller.read(read)
