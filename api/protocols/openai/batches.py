"""Several files put into a vector store at once: `/openai/v1/vector_stores/{id}/file_batches`."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from api.deps import blocking, require_json
from api.protocols.openai.call import Call, CallDep, Json, Order
from api.protocols.openai.collections import Lenient, page_of
from api.protocols.openai.files import FileIn, put_in
from api.protocols.openai.staging import KEPT_S
from api.protocols.openai.vector_stores import file_counts, require_auto
from api.schemas.requests import CollectionName
from index.errors import DocumentNotFound
from rag.shared.errors import BadInput, ContentTooLarge, UnreadableContent, UnsupportedFormat

router = APIRouter(prefix="/openai/v1/vector_stores/{collection:path}/file_batches", include_in_schema=False)

MAX_FILES = 100
_MAX_KEPT = 1000
_OF_THE_FILE = (BadInput, ContentTooLarge, UnreadableContent, UnsupportedFormat, DocumentNotFound)


class BatchIn(Lenient):
    """Files, all with the same metadata or each with its own."""

    file_ids: list[str] = Field(default=[], max_length=MAX_FILES)
    files: list[FileIn] = Field(default=[], max_length=MAX_FILES)
    attributes: dict[str, str | bool | int | float] | None = None
    chunking_strategy: Json | None = None


@dataclass(slots=True)
class Batch:
    """files: as they are shown, in the order given.  owner: the key that made it; no other finds it."""

    id: str
    collection: str
    owner: str
    created_at: float
    files: list[Json] = field(default_factory=list)


class Batches:
    """The batches of the last hour. Thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Batch] = OrderedDict()
        self._lock = Lock()

    def keep(self, batch: Batch) -> None:
        """Remember a batch; the oldest are forgotten."""
        with self._lock:
            while self._kept and (
                len(self._kept) >= _MAX_KEPT or next(iter(self._kept.values())).created_at < time.time() - KEPT_S
            ):
                self._kept.popitem(last=False)
            self._kept[batch.id] = batch

    def get(self, batch_id: str, collection: str, owner: str) -> Batch:
        """Raises DocumentNotFound for any other owner or collection."""
        with self._lock:
            batch = self._kept.get(batch_id)
        if batch is None or (batch.collection, batch.owner) != (collection, owner):
            raise DocumentNotFound("no batch of this vector store has this id: batches are remembered for an hour")
        return batch


def _batch(call: Call, collection: str, batch_id: str) -> Batch:
    call.access.require(collection)
    return call.state.batches.get(batch_id, collection, call.owner)


@router.post("", dependencies=[Depends(require_json)])
@blocking
def create_batch(collection: CollectionName, body: BatchIn, call: CallDep) -> Json:
    """Puts files into a collection; answers once all are durable and searchable, or have failed."""
    call.access.require(collection)
    files = body.files or [FileIn(file_id=file_id, attributes=body.attributes) for file_id in body.file_ids]
    if not files or body.files and body.file_ids:
        raise BadInput("file_ids: name the files of the batch there, or in files")
    for strategy in (body.chunking_strategy, *(file.chunking_strategy for file in files)):
        require_auto(strategy)
    batch = Batch(f"vsfb_{uuid4().hex}", collection, call.owner, time.time())
    for file in files:
        try:
            shown = put_in(call, collection, file)
        except _OF_THE_FILE as error:
            call.metrics.documents.labels("failed").inc()
            shown = _failed_json(file, collection, str(error))
        batch.files.append(shown)
    call.state.batches.keep(batch)
    return _batch_json(batch)


@router.get("/{batch_id}")
async def get_batch(collection: str, batch_id: str, call: CallDep) -> JSONResponse:
    """How a batch ended."""
    return JSONResponse(_batch_json(_batch(call, collection, batch_id)))


@router.post("/{batch_id}/cancel")
async def cancel_batch(collection: str, batch_id: str, call: CallDep) -> JSONResponse:
    """The same: a batch has ended before its id is known."""
    return await get_batch(collection, batch_id, call)


@router.get("/{batch_id}/files")
async def list_files_of_batch(
    collection: str,
    batch_id: str,
    call: CallDep,
    limit: Annotated[int, Query(ge=1, le=MAX_FILES)] = 20,
    after: str | None = None,
    status: Annotated[str | None, Query(alias="filter")] = None,
    order: Order = "asc",
) -> JSONResponse:
    """The files of a batch, those behind ``after``, of one status or all."""
    files = _batch(call, collection, batch_id).files[:: 1 if order == "asc" else -1]
    ids = [file["id"] for file in files]
    if after is not None and after not in ids:
        raise BadInput("after: no file of this batch has this id")
    rest = files[ids.index(after) + 1 :] if after is not None else files
    wanted = [file for file in rest if status in (None, file["status"])]
    return JSONResponse(page_of(wanted[:limit], has_more=len(wanted) > limit))


def _failed_json(file: FileIn, collection: str, reason: str) -> Json:
    return {
        "id": file.file_id,
        "object": "vector_store.file",
        "created_at": int(time.time()),
        "status": "failed",
        "last_error": {"code": "invalid_file", "message": reason},
        "usage_bytes": 0,
        "vector_store_id": collection,
        "attributes": file.attributes or {},
        "chunking_strategy": {"type": "other"},
    }


def _batch_json(batch: Batch) -> Json:
    n_failed = sum(file["status"] == "failed" for file in batch.files)
    return {
        "id": batch.id,
        "object": "vector_store.files_batch",
        "created_at": int(batch.created_at),
        "vector_store_id": batch.collection,
        "status": "failed" if n_failed == len(batch.files) else "completed",
        "file_counts": file_counts(len(batch.files) - n_failed, n_failed),
    }
