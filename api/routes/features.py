"""What this service can do, for clients that show it."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.deps import ServiceDep
from api.schemas.openapi import problems
from api.schemas.responses import FeaturesOut

router = APIRouter(tags=["ask"])


@router.get("/v1/features", response_model=FeaturesOut, responses=problems(503), summary="What it can do")
async def list_features(service: ServiceDep) -> JSONResponse:
    """What is switched on here."""
    return JSONResponse({"generate": service.has_language_model})
