"""Citations of saved answers."""

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from api.deps import RunDep, ServiceDep, require_json
from api.openapi import problems
from api.schemas import VerifyIn, VerifyOut
from rag.serialization import check_json

router = APIRouter(tags=["verify"])


@router.post(
    "/v1/verify",
    response_model=VerifyOut,
    responses=problems(400, 413, 415, 422, 503),
    dependencies=[Depends(require_json)],
    summary="Check citations",
)
async def verify(body: VerifyIn, service: ServiceDep, run: RunDep) -> JSONResponse:
    """For each citation whether its quote still stands: `valid`, `changed`, `moved` (with the new position) or `gone`."""

    def check() -> JSONResponse:
        checks = service.check_citations([citation.citation() for citation in body.citations])
        return JSONResponse({"results": [check_json(check) for check in checks]})

    return await run(check)
