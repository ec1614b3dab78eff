"""Health checks, open without a key: they tell no more than yes or no."""

from fastapi import APIRouter

from api.deps import ServiceDep
from api.openapi import problems
from api.schemas import StatusOut

router = APIRouter(tags=["health"])


@router.get("/livez", responses=problems(), summary="Is the process alive?")
async def livez() -> StatusOut:
    """Answers from the event loop, so that busy workers do not make the process look dead."""
    return StatusOut(status="alive")


@router.get("/readyz", responses=problems(503), summary="Can it answer questions?")
def readyz(service: ServiceDep) -> StatusOut:
    """Reads the store in a worker: 503 when the store cannot be read."""
    service.counts()
    return StatusOut(status="ready")
