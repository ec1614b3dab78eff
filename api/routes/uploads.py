"""What an upload says: its files or its text, checked before any of it is taken in."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import StringConstraints, TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from api.deps import Access, FormUpload, JsonUpload
from api.errors import UploadStopped, clean
from api.schemas.requests import CollectionName, DocumentIn, Folder, Input, MetadataIn, Text
from index.types import Metadata, Upload
from rag.intake.jobs import upload_of_file, upload_of_text
from rag.shared.errors import BadInput
from rag.shared.types import ParseOptions
from rag.shared.validation import composed

_MAX_NAME = 255


class FormFields(Input):
    """The fields beside the files."""

    collection: CollectionName = "default"
    folder: Folder | None = None
    metadata: MetadataIn = {}
    ocr: Literal["true", "false"] = "false"
    password: Annotated[Text, StringConstraints(min_length=1, max_length=200)] | None = None

    @property
    def options(self) -> ParseOptions:
        """How the files are read."""
        return ParseOptions(ocr=self.ocr == "true", passwords=(self.password,) if self.password else ())


UPLOAD_BODY: dict[str, Any] = {
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
                        "ocr": {
                            "type": "string",
                            "enum": ["true", "false"],
                            "description": "Whether the text of pictures, and of pages that are pictures, is recognised.",
                        },
                        "password": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 200,
                            "pattern": r"^[^\u0000]*$",
                            "description": "Of protected files; it is not kept.",
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


def read_text(body: bytes, access: Access) -> DocumentIn:
    """The text of a JSON body. Raises RequestValidationError, CollectionClosed."""
    try:
        given = DocumentIn.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error, "body") from error
    access.require(given.collection)
    return given


def title_of(given: DocumentIn) -> str | None:
    """A text of blanks has no first line to be called by, and lists and notes have to call it something."""
    is_nameless = not (given.title or given.source or given.text.strip())
    return "untitled" if is_nameless else given.title


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
        if "metadata" in fields:
            fields["metadata"] = _METADATA.validate_json(fields["metadata"])
    except ValidationError as error:
        raise _invalid(error, "form", "metadata") from error
    try:
        known = FormFields.model_validate(fields)
    except ValidationError as error:
        raise _invalid(error, "form") from error
    return files, known


_METADATA: TypeAdapter[Metadata] = TypeAdapter(MetadataIn)


def _invalid(error: ValidationError, *place: str) -> RequestValidationError:
    return RequestValidationError(
        [{**found, "loc": (*place, *found["loc"])} for found in error.errors(include_url=False)]
    )


def is_read_as_usual(upload: FormUpload | JsonUpload) -> bool:
    """Whether an upload may wait in a queue, which keeps no password and knows of no other way to read a file."""
    return isinstance(upload, JsonUpload) or not any(name in ("ocr", "password") for name, _ in upload.parts)


def base_name(name: str) -> str:
    """The name without its folders, whichever way a client's system writes them."""
    return composed(re.split(r"[/\\]", name)[-1].strip())


def check_name(name: str, seen: set[str]) -> None:
    """Raises BadInput for a name that cannot name a document, or that would replace another file of this upload."""
    if not name or name in (".", ".."):
        raise BadInput("The file has no name.")
    if len(name) > _MAX_NAME or not name.isprintable():
        raise BadInput(f"The file's name must be at most {_MAX_NAME} printable characters.")
    if name in seen:
        raise BadInput("Another file of this upload has the same name (folders do not count).")


def waiting(upload: FormUpload | JsonUpload, access: Access) -> tuple[str, list[Upload], list[dict[str, object]]]:
    """What is to be taken in later: its collection, its files or its text, and what is known already not to go in.

    Raises UploadStopped when nothing is left, and as ``read_form`` and ``read_text``.
    """
    failed: list[dict[str, object]] = []
    if isinstance(upload, JsonUpload):
        given = read_text(upload.body, access)
        collection = given.collection
        uploads = [
            upload_of_text(
                title=title_of(given),
                text=given.text,
                source=given.source,
                metadata=given.metadata,
                collection=collection,
            )
        ]
    else:
        files, fields = read_form(upload.parts)
        collection = fields.collection
        access.require(collection)
        uploads, seen = [], set[str]()
        for file in files:
            name = base_name(file.filename or "")
            try:
                check_name(name, seen)
            except BadInput as error:
                failed.append({"name": clean(name), "reason": clean(str(error))})
                continue
            seen.add(name)
            uploads.append(_file_upload(f"{fields.folder}/{name}" if fields.folder else name, file, fields))
        if not uploads:
            raise UploadStopped(BadInput("None of the files could be added."), [], failed)
    return collection, uploads, failed


def _file_upload(name: str, file: UploadFile, fields: FormFields) -> Upload:
    return upload_of_file(name, file.file.read(), collection=fields.collection, metadata=fields.metadata)
