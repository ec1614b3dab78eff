"""The files that documents are made of, and the pages of those that have any."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from api.deps import Call, CallDep, blocking
from api.errors import ORIGINAL_NOT_FOUND, PAGE_NOT_FOUND, Refused
from api.routes.documents import DocumentId, Position
from api.schemas.openapi import problems
from api.schemas.requests import Text
from api.schemas.responses import PagesOut
from index.types import Document
from rag.shared.errors import BadInput
from rag.viewing.originals import name_of
from rag.viewing.pages import is_pdf, pages_of, wanted_page

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_BYTES, _PNG = "application/octet-stream", "image/png"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
# Whoever opens it in a browser all the same opens it without scripts, forms or an origin.
_POLICY = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# How many stretches of the cited text were marked on the page, and how far down the first begins, 0 to 1.
MARKS, MARKED_AT = "Footnote-Marks", "Footnote-Marked-At"

Sought = Annotated[Text | None, Query(min_length=1, max_length=200, description="Words to look for.")]


@router.get(
    "/{document_id}/original",
    response_class=Response,
    responses={200: {"description": "The file", "content": {_BYTES: _BINARY}}, **problems(404, 503)},
    summary="The file it is made of",
)
@blocking
def get_original(document_id: DocumentId, call: CallDep) -> Response:
    """The file as it was given, byte for byte, to be saved: one that was uploaded, or that still lies where it was added from."""
    document, content = _original(call, document_id)
    named = quote(name_of(document), safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{named}", "Content-Security-Policy": _POLICY}
    return Response(content, media_type=_BYTES, headers=headers)


@router.get("/{document_id}/pages", responses=problems(404, 422, 503), summary="Its pages")
@blocking
def list_pages(document_id: DocumentId, call: CallDep, start: Position = None, find: Sought = None) -> PagesOut:
    """How many pages it has, whether they can be shown, on which `start` stands, and on which words are found."""
    document = call.document(document_id)
    content = call.service.original(document)
    with call.service.store.read() as reader:
        pages = pages_of(reader, document, start, find)
    return {
        "document_id": document.id,
        "original": content is not None,
        "pictures": content is not None and is_pdf(content),
        "pages": pages.n_pages,
        "page": pages.page,
        "found": None if pages.found is None else [{"page": page, "count": n} for page, n in pages.found.items()],
    }


@router.get(
    "/{document_id}/pages/{number}.png",
    response_class=Response,
    responses={
        200: {
            "description": "The page",
            "content": {_PNG: _BINARY},
            "headers": {
                MARKS: {"schema": {"type": "integer"}, "description": "Stretches of the span that were marked."}
            },
        },
        **problems(404, 413, 422, 503),
    },
    summary="A page as a picture",
)
@blocking
def get_page(
    document_id: DocumentId,
    number: Annotated[int, Path(description="From 1.")],
    call: CallDep,
    width: Annotated[int, Query(ge=100, le=2400, description="In pixels.")] = 1000,
    start: Position = None,
    end: Position = None,
    find: Sought = None,
) -> Response:
    """A page of a PDF whose file is here, with the text from `start` to `end` and the words of `find` marked where they stand."""
    if (start is None) != (end is None):
        raise BadInput("start and end go together: they say what is marked")
    document, content = _original(call, document_id)
    if not is_pdf(content):
        raise Refused(PAGE_NOT_FOUND, "Only pages of PDF files are shown.")
    span = None if start is None or end is None else (start, end)
    with call.service.store.read() as reader:
        wanted = wanted_page(reader, document, number, width, span, find or "")
    drawn = call.service.intake.draw(content, wanted, call.run.check)
    if not drawn.png:
        raise Refused(PAGE_NOT_FOUND, f"It has the pages 1 to {drawn.n_pages}.")
    return Response(drawn.png, media_type=_PNG, headers={MARKS: str(drawn.quoted), MARKED_AT: f"{drawn.quoted_at:.4f}"})


def _original(call: Call, document_id: str) -> tuple[Document, bytes]:
    document = call.document(document_id)
    content = call.service.original(document)
    if content is None:
        raise Refused(ORIGINAL_NOT_FOUND, "Its file is not kept here, or was changed since it was added.")
    return document, content
