"""Citations of saved answers."""

from fastapi import APIRouter, Depends

from api.deps import Call, CallDep, blocking, require_json
from api.schemas.openapi import problems
from api.schemas.requests import VerifyIn
from api.schemas.responses import VerifyOut
from index.errors import DocumentNotFound
from rag.shared.serialization import check_json

router = APIRouter(tags=["verify"])


@router.post(
    "/v1/verify",
    responses=problems(400, 413, 415, 422, 503),
    dependencies=[Depends(require_json)],
    summary="Check citations",
)
@blocking
def verify(body: VerifyIn, call: CallDep) -> VerifyOut:
    """For each citation whether its quote still stands: `valid`, `changed`, `moved` (with the new position) or `gone`."""
    cited = [citation.citation() for citation in body.citations]
    closed = _closed(call, {citation.document_id for citation in cited})
    checks = call.service.check_citations(cited)
    return {
        "results": [
            {"status": "gone", "document_id": check.document_id} if check.document_id in closed else check_json(check)
            for check in checks
        ]
    }


def _closed(call: Call, document_ids: set[str]) -> set[str]:
    """Those that the key does not open: they are as gone as any other that is not there."""
    closed = set()
    for document_id in document_ids if call.access.collections is not None else ():
        try:
            call.document(document_id)
        except DocumentNotFound:
            closed.add(document_id)
    return closed
