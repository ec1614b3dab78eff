"""Uploads: a body as it comes, its files or its text, and what it says of them, checked before any of it is taken in."""

import errno
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, Json, StringConstraints, ValidationError, WithJsonSchema
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from api.deps import Access, is_json, media_type_of, state_of
from api.errors import MALFORMED, Refused, UploadStopped, clean
from api.schemas.requests import CollectionName, DocumentIn, Folder, Input, MetadataIn, Text
from index.errors import StoreFull
from index.types import Upload
from rag.intake.jobs import upload_of_file, upload_of_text
from rag.shared.errors import BadInput, ContentTooLarge, UnsupportedFormat
from rag.shared.shapes import FailedOut
from rag.shared.types import ParseOptions
from rag.shared.validation import composed

_EXTENDED_NAME = re.compile(rb"""filename\*\s*=\s*"?([^'";]+)'[^'";]*'([^'";]*)""", re.IGNORECASE)  # RFC 5987
_MAX_FIELD_BYTES = 1024 * 1024
_MAX_FIELDS = 16
_CUT_OFF = "The multipart body ends before its closing boundary: nothing of it was taken in. Send it again, whole."
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class FormUpload:
    """A multipart body: its parts in order, files spooled to disk when large."""

    parts: tuple[tuple[str, str | UploadFile], ...]


@dataclass(frozen=True, slots=True)
class JsonUpload:
    """A JSON body as it came; whoever parses it does so off the event loop."""

    body: bytes


async def read_upload(request: Request) -> AsyncIterator[FormUpload | JsonUpload]:
    """The body of an upload, as one of the two kinds.

    Raises UnsupportedFormat for any other, Refused for a broken one, StoreFull when there is no room to keep its files while
    they are read.
    """
    upload = await _read_upload(request)
    if isinstance(upload, JsonUpload):
        yield upload
        return
    try:
        yield FormUpload(tuple(upload.multi_items()))
    finally:
        await upload.close()


async def _read_upload(request: Request) -> FormData | JsonUpload:
    try:
        if is_json(request):
            return JsonUpload(await request.body())
        if media_type_of(request) == "multipart/form-data":
            return await _parsed_form(request, state_of(request).settings.max_files)
    except ClientDisconnect as error:
        raise Refused(MALFORMED, "The body ended early.") from error
    except MultiPartException as error:
        raise Refused(MALFORMED, error.message) from error
    except ValueError as error:  # a part's charset or header that the form parser cannot decode
        raise Refused(MALFORMED, "The multipart body cannot be parsed.") from error
    except OSError as error:  # files above 1 MB wait in the directory for temporary files
        if error.errno not in _NO_ROOM:
            raise
        raise StoreFull(f"no space is left for temporary files ({error.strerror})") from error
    raise UnsupportedFormat("Send files as multipart/form-data (field `file`) or one document as application/json.")


class _FormParser(MultiPartParser):
    """Knows whether the closing boundary has come: the parser takes a body that ends anywhere, and drops the part it ends in.

    Text that is not in the form's charset is refused, which the parser reads as Latin-1, and a file's name may stand in
    ``filename*`` (RFC 5987), which the parser passes over.
    """

    is_whole = False

    def on_headers_finished(self) -> None:
        disposition = self._current_part.content_disposition or b""
        self._require_text(disposition, "name of a field or file")
        if b"filename*" in disposition.lower():
            self._current_part.content_disposition = (
                disposition + b'; filename="' + self._extended_name(disposition) + b'"'
            )
        if self._current_files == self.max_files and b"filename" in disposition.lower():
            raise ContentTooLarge(
                f"At most {self.max_files} files are taken at once: send the rest in another request."
            )
        super().on_headers_finished()

    def on_part_end(self) -> None:
        if self._current_part.file is None:
            self._require_text(bytes(self._current_part.data), f"field {self._current_part.field_name!r}")
        super().on_part_end()

    def on_end(self) -> None:
        self.is_whole = True

    def _require_text(self, content: bytes, what: str) -> None:
        try:
            content.decode(self._charset)
        except (LookupError, UnicodeDecodeError) as error:
            raise MultiPartException(f"A {what} is not {self._charset.upper()}: encode forms as UTF-8.") from error

    def _extended_name(self, disposition: bytes) -> bytes:
        """The name in ``filename*``, as it stands in a plain ``filename``."""
        parameter = _EXTENDED_NAME.search(disposition)
        try:
            if parameter is None:
                raise ValueError
            name = unquote_to_bytes(parameter[2]).decode(parameter[1].decode())
            return name.replace("\\", "\\\\").replace('"', '\\"').encode(self._charset)
        except (LookupError, ValueError) as error:
            raise MultiPartException(
                "`filename*` cannot be read: write UTF-8'' and the name percent-encoded."
            ) from error


async def _parsed_form(request: Request, max_files: int) -> FormData:
    async def chunks() -> AsyncGenerator[bytes, None]:
        async with aclosing(request.stream()) as stream:
            async for chunk in stream:
                yield chunk
        if not parser.is_whole:  # raised here, where the parser closes its files
            raise MultiPartException(_CUT_OFF)

    async with aclosing(chunks()) as stream:
        parser = _FormParser(
            request.headers, stream, max_files=max_files, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES
        )
        return await parser.parse()


UploadDep = Annotated[FormUpload | JsonUpload, Depends(read_upload)]


class FormFields(Input):
    """The fields beside the files."""

    collection: CollectionName = "default"
    folder: Folder | None = Field(
        default=None,
        description="Where the files are from: goes before their names, no place on a disk.",
        examples=["notes/2025"],
    )
    metadata: Annotated[Json[MetadataIn], WithJsonSchema({"type": "string"})] = Field(
        default_factory=dict, description="A JSON object, for every file.", examples=['{"year": 2025}']
    )
    ocr: Literal["true", "false"] = Field(
        default="false", description="Whether the text of pictures, and of pages that are pictures, is recognised."
    )
    password: Annotated[Text, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None, description="Of protected files; it is not kept."
    )

    @property
    def options(self) -> ParseOptions:
        """How the files are read."""
        return ParseOptions(ocr=self.ocr == "true", passwords=(self.password,) if self.password else ())


def _form_schema() -> dict[str, Any]:
    file = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
    properties = {"file": file, **FormFields.model_json_schema()["properties"]}
    return {"type": "object", "required": ["file"], "additionalProperties": False, "properties": properties}


UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _form_schema()},
            "application/json": {"schema": DocumentIn.model_json_schema()},
        },
    }
}


def read_text(body: bytes, access: Access) -> DocumentIn:
    """The text of a JSON body. Raises RequestValidationError, Refused."""
    try:
        document = DocumentIn.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error, "body") from error
    access.require(document.collection)
    return document


def described(document: DocumentIn) -> dict[str, Any]:
    """A text as ``rag.intake`` takes it. One of blanks has no first line to be called by, and lists have to call it something."""
    is_nameless = not (document.title or document.source or document.text.strip())
    return {**vars(document), "title": "untitled" if is_nameless else document.title}


def failed_file(name: str, reason: object) -> FailedOut:
    """A file that did not go in."""
    return {"name": clean(name), "reason": clean(str(reason))}


def read_form(parts: Iterable[tuple[str, str | UploadFile]]) -> tuple[list[UploadFile], FormFields]:
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
        return files, FormFields.model_validate(fields)
    except ValidationError as error:
        raise _invalid(error, "form") from error


def _invalid(error: ValidationError, place: str) -> RequestValidationError:
    return RequestValidationError(
        [{**violation, "loc": (place, *violation["loc"])} for violation in error.errors(include_url=False)]
    )


def is_read_as_usual(upload: FormUpload | JsonUpload) -> bool:
    """Whether an upload may wait in a queue, which keeps no password and knows of no other way to read a file."""
    return isinstance(upload, JsonUpload) or not any(name in ("ocr", "password") for name, _ in upload.parts)


def base_name(name: str | None) -> str:
    """The name without its folders, whichever way a client's system writes them."""
    return composed(re.split(r"[/\\]", name or "")[-1].strip())


def checked_name(name: str, seen: set[str], folder: str | None = None) -> str:
    """The name below its folder.  seen: names of this upload so far, to which it is added.

    Raises BadInput for one that cannot name a document, or that would replace another file of this upload.
    """
    if not name or name in (".", ".."):
        raise BadInput("The file has no name.")
    if len(name) > _MAX_NAME or not name.isprintable():
        raise BadInput(f"The file's name must be at most {_MAX_NAME} printable characters.")
    if name in seen:
        raise BadInput("Another file of this upload has the same name (folders do not count).")
    seen.add(name)
    return f"{folder}/{name}" if folder else name


def waiting(upload: FormUpload | JsonUpload, access: Access) -> tuple[str, list[Upload], list[FailedOut]]:
    """What is to be taken in later: its collection, its files or its text, and what is known already not to go in.

    Raises UploadStopped when nothing is left, and as ``read_form`` and ``read_text``.
    """
    if isinstance(upload, JsonUpload):
        document = read_text(upload.body, access)
        return document.collection, [upload_of_text(**described(document))], []
    files, fields = read_form(upload.parts)
    access.require(fields.collection)
    uploads: list[Upload] = []
    failed: list[FailedOut] = []
    seen: set[str] = set()
    for file in files:
        name = base_name(file.filename)
        try:
            name = checked_name(name, seen, fields.folder)
        except BadInput as error:
            failed.append(failed_file(name, error))
            continue
        uploads.append(upload_of_file(name, file.file.read(), collection=fields.collection, metadata=fields.metadata))
    if not uploads:
        raise UploadStopped(BadInput("None of the files could be added."), [], failed)
    return fields.collection, uploads, failed
