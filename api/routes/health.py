"""Health checks, open without a key: they tell no more than yes or no. Some probes ask with HEAD."""

from fastapi import APIRouter, Request

from api.deps import RunDep, ServiceDep, answerers_of
from api.errors import Stopping
from api.schemas.openapi import problems
from api.schemas.responses import ReadyOut, StatusOut
from rag.shared.errors import Overloaded

router = APIRouter(tags=["health"])


@router.head("/livez", include_in_schema=False)
@router.get("/livez", responses=problems(), summary="Is the process alive?")
async def livez() -> StatusOut:
    """Answers from the event loop, so that busy workers do not make the process look dead."""
    return StatusOut(status="alive")


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz", responses=problems(503), summary="Can it answer questions?", response_model_exclude_defaults=True
)
async def readyz(request: Request, service: ServiceDep, run: RunDep) -> ReadyOut:
    """Reads the store in a worker: 503 when the store cannot be read or was moved, and once the service is told to stop."""
    if request.app.state.stopping:
        raise Stopping
    answerers = answerers_of(request)
    if answerers is not None and not answerers.running:
        raise Overloaded("All processes that answer questions have ended; they are being started again.")
    await run(service.require_ready)
    return ReadyOut(status="ready", rebuilding=service.rebuilding)
