"""Collections: there as long as a document is in them."""

from fastapi import APIRouter

from api.deps import CallDep, blocking
from api.schemas.openapi import problems
from api.schemas.responses import CollectionOut, CollectionsOut

router = APIRouter(tags=["documents"])


@router.get("/v1/collections", responses=problems(503), summary="List collections")
@blocking
def list_collections(call: CallDep) -> CollectionsOut:
    """The collections that hold documents, in alphabetical order, and those that the key is made for, empty or not."""
    counts = call.access.counts(call.service)
    listed: list[CollectionOut] = [
        {"name": name, "documents": documents, "passages": passages} for name, (documents, passages) in counts.items()
    ]
    return {"collections": listed, "limited": call.access.collections is not None}
