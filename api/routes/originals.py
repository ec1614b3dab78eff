"""The files that documents are made of."""

from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from api.deps import AccessDep, RunDep, ServiceDep
from api.errors import OriginalNotFound
from api.routes.documents import DocumentId
from api.schemas.openapi import problems
from rag.viewing.originals import name_of

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_BYTES = "application/octet-stream"
# Whoever opens it in a browser all the same opens it without scripts, forms or an origin.
_POLICY = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@router.get(
    "/{document_id}/original",
    response_class=Response,
    responses={
        200: {"description": "The file", "content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}},
        **problems(404, 503),
    },
    summary="The file it is made of",
)
async def get_original(document_id: DocumentId, service: ServiceDep, access: AccessDep, run: RunDep) -> Response:
    """The file as it was given, byte for byte, to be saved: one that was uploaded, or that still lies where it was added from."""

    def read() -> Response:
        document = access.document(service, document_id)
        content = service.original(document)
        if content is None:
            raise OriginalNotFound("Its file is not kept here, or was changed since it was added.")
        named = quote(name_of(document), safe="")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{named}",
            "Content-Security-Policy": _POLICY,
        }
        return Response(content, media_type=_BYTES, headers=headers)

    return await run(read)
