"""Documents: add, list, read, delete."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import AfterValidator

from api.deps import Call, CallDep, blocking
from api.errors import ClientLeft, UploadStopped
from api.routes.uploads import (
    UPLOAD_BODY,
    FormUpload,
    JsonUpload,
    UploadDep,
    base_name,
    checked_name,
    described,
    failed_file,
    is_read_as_usual,
    read_form,
    read_text,
    waiting,
)
from api.schemas.openapi import problems
from api.schemas.requests import CollectionName, Text
from api.schemas.responses import BlockOut, DocumentsOut, HeadingOut, RowOut, StructureOut, TextOut, UploadOut
from api.telemetry.metrics import Metrics
from index.errors import DocumentNotFound, StoreError
from index.types import Change, Document
from rag.parsing.archives.members import is_archive
from rag.parsing.pdf.recognition.ocr import require_engine
from rag.shared.errors import BadInput, ContentTooLarge, RagError, UnreadableContent, UnsupportedFormat
from rag.shared.serialization import change_json, document_json, job_json, receipt_json
from rag.shared.shapes import DocumentOut, FailedOut, JobOut, ReceiptOut
from rag.viewing.structure import Block, blocks_of, outline_of

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_ASYNC = "respond-async"  # RFC 7240
# What is wrong with one file and says nothing of the next.
_FILE_ERRORS = (BadInput, ContentTooLarge, UnreadableContent, UnsupportedFormat)


def _known_shape(document_id: str) -> str:
    if len(document_id) > 200 or not document_id.isprintable():
        raise DocumentNotFound("ids are short and printable; `GET /v1/documents` lists them")
    return document_id


DocumentId = Annotated[str, Path(description="As in citations and lists."), AfterValidator(_known_shape)]


@router.post(
    "",
    status_code=201,
    response_model=UploadOut,
    responses={202: {"model": JobOut, "description": "Accepted"}, **problems(400, 413, 415, 422, 503, 507)},
    openapi_extra=UPLOAD_BODY,
    summary="Add documents",
)
@blocking
def add_documents(upload: UploadDep, call: CallDep) -> JSONResponse:
    """Adds files (multipart) or one text (JSON); answers once they are durable and searchable.

    A file is known by the field `folder`, where it is given, and its name without folders: the same again in the same
    collection replaces the document, the same content is skipped. The files of an archive become a document each. When at
    least one file goes in the status is 201 and `failed` names the rest; when none does it is a problem that lists them. When
    the store stops taking documents half-way (disk full, another writer), the problem lists in `documents` what is stored all
    the same; sending everything again is safe.
    A document whose client leaves, or whose time is up, before it is in the store is dropped as a whole.
    With `Prefer: respond-async` a store in PostgreSQL answers 202 once the upload is durable in its queue, and `Location` names the
    job that tells what becomes of it; any other store answers as without.
    """
    wants_job = any(
        part.split(";")[0].strip().lower() == _ASYNC
        for part in ",".join(call.request.headers.getlist("prefer")).split(",")
    )
    queue = call.service.queue if wants_job and is_read_as_usual(upload) else None
    if queue is not None:
        job = queue.put(*waiting(upload, call.access))
        headers = {"Location": f"/v1/jobs/{job.id}", "Preference-Applied": _ASYNC}
        return JSONResponse(job_json(job), status_code=202, headers=headers)
    changes, failed = _add_text(call, upload) if isinstance(upload, JsonUpload) else _add_files(call, upload)
    notes = list(call.service.intake.notes(changes))
    shown: UploadOut = {"documents": [change_json(change) for change in changes], "failed": failed, "notes": notes}
    return JSONResponse(shown, status_code=201)


def _add_text(call: Call, upload: JsonUpload) -> tuple[list[Change], list[FailedOut]]:
    document = read_text(upload.body, call.access)
    with _counted(call.metrics) as done:
        done.append(call.service.intake.add_text(**described(document), check=call.run.check))
    return done, []


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


def _add_files(call: Call, upload: FormUpload) -> tuple[list[Change], list[FailedOut]]:
    """What went in and what did not. Raises UploadStopped when nothing did or the store stopped taking documents."""
    files, fields = read_form(upload.parts)
    call.access.require(fields.collection)
    intake, keep = call.service.intake, call.state.keeps_originals
    how: dict[str, Any] = {
        "collection": fields.collection,
        "metadata": fields.metadata,
        "options": fields.options,
        "check": call.run.check,
    }
    if fields.options.ocr:
        require_engine()
    added: list[Change] = []
    failed: list[FailedOut] = []
    errors: list[Exception] = []
    seen: set[str] = set()
    for file in files:
        name = base_name(file.filename)
        call.run.check()
        try:
            with _counted(call.metrics) as done:
                name = checked_name(name, seen, fields.folder)
                content = file.file.read()
                if is_archive(content):
                    changes, bad = intake.add_upload(name, content, **how)
                    done += changes
                    failed += [failed_file(failure.path, failure.reason) for failure in bad]
                    if not changes:
                        raise UnreadableContent(
                            "No file of the archive could be added." if bad else "The archive is empty."
                        )
                else:
                    done.append(intake.add_file(name, content, **how, keep=keep))
            added += done
        except _FILE_ERRORS as error:
            errors.append(error)
            failed.append(failed_file(name, error))
        except (RagError, StoreError) as error:
            raise UploadStopped(error, [change_json(change) for change in added], failed) from error
    if not added:
        same_kind = len({type(error) for error in errors}) == 1
        raise UploadStopped(errors[0] if same_kind else BadInput("None of the files could be added."), [], failed)
    return added, failed


@router.get("", responses=problems(422, 503), summary="List documents")
@blocking
def list_documents(
    call: CallDep,
    cursor: Annotated[Text | None, Query(max_length=200, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Documents per page.")] = 100,
    collection: Annotated[
        CollectionName | None, Query(description="Only this collection; all that the key opens when left out.")
    ] = None,
) -> DocumentsOut:
    """Documents in the order they were first added, a page at a time."""
    if collection is not None:
        call.access.require(collection)
    wanted = call.access.collections if collection is None else frozenset({collection})
    if cursor:  # an empty one begins the list, as none does
        documents = _documents_from(cursor, call, wanted, limit + 1)
    else:
        documents = call.service.documents(collection=wanted, limit=limit + 1)
    page, rest = documents[:limit], documents[limit:]
    next_cursor = f"{page[-1].id}.{rest[0].id}" if rest else None
    return {"documents": [document_json(document) for document in page], "next_cursor": next_cursor}


def _documents_from(cursor: str, call: Call, wanted: frozenset[str] | None, limit: int) -> list[Document]:
    """Up to ``limit`` documents of the wanted collections.  Raises BadInput for a cursor that leads nowhere any more.

    A cursor names the last document of its page and the first of the next, so that it still leads on when the page is deleted.
    """
    last, _, following = cursor.partition(".")
    try:
        call.document(last)
        return call.service.documents(collection=wanted, after=last, limit=limit)
    except (DocumentNotFound, BadInput):  # BadInput: it was deleted in between
        pass
    try:
        first = call.document(following)
        behind = call.service.documents(collection=wanted, after=following, limit=limit)
    except (DocumentNotFound, BadInput) as error:
        raise BadInput(f"no document is left that the cursor {cursor!r} names: begin the list again") from error
    return [first, *behind][:limit] if wanted is None or first.collection in wanted else behind


@router.get("/{document_id}", responses=problems(404, 503), summary="One document")
@blocking
def get_document(document_id: DocumentId, call: CallDep) -> DocumentOut:
    """A document without its text."""
    return document_json(call.document(document_id))


Position = Annotated[int | None, Query(ge=0, description="In code points; half-open.")]


@router.get("/{document_id}/text", responses=problems(404, 422, 503), summary="Its stored text")
@blocking
def get_text(document_id: DocumentId, call: CallDep, start: Position = None, end: Position = None) -> TextOut:
    """The stored text from `start` (else its beginning) to `end` (else its end), with the hash of the whole."""
    call.document(document_id)
    return _text(document_id, call.service.text(document_id), start, end)


@router.get(
    "/{document_id}/structure",
    responses=problems(404, 422, 503),
    summary="Its text as headings, lists and tables",
)
@blocking
def get_structure(document_id: DocumentId, call: CallDep, start: Position = None, end: Position = None) -> StructureOut:
    """The stored text from `start` to `end`, as `/text` gives it, with what each stretch of it is, and the headings of the whole.

    Blocks are told from the passages: nothing is added to the text, and every character that is no white space is in one block.
    """
    call.document(document_id)
    with call.service.store.read() as reader:
        text, passages = reader.text(document_id), reader.passages_of(document_id)
    part = _text(document_id, text, start, end)
    blocks = [_block_json(block) for block in blocks_of(part["text"], part["start"], passages)]
    outline: list[HeadingOut] = [
        {"title": entry.title, "level": entry.level, "start": entry.start, "page": entry.page}
        for entry in outline_of(passages)
    ]
    return {**part, "blocks": blocks, "outline": outline}


def _block_json(block: Block) -> BlockOut:
    rows: list[RowOut] = [
        {
            "head": row.is_head,
            "cells": [
                {
                    "column": cell.column,
                    "columns": cell.n_columns,
                    "start": cell.span.start,
                    "end": cell.span.end,
                    "value_start": cell.value.start,
                    "value_end": cell.value.end,
                }
                for cell in row.cells
            ],
        }
        for row in block.rows
    ]
    return {"kind": block.kind, "start": block.span.start, "end": block.span.end, "level": block.level, "rows": rows}


def _text(document_id: str, text: str, start: int | None, end: int | None) -> TextOut:
    """A part of a text with the hash of the whole, which is of the same state also while the document is being replaced."""
    start = 0 if start is None else start
    end = len(text) if end is None else end
    if start > end or end > len(text):
        raise BadInput(f"start {start} and end {end} must be in order and within the text's {len(text)} characters.")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return {"document_id": document_id, "start": start, "end": end, "text": text[start:end], "sha256": sha256}


@router.delete("/{document_id}", responses=problems(404, 503, 507), summary="Delete a document")
@blocking
def delete_document(document_id: DocumentId, call: CallDep) -> ReceiptOut:
    """Deletes, and answers once nothing of the document can be found any more."""
    call.document(document_id)
    receipt = call.service.store.delete(document_id)
    call.metrics.documents.labels("deleted").inc()
    return receipt_json(receipt)
