"""Files: sent first, then put into a vector store, where each becomes a document."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.datastructures import UploadFile

from api.deps import blocking, require_json
from api.protocols.openai.call import Call, CallDep, Json, Order
from api.protocols.openai.collections import Lenient, page_of
from api.protocols.openai.staging import StagedFile
from api.protocols.openai.vector_stores import attributes_of, require_auto, seconds_of
from api.routes.uploads import FormUpload, UploadDep, base_name, checked_name
from api.schemas.requests import CollectionName
from index.errors import DocumentNotFound
from index.types import Document
from rag.shared.errors import BadInput, UnsupportedFormat

router = APIRouter(prefix="/openai/v1", include_in_schema=False)

_PURPOSES = ("assistants", "user_data")
_IN_STORE = "/vector_stores/{collection:path}/files"


class FileIn(Lenient):
    """The file that goes into a vector store, and its metadata."""

    file_id: str
    attributes: dict[str, str | bool | int | float] | None = None
    chunking_strategy: Json | None = None


@router.post("/files")
@blocking
def create_file(upload: UploadDep, call: CallDep) -> Json:
    """Keeps a file for an hour, until it is put into a vector store."""
    if not isinstance(upload, FormUpload):
        raise UnsupportedFormat("Send the file as multipart/form-data (field `file`), with the field `purpose`.")
    fields = dict(upload.parts)
    file, purpose = fields.get("file"), fields.get("purpose")
    if not isinstance(file, UploadFile):
        raise BadInput("file: send one file")
    if purpose not in _PURPOSES:
        raise BadInput(f"purpose: use {' or '.join(_PURPOSES)}")
    name = checked_name(base_name(file.filename), set())
    return _file_json(call.state.staging.add(name, file.file.read(), str(purpose), call.owner))


@router.get("/files")
@blocking
def list_files(
    call: CallDep,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    after: str | None = None,
    order: Order = "asc",
) -> Json:
    """The files that wait, then the documents that the key opens, as files."""
    waiting = call.state.staging.of(call.owner) if after is None else []
    if order == "desc":
        waiting.reverse()
    documents, has_more = call.documents(call.access.collections, after, limit, order)
    return page_of([*map(_file_json, waiting), *map(_file_json, documents)], has_more=has_more)


@router.get("/files/{file_id}")
@blocking
def get_file(file_id: str, call: CallDep) -> Json:
    """One file."""
    return _file_json(call.waiting(file_id) or call.document(file_id))


@router.delete("/files/{file_id}")
@blocking
def delete_file(file_id: str, call: CallDep) -> Json:
    """Deletes a file and every document that it became; answers once nothing of them can be found."""
    waiting = call.waiting(file_id)
    if waiting is None:
        call.delete(call.document(file_id))
    else:
        for document_id in waiting.documents.values():
            try:
                call.delete(call.document(document_id))
            except DocumentNotFound:
                continue  # it was deleted by its own id
        call.state.staging.remove(waiting)
    return {"id": file_id, "object": "file", "deleted": True}


@router.post(_IN_STORE, dependencies=[Depends(require_json)])
@blocking
def add_file(collection: CollectionName, body: FileIn, call: CallDep) -> Json:
    """Puts a file into a collection; answers once it is durable and searchable."""
    call.access.require(collection)
    require_auto(body.chunking_strategy)
    return put_in(call, collection, body)


def put_in(call: Call, collection: str, file: FileIn) -> Json:
    """A file put into a collection, as it is shown.  Raises DocumentNotFound, and what taking it in raises."""
    waiting = call.waiting(file.file_id)
    if waiting is None:
        return _stored_json(call.document_in(collection, file.file_id), file.file_id)
    try:
        content = waiting.path.read_bytes()
    except FileNotFoundError as error:  # it was deleted, or its hour has passed, a moment ago
        raise DocumentNotFound(f"no file has the id {file.file_id} any more") from error
    change = call.service.intake.add_file(
        waiting.name,
        content,
        collection=collection,
        metadata=file.attributes or {},
        keep=call.state.keeps_originals,
        check=call.run.check,
    )
    call.metrics.documents.labels(change.outcome).inc()
    waiting.documents[collection] = change.document.id
    return _stored_json(change.document, waiting.id)


@router.get(_IN_STORE)
@blocking
def list_files_of(
    collection: str,
    call: CallDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: str | None = None,
    status: Annotated[str | None, Query(alias="filter")] = None,
    order: Order = "asc",
) -> Json:
    """The documents of a collection, as its files; what failed is none of them."""
    call.require(collection)
    if status not in (None, "completed"):
        return page_of([])
    documents, has_more = call.documents(collection, after, limit, order)
    return page_of([_stored_json(document, document.id) for document in documents], has_more=has_more)


@router.get(_IN_STORE + "/{file_id}/content")
@blocking
def get_content(collection: str, file_id: str, call: CallDep) -> Json:
    """The text of a file as it is stored and cited."""
    text = call.service.text(call.document_in(collection, file_id).id)
    page = {"object": "vector_store.file_content.page", "has_more": False, "next_page": None}
    return {**page, "data": [{"type": "text", "text": text}]}


@router.get(_IN_STORE + "/{file_id}")
@blocking
def get_file_of(collection: str, file_id: str, call: CallDep) -> Json:
    """One file of a collection."""
    return _stored_json(call.document_in(collection, file_id), file_id)


@router.delete(_IN_STORE + "/{file_id}")
@blocking
def remove_file(collection: str, file_id: str, call: CallDep) -> Json:
    """Takes a file out of a collection: its document is deleted."""
    call.delete(call.document_in(collection, file_id))
    return {"id": file_id, "object": "vector_store.file.deleted", "deleted": True}


def _file_json(file: StagedFile | Document) -> Json:
    if isinstance(file, StagedFile):
        name, n_bytes, created_at, purpose = file.name, file.n_bytes, int(file.created_at), file.purpose
    else:
        name, n_bytes = file.source or file.title or file.id, file.n_characters
        created_at, purpose = seconds_of(file.added_at), "assistants"
    about = {"filename": name, "bytes": n_bytes, "created_at": created_at, "purpose": purpose}
    return {"id": file.id, "object": "file", **about, "status": "processed"}


def _stored_json(document: Document, file_id: str) -> Json:
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
