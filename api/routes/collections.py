"""Collections: there as long as a document is in them."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.deps import AccessDep, RunDep, ServiceDep
from api.schemas.openapi import problems
from api.schemas.responses import CollectionOut, CollectionsOut

router = APIRouter(tags=["documents"])


@router.get("/v1/collections", response_model=CollectionsOut, responses=problems(503), summary="List collections")
async def list_collections(service: ServiceDep, access: AccessDep, run: RunDep) -> JSONResponse:
    """The collections that hold documents, in alphabetical order, and those that the key is made for, empty or not."""

    def read() -> CollectionsOut:
        counts = service.collections()
        listed: list[CollectionOut] = []
        for name in sorted(counts if access.collections is None else access.collections):
            documents, passages = counts.get(name, (0, 0))
            listed.append({"name": name, "documents": documents, "passages": passages})
        return {"collections": listed, "limited": access.collections is not None}

    return await run.json(read)
