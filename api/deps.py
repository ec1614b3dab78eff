"""What routes are given: the service, the settings, the certainty that a body is JSON, the parts of an upload."""

import errno
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from threading import Event, Semaphore
from typing import Annotated, TypeVar, cast
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from api.admission.load import Lane
from api.errors import ClientLeft, CollectionClosed, MalformedBody
from api.settings import Settings
from api.telemetry import spans
from api.telemetry.kept_questions import Judged, Unanswered
from api.telemetry.metrics import Metrics
from api.workers.messages import Answered, answer
from api.workers.pool import Answerers
from index.errors import DocumentNotFound, StoreFull
from index.types import Document
from rag.generation.language_model import ChatModel
from rag.service import Service
from rag.shared.errors import ContentTooLarge, UnsupportedFormat
from rag.shared.types import Query

T = TypeVar("T")

_JSON_TYPES = re.compile(r"application/(?:json|[^\s;/]+\+json)", re.IGNORECASE)
_EXTENDED_NAME = re.compile(rb"""filename\*\s*=\s*"?([^'";]+)'[^'";]*'([^'";]*)""", re.IGNORECASE)  # RFC 5987
_MAX_FIELD_BYTES = 1024 * 1024
_MAX_FIELDS = 16
_CUT_OFF = "The multipart body ends before its closing boundary: nothing of it was taken in. Send it again, whole."
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def service_of(request: Request) -> Service:
    """The service that this application was created with."""
    return cast(Service, request.app.state.service)


def generations_of(request: Request) -> Semaphore:
    """Places for answers that a language model writes."""
    return cast(Semaphore, request.app.state.generations)


def answerers_of(request: Request) -> Answerers | None:
    """The processes that answer; None while the service's own process does."""
    answerers = cast(Answerers | None, request.app.state.answerers)
    return answerers if answerers is not None and answerers.started else None


def judged_of(request: Request) -> Judged | None:
    """Where judged answers are kept; None for nowhere."""
    return cast(Judged | None, request.app.state.judged)


def unanswered_of(request: Request) -> Unanswered | None:
    """Where questions without an answer are kept; None for nowhere."""
    return cast(Unanswered | None, request.app.state.unanswered)


def keeps_originals(request: Request) -> bool:
    """Whether uploaded files are kept."""
    return bool(request.app.state.keeps_originals)


def language_model_of(request: Request) -> ChatModel:
    """The model that writes answers.  Raises BadInput where none is set."""
    model = service_of(request).language_model
    return spans.TracedModel(model) if request.app.state.settings.tracing else model


async def get_service(request: Request) -> Service:
    """The same, as a dependency: the framework runs what is not async in a thread."""
    return service_of(request)


async def get_settings(request: Request) -> Settings:
    """The settings that this application was created with."""
    return cast(Settings, request.app.state.settings)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def require_json(request: Request) -> None:
    """Raises UnsupportedFormat for a body of another kind; a missing body is the schema's business."""
    if not _JSON_TYPES.fullmatch(_media_type(request)) and await request.body():
        raise UnsupportedFormat("Send the body as application/json.")


@dataclass(frozen=True, slots=True)
class FormUpload:
    """A multipart body: its parts in order, files spooled to disk when large."""

    parts: tuple[tuple[str, str | UploadFile], ...]


@dataclass(frozen=True, slots=True)
class JsonUpload:
    """A JSON body as it came; whoever parses it does so off the event loop."""

    body: bytes


async def read_upload(
    request: Request, settings: Annotated[Settings, Depends(get_settings)]
) -> AsyncIterator[FormUpload | JsonUpload]:
    """The body of an upload, as one of the two kinds.

    Raises UnsupportedFormat for any other, MalformedBody for a broken one, StoreFull when there is no room to keep its files while
    they are read.
    """
    upload = await _read_upload(request, settings)
    if isinstance(upload, JsonUpload):
        yield upload
        return
    try:
        yield FormUpload(tuple(upload.multi_items()))
    finally:
        await upload.close()


async def _read_upload(request: Request, settings: Settings) -> FormData | JsonUpload:
    kind = _media_type(request)
    try:
        if _JSON_TYPES.fullmatch(kind):
            return JsonUpload(await request.body())
        if kind == "multipart/form-data":
            return await _read_form(request, settings.max_files)
    except ClientDisconnect as error:
        raise MalformedBody("The body ended early.") from error
    except MultiPartException as error:
        raise MalformedBody(error.message) from error
    except ValueError as error:  # a part's charset or header that the form parser cannot decode
        raise MalformedBody("The multipart body cannot be parsed.") from error
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


async def _read_form(request: Request, max_files: int) -> FormData:
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


class Run:
    """Runs work that blocks in a thread of the request's lane; see ``api.admission.load.Lane.run``."""

    def __init__(self, request: Request, lane: Lane | None = None) -> None:
        """lane: another than the one that the request's head says."""
        self._request = request
        self._lane = lane
        self._given_up = Event()

    def check(self) -> None:
        """For work that takes long to ask now and then.  Raises ClientLeft when nobody waits for it any more."""
        if self._given_up.is_set():
            raise ClientLeft

    async def __call__(self, work: Callable[[], T], within_s: float | None = None) -> T:
        """What ``work`` gives.  within_s: seconds from the request's first byte, unless as long as its lane allows."""
        state = self._request.state
        lane: Lane = self._lane or state.lane
        seconds = lane.deadline_s if within_s is None else within_s
        needs_place = state.needs_place if lane is state.lane else True
        return await lane.run(
            work, self._request.receive, state.started + seconds, self._given_up, needs_place=needs_place
        )


def make_answer(request: Request, query: Query, check: Callable[[], None]) -> Answered:
    """The answer to a question, by whichever process answers, counted.  It blocks.  Raises as ``Service.ask``.

    check: as of ``Run``.
    """
    query = replace(query, nameable=access_of(request).collections)
    answerers, service = answerers_of(request), service_of(request)

    def work() -> Answered:
        return answerers.answer(query, check) if answerers else answer(service, query)

    is_traced = request.app.state.settings.tracing
    made = spans.retrieval(query, str(service.settings["model"]), work) if is_traced else work()
    metrics = metrics_of(request)
    for stage, milliseconds in made.stages.items():
        metrics.stage_seconds.labels(stage).observe(milliseconds / 1000)
    metrics.answers.labels("true" if made.answered else "false").inc()
    return made


@dataclass(frozen=True, slots=True)
class Access:
    """Which collections the request's key opens; None for all. What it does not open is as if it were not there."""

    collections: frozenset[str] | None

    def require(self, collection: str) -> None:
        """Raises CollectionClosed for a collection that the key does not open, whether there is one or not."""
        if self.collections is not None and collection not in self.collections:
            raise CollectionClosed(f"This key opens {', '.join(map(repr, sorted(self.collections)))} only.")

    def document(self, service: Service, document_id: str) -> Document:
        """The document.  Raises DocumentNotFound also for one of a collection that the key does not open."""
        document = service.document(document_id)
        if self.collections is not None and document.collection not in self.collections:
            raise DocumentNotFound(f"no document has the id {document_id}")
        return document


def access_of(request: Request) -> Access:
    """What the request's key opens."""
    return Access(getattr(request.state, "collections", None))


async def get_access(request: Request) -> Access:
    """The same, as a dependency."""
    return access_of(request)


def metrics_of(request: Request) -> Metrics:
    """What this application counts."""
    return cast(Metrics, request.app.state.metrics)


async def get_metrics(request: Request) -> Metrics:
    """The same, as a dependency."""
    return metrics_of(request)


async def get_run(request: Request) -> Run:
    """How this request's work is run."""
    return Run(request)


AccessDep = Annotated[Access, Depends(get_access)]
MetricsDep = Annotated[Metrics, Depends(get_metrics)]
RunDep = Annotated[Run, Depends(get_run)]
ServiceDep = Annotated[Service, Depends(get_service)]
UploadDep = Annotated[FormUpload | JsonUpload, Depends(read_upload)]
