"""Files: sent first, then put into a vector store, where each becomes a document."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from api.deps import (
    Access,
    AccessDep,
    FormUpload,
    MetricsDep,
    RunDep,
    ServiceDep,
    UploadDep,
    keeps_originals,
    require_json,
)
from api.protocols.openai.collections import Lenient, page_of, require_collection
from api.protocols.openai.staging import StagedFile, Staging
from api.protocols.openai.vector_stores import attributes_of, require_auto, seconds_of
from api.schemas.requests import CollectionName
from api.telemetry.metrics import Metrics
from index.errors import DocumentNotFound
from index.types import Document
from rag.service import Service
from rag.shared.errors import BadInput, UnsupportedFormat
from rag.shared.types import Check

router = APIRouter(prefix="/openai/v1", include_in_schema=False)

_MAX_NAME = 255
_PURPOSES = ("assistants", "user_data")


def staging_of(request: Request) -> Staging:
    """The files of this application that wait."""
    return cast(Staging, request.app.state.staging)


def owner_of(request: Request) -> str:
    """The key that a request came with, as its name."""
    return str(getattr(request.state, "key", ""))


class FileIn(Lenient):
    """The file that goes into a vector store, and its metadata."""

    file_id: str
    attributes: dict[str, str | bool | int | float] | None = None
    chunking_strategy: dict[str, Any] | None = None


@router.post("/files")
async def create_file(request: Request, upload: UploadDep, run: RunDep) -> JSONResponse:
    """Keeps a file for an hour, until it is put into a vector store."""
    if not isinstance(upload, FormUpload):
        raise UnsupportedFormat("Send the file as multipart/form-data (field `file`), with the field `purpose`.")
    fields = dict(upload.parts)
    file, purpose = fields.get("file"), fields.get("purpose")
    if not isinstance(file, UploadFile):
        raise BadInput("file: send one file")
    if purpose not in _PURPOSES:
        raise BadInput(f"purpose: use {' or '.join(_PURPOSES)}")
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2].strip()
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise BadInput(f"file: its name must be 1 to {_MAX_NAME} printable characters")
    staging, owner = staging_of(request), owner_of(request)
    return await run(lambda: JSONResponse(_staged_json(staging.add(name, file.file.read(), str(purpose), owner))))


@router.get("/files")
async def list_files(
    request: Request,
    service: ServiceDep,
    access: AccessDep,
    run: RunDep,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    after: str | None = None,
) -> JSONResponse:
    """The files that wait, then the documents that the key opens, as files."""
    waiting = staging_of(request).of(owner_of(request)) if after is None else []

    def read() -> JSONResponse:
        documents = service.documents(
            collection=access.collections, after=_after(service, access, after), limit=limit + 1
        )
        data = [*map(_staged_json, waiting), *map(_document_json, documents[:limit])]
        return JSONResponse(page_of(data, has_more=len(documents) > limit))

    return await run(read)


def _after(service: Service, access: Access, after: str | None) -> str | None:
    """A cursor of a list, once it is known that the key opens it.  Raises DocumentNotFound."""
    return after and access.document(service, _known_shape(after)).id


@router.get("/files/{file_id}")
async def get_file(file_id: str, request: Request, service: ServiceDep, access: AccessDep, run: RunDep) -> JSONResponse:
    """One file."""
    waiting = staging_of(request).get(file_id, owner_of(request))
    if waiting is not None:
        return JSONResponse(_staged_json(waiting))
    return await run(lambda: JSONResponse(_document_json(access.document(service, _known_shape(file_id)))))


@router.delete("/files/{file_id}")
async def delete_file(
    file_id: str, request: Request, service: ServiceDep, access: AccessDep, run: RunDep, metrics: MetricsDep
) -> JSONResponse:
    """Deletes a file and every document that it became; answers once nothing of them can be found."""
    staging = staging_of(request)
    waiting = staging.get(file_id, owner_of(request))

    def delete() -> JSONResponse:
        for document_id in waiting.documents.values() if waiting else [_known_shape(file_id)]:
            try:
                access.document(service, document_id)
            except DocumentNotFound:
                if waiting is None:
                    raise
                continue  # it was deleted by its own id
            service.delete(document_id)
            metrics.documents.labels("deleted").inc()
        if waiting is not None:
            staging.remove(waiting)
        return JSONResponse({"id": file_id, "object": "file", "deleted": True})

    return await run(delete)


@router.post("/vector_stores/{collection:path}/files", dependencies=[Depends(require_json)])
async def add_file(
    collection: CollectionName,
    body: FileIn,
    request: Request,
    service: ServiceDep,
    access: AccessDep,
    run: RunDep,
    metrics: MetricsDep,
) -> JSONResponse:
    """Puts a file into a collection; answers once it is durable and searchable."""
    access.require(collection)
    require_auto(body.chunking_strategy)
    return await run(lambda: JSONResponse(put_in(request, service, access, collection, body, run.check, metrics)))


def put_in(
    request: Request,
    service: Service,
    access: Access,
    collection: str,
    file: FileIn,
    check: Check,
    metrics: Metrics,
) -> dict[str, Any]:
    """A file put into a collection, as it is shown.  Raises DocumentNotFound, and what taking it in raises."""
    waiting = staging_of(request).get(file.file_id, owner_of(request))
    if waiting is None:
        document = _document_in(service, access, collection, file.file_id)
        return _stored_json(document, document.id)
    change = service.intake.add_file(
        waiting.name,
        waiting.path.read_bytes(),
        collection=collection,
        metadata=file.attributes or {},
        keep=keeps_originals(request),
        check=check,
    )
    metrics.documents.labels(change.outcome).inc()
    waiting.documents[collection] = change.document.id
    return _stored_json(change.document, waiting.id)


@router.get("/vector_stores/{collection:path}/files")
async def list_files_of(
    collection: str,
    service: ServiceDep,
    access: AccessDep,
    run: RunDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: str | None = None,
) -> JSONResponse:
    """The documents of a collection, as its files."""

    def read() -> JSONResponse:
        require_collection(service, access, collection)
        before = _after(service, access, after)
        documents = service.documents(collection=collection, after=before, limit=limit + 1)
        data = [_stored_json(document, document.id) for document in documents[:limit]]
        return JSONResponse(page_of(data, has_more=len(documents) > limit))

    return await run(read)


@router.get("/vector_stores/{collection:path}/files/{file_id}/content")
async def get_content(
    collection: str, file_id: str, request: Request, service: ServiceDep, access: AccessDep, run: RunDep
) -> JSONResponse:
    """The text of a file as it is stored and cited."""
    waiting = staging_of(request).get(file_id, owner_of(request))

    def read() -> JSONResponse:
        document = _document_in(service, access, collection, _document_id(waiting, collection, file_id))
        data = [{"type": "text", "text": service.text(document.id)}]
        page = {"object": "vector_store.file_content.page", "data": data, "has_more": False, "next_page": None}
        return JSONResponse(page)

    return await run(read)


@router.get("/vector_stores/{collection:path}/files/{file_id}")
async def get_file_of(
    collection: str, file_id: str, request: Request, service: ServiceDep, access: AccessDep, run: RunDep
) -> JSONResponse:
    """One file of a collection."""
    waiting = staging_of(request).get(file_id, owner_of(request))

    def read() -> JSONResponse:
        document = _document_in(service, access, collection, _document_id(waiting, collection, file_id))
        return JSONResponse(_stored_json(document, file_id))

    return await run(read)


@router.delete("/vector_stores/{collection:path}/files/{file_id}")
async def remove_file(
    collection: str,
    file_id: str,
    request: Request,
    service: ServiceDep,
    access: AccessDep,
    run: RunDep,
    metrics: MetricsDep,
) -> JSONResponse:
    """Takes a file out of a collection: its document is deleted."""
    waiting = staging_of(request).get(file_id, owner_of(request))

    def delete() -> JSONResponse:
        document = _document_in(service, access, collection, _document_id(waiting, collection, file_id))
        service.delete(document.id)
        metrics.documents.labels("deleted").inc()
        return JSONResponse({"id": file_id, "object": "vector_store.file.deleted", "deleted": True})

    return await run(delete)


def _document_id(waiting: StagedFile | None, collection: str, file_id: str) -> str:
    """The document that a file is in a collection: a file that was sent has one in each, and a document is its own."""
    return file_id if waiting is None else waiting.documents.get(collection, "")


def _document_in(service: Service, access: Access, collection: str, document_id: str) -> Document:
    """Raises CollectionClosed; DocumentNotFound also for a document of another collection."""
    access.require(collection)
    document = access.document(service, _known_shape(document_id))
    if document.collection != collection:
        raise DocumentNotFound(f"no file of this vector store has the id {document_id}")
    return document


def _known_shape(document_id: str) -> str:
    if len(document_id) > 200 or not document_id.isprintable():
        raise DocumentNotFound("ids are short and printable")
    return document_id


def _staged_json(file: StagedFile) -> dict[str, Any]:
    return _file_json(file.id, file.name, file.n_bytes, int(file.created_at), file.purpose)


def _document_json(document: Document) -> dict[str, Any]:
    name = document.source or document.title or document.id
    return _file_json(document.id, name, document.n_characters, seconds_of(document.added_at), "assistants")


def _file_json(file_id: str, name: str, n_bytes: int, created_at: int, purpose: str) -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "file",
        "bytes": n_bytes,
        "created_at": created_at,
        "filename": name,
        "purpose": purpose,
        "status": "processed",
    }


def _stored_json(document: Document, file_id: str) -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "vector_store.file",
        "created_at": seconds_of(document.added_at),
        "status": "completed",
        "last_error": None,
        "usage_bytes": document.n_characters,
        "vector_store_id": document.collection,
        "attributes": attributes_of(document.metadata),
        "chunking_strategy": {"type": "other"},
        "footnote": {"document_id": document.id, "document_sha256": document.text_sha256},
    }
