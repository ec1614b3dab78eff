"""Documents: add, list, read, delete."""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from api.deps import Access, AccessDep, FormUpload, JsonUpload, MetricsDep, Run, RunDep, ServiceDep, UploadDep
from api.errors import ClientLeft, UploadStopped, clean
from api.schemas.openapi import problems
from api.schemas.requests import CollectionName, DocumentIn, Folder, Input, MetadataIn, Text
from api.schemas.responses import DocumentOut, DocumentsOut, ReceiptOut, TextOut, UploadOut
from api.telemetry.metrics import Metrics
from index.errors import DocumentNotFound, StoreError
from index.types import Change, Document, Metadata
from rag.errors import BadInput, ContentTooLarge, RagError, UnreadableContent, UnsupportedFormat
from rag.parsing.archives.members import is_archive
from rag.serialization import document_json, receipt_json
from rag.service import Service
from rag.validation import composed

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_MAX_NAME = 255
# What is wrong with one file and says nothing of the next.
_FILE_ERRORS = (BadInput, ContentTooLarge, UnreadableContent, UnsupportedFormat)


def _known_shape(document_id: str) -> str:
    if len(document_id) > 200 or not document_id.isprintable():
        raise DocumentNotFound("ids are short and printable; `GET /v1/documents` lists them")
    return document_id


DocumentId = Annotated[str, Path(description="As in citations and lists."), AfterValidator(_known_shape)]


class _FormFields(Input):
    """The fields beside the files."""

    collection: CollectionName = "default"
    folder: Folder | None = None
    metadata: MetadataIn = {}


_UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
                        "collection": TypeAdapter(CollectionName).json_schema() | {"default": "default"},
                        "folder": TypeAdapter(Folder).json_schema()
                        | {
                            "description": "Where the files are from: goes before their names, no place on a disk.",
                            "examples": ["notes/2025"],
                        },
                        "metadata": {
                            "type": "string",
                            "description": "A JSON object, for every file.",
                            "examples": ['{"year": 2025}'],
                        },
                    },
                },
            },
            "application/json": {"schema": DocumentIn.model_json_schema()},
        },
    }
}


@router.post(
    "",
    status_code=201,
    response_model=UploadOut,
    responses=problems(400, 413, 415, 422, 503, 507),
    openapi_extra=_UPLOAD_BODY,
    summary="Add documents",
)
async def add_documents(
    upload: UploadDep, service: ServiceDep, access: AccessDep, run: RunDep, metrics: MetricsDep
) -> JSONResponse:
    """Adds files (multipart) or one text (JSON); answers once they are durable and searchable.

    A file is known by the field `folder`, where it is given, and its name without folders: the same again in the same
    collection replaces the document, the same content is skipped. The files of an archive become a document each. When at
    least one file goes in the status is 201 and `failed` names the rest; when none does it is a problem that lists them. When
    the store stops taking documents half-way (disk full, another writer), the problem lists in `documents` what is stored all
    the same; sending everything again is safe.
    A document whose client leaves, or whose time is up, before it is in the store is dropped as a whole.
    """
    return await run(lambda: _add(service, upload, access, metrics, run))


def _add(service: Service, upload: FormUpload | JsonUpload, access: Access, metrics: Metrics, run: Run) -> JSONResponse:
    changes: list[Change]
    failed: list[dict[str, object]]
    if isinstance(upload, JsonUpload):
        changes, failed = [_add_text(service, upload.body, access, metrics, run)], []
    else:
        changes, failed = _add_files(service, upload, access, metrics, run)
    notes = service.intake.notes(changes)
    added = [_added_json(change) for change in changes]
    return JSONResponse({"documents": added, "failed": failed, "notes": list(notes)}, status_code=201)


def _add_text(service: Service, body: bytes, access: Access, metrics: Metrics, run: Run) -> Change:
    try:
        given = DocumentIn.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error, "body") from error
    access.require(given.collection)
    # A text of blanks has no first line to be called by, and lists and notes have to call it something.
    is_nameless = not (given.title or given.source or given.text.strip())
    with _counted(metrics) as done:
        done += [
            service.intake.add_text(
                title="untitled" if is_nameless else given.title,
                text=given.text,
                source=given.source,
                metadata=given.metadata,
                collection=given.collection,
                check=run.check,
            )
        ]
    return done[0]


@contextmanager
def _counted(metrics: Metrics) -> Iterator[list[Change]]:
    """Counts and times one document, whose change the block puts into the list; without one it was refused, or given up."""
    done: list[Change] = []
    started = time.perf_counter()
    otherwise = "failed"
    try:
        yield done
    except ClientLeft:
        otherwise = "dropped"
        raise
    finally:
        for change in done:
            metrics.documents.labels(change.outcome).inc()
        if not done:
            metrics.documents.labels(otherwise).inc()
        metrics.ingest_seconds.observe(time.perf_counter() - started)


def _add_files(
    service: Service, upload: FormUpload, access: Access, metrics: Metrics, run: Run
) -> tuple[list[Change], list[dict[str, object]]]:
    """What went in and what did not. Raises UploadStopped when nothing did or the store stopped taking documents."""
    files, given = _read_form(upload.parts)
    collection, metadata = given.collection, given.metadata
    access.require(collection)
    added: list[Change] = []
    failed: list[dict[str, object]] = []
    errors: list[Exception] = []
    seen: set[str] = set()
    for file in files:
        name = _base_name(file.filename or "")
        run.check()
        try:
            with _counted(metrics) as done:
                _check_name(name, seen)
                seen.add(name)
                name = f"{given.folder}/{name}" if given.folder else name
                content = file.file.read()
                if is_archive(content):
                    changes, bad = service.intake.add_upload(
                        name, content, collection=collection, metadata=metadata, check=run.check
                    )
                    done += changes
                    failed += [{"name": clean(one.path), "reason": clean(one.reason)} for one in bad]
                    if not changes:
                        raise UnreadableContent(
                            "No file of the archive could be added." if bad else "The archive is empty."
                        )
                else:
                    done += [
                        service.intake.add_file(
                            name, content, collection=collection, metadata=metadata, check=run.check
                        )
                    ]
            added += done
        except _FILE_ERRORS as error:
            errors.append(error)
            failed.append({"name": clean(name), "reason": clean(str(error))})
        except (RagError, StoreError) as error:
            raise UploadStopped(error, [_added_json(change) for change in added], failed) from error
    if not added:
        same_kind = len({type(error) for error in errors}) == 1
        raise UploadStopped(errors[0] if same_kind else BadInput("None of the files could be added."), [], failed)
    return added, failed


def _read_form(parts: Iterable[tuple[str, str | UploadFile]]) -> tuple[list[UploadFile], _FormFields]:
    """Files and other fields of a form.

    Raises BadInput for fields that do not belong, RequestValidationError for values that do not fit.
    """
    files: list[UploadFile] = []
    fields: dict[str, Any] = {}
    for name, value in parts:
        if (name == "file") != isinstance(value, UploadFile):
            raise BadInput("Files go into the field `file`, each part with a filename; other fields take text.")
        if isinstance(value, UploadFile):
            files.append(value)
        elif name in fields:
            raise BadInput(f"The field {name!r} is given twice.")
        else:
            fields[name] = value
    if not files:
        raise BadInput("No file was sent: put one or more into the field `file`.")
    try:
        if "metadata" in fields:
            fields["metadata"] = _METADATA.validate_json(fields["metadata"])
    except ValidationError as error:
        raise _invalid(error, "form", "metadata") from error
    try:
        known = _FormFields.model_validate(fields)
    except ValidationError as error:
        raise _invalid(error, "form") from error
    return files, known


_METADATA: TypeAdapter[Metadata] = TypeAdapter(MetadataIn)


def _invalid(error: ValidationError, *place: str) -> RequestValidationError:
    return RequestValidationError(
        [{**found, "loc": (*place, *found["loc"])} for found in error.errors(include_url=False)]
    )


def _base_name(name: str) -> str:
    """The name without its folders, whichever way a client's system writes them."""
    return composed(re.split(r"[/\\]", name)[-1].strip())


def _check_name(name: str, seen: set[str]) -> None:
    """Raises BadInput for a name that cannot name a document, or that would replace another file of this upload."""
    if not name or name in (".", ".."):
        raise BadInput("The file has no name.")
    if len(name) > _MAX_NAME or not name.isprintable():
        raise BadInput(f"The file's name must be at most {_MAX_NAME} printable characters.")
    if name in seen:
        raise BadInput("Another file of this upload has the same name (folders do not count).")


def _added_json(change: Change) -> dict[str, object]:
    return {**document_json(change.document), "outcome": change.outcome}


@router.get("", response_model=DocumentsOut, responses=problems(422, 503), summary="List documents")
async def list_documents(
    service: ServiceDep,
    access: AccessDep,
    run: RunDep,
    cursor: Annotated[Text | None, Query(max_length=200, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Documents per page.")] = 100,
    collection: Annotated[
        CollectionName | None, Query(description="Only this collection; all that the key opens when left out.")
    ] = None,
) -> JSONResponse:
    """Documents in the order they were first added, a page at a time."""
    if collection is not None:
        access.require(collection)

    def read() -> JSONResponse:
        wanted = access.collections if collection is None else frozenset({collection})
        if cursor:  # an empty one begins the list, as none does
            found = _documents_from(cursor, service, access, wanted, limit + 1)
        else:
            found = service.documents(collection=wanted, limit=limit + 1)
        page, rest = found[:limit], found[limit:]
        next_cursor = f"{page[-1].id}.{rest[0].id}" if rest else None
        return JSONResponse({"documents": [document_json(document) for document in page], "next_cursor": next_cursor})

    return await run(read)


def _documents_from(
    cursor: str, service: Service, access: Access, wanted: frozenset[str] | None, limit: int
) -> list[Document]:
    """Up to ``limit`` documents of the wanted collections.  Raises BadInput for a cursor that leads nowhere any more.

    A cursor names the last document of its page and the first of the next, so that it still leads on when the page is deleted.
    """
    last, _, following = cursor.partition(".")
    try:
        access.document(service, last)
        return service.documents(collection=wanted, after=last, limit=limit)
    except (DocumentNotFound, BadInput):  # BadInput: it was deleted in between
        pass
    try:
        first = access.document(service, following)
        found = service.documents(collection=wanted, after=following, limit=limit)
    except (DocumentNotFound, BadInput) as error:
        raise BadInput(f"no document is left that the cursor {cursor!r} names: begin the list again") from error
    return [first, *found][:limit] if wanted is None or first.collection in wanted else found


@router.get("/{document_id}", response_model=DocumentOut, responses=problems(404, 503), summary="One document")
async def get_document(document_id: DocumentId, service: ServiceDep, access: AccessDep, run: RunDep) -> JSONResponse:
    """A document without its text."""
    return await run(lambda: JSONResponse(document_json(access.document(service, document_id))))


Position = Annotated[int | None, Query(ge=0, description="In code points; half-open.")]


@router.get("/{document_id}/text", response_model=TextOut, responses=problems(404, 422, 503), summary="Its stored text")
async def get_text(
    document_id: DocumentId,
    service: ServiceDep,
    access: AccessDep,
    run: RunDep,
    start: Position = None,
    end: Position = None,
) -> JSONResponse:
    """The stored text from `start` (else its beginning) to `end` (else its end), with the hash of the whole."""
    return await run(lambda: _text(service, access, document_id, start, end))


def _text(service: Service, access: Access, document_id: str, start: int | None, end: int | None) -> JSONResponse:
    access.document(service, document_id)
    # One read of the whole: text, hash and length are then of one state, also while the document is being replaced.
    text = service.text(document_id)
    start = 0 if start is None else start
    end = len(text) if end is None else end
    if start > end or end > len(text):
        raise BadInput(f"start {start} and end {end} must be in order and within the text's {len(text)} characters.")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return JSONResponse(
        {"document_id": document_id, "start": start, "end": end, "text": text[start:end], "sha256": sha256}
    )


@router.delete(
    "/{document_id}", response_model=ReceiptOut, responses=problems(404, 503, 507), summary="Delete a document"
)
async def delete_document(
    document_id: DocumentId, service: ServiceDep, access: AccessDep, run: RunDep, metrics: MetricsDep
) -> JSONResponse:
    """Deletes, and answers once nothing of the document can be found any more."""

    def delete() -> JSONResponse:
        access.document(service, document_id)
        receipt = service.delete(document_id)
        metrics.documents.labels("deleted").inc()
        return JSONResponse(receipt_json(receipt))

    return await run(delete)
