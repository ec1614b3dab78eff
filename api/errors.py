"""From an exception to a status and RFC 9457 problem details: the only place that knows status codes of failures."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from index.errors import (
    DocumentNotFound,
    StoreBehind,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMismatch,
    StoreMissing,
    StoreReplaced,
    StoreTooNew,
    StoreUnreachable,
    StoreUnwritable,
)
from rag.shared.errors import (
    BadInput,
    ContentTooLarge,
    ModelDamaged,
    ModelUnavailable,
    Overloaded,
    RagError,
    UnreadableContent,
    UnsupportedFormat,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# Only the log ever shows it: there is nobody to read the response.
CLIENT_LEFT = 499
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SHOWN_ERRORS = 20
# What pydantic says of the length of a text that a validator of ours has looked at first.
_LENGTH = re.compile(r"^Value should have (at (?:least|most) \d+) item(s?) after validation")
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem. ``detail`` stands in for the exception's own words where those tell of paths and processes."""

    status: int
    slug: str
    title: str
    detail: str | None = None
    retry_after_s: int | None = None

    @property
    def uri(self) -> str:
        """The problem's ``type``, relative to the service."""
        return f"/problems/{self.slug}"


INVALID = Kind(422, "invalid-request", "The request does not fit its schema")
MALFORMED = Kind(400, "malformed-request", "The body cannot be parsed")
NO_REQUEST = Kind(400, "malformed-http", "This cannot be read as an HTTP request")
TARGET_TOO_LONG = Kind(414, "target-too-long", "The request's target is too long")
HEAD_TOO_LONG = Kind(431, "head-too-long", "The request's head is too long")
UNAUTHORIZED = Kind(401, "unauthorized", "A valid key is required")
FORBIDDEN = Kind(403, "forbidden", "This key may not do that")
FOREIGN_HOST = Kind(403, "foreign-host", "This service does not answer to that name")
FOREIGN_ORIGIN = Kind(403, "foreign-origin", "Pages of other sites may not do this")
NOT_FOUND = Kind(404, "not-found", "Nothing is here", "Nothing is at this path: `/openapi.json` lists those that are.")
NOT_ALLOWED = Kind(
    405,
    "method-not-allowed",
    "This method is not offered here",
    "This path has other methods: the `Allow` header names them.",
)
TOO_SLOW = Kind(408, "body-too-slow", "The body came too slowly")
TOO_MANY = Kind(429, "too-many-requests", "This key asks too often")
TOO_LARGE = Kind(413, "content-too-large", "The content is too large")
UNSUPPORTED = Kind(415, "unsupported-format", "This format is not read")
COLLECTION_CLOSED = Kind(403, "collection-closed", "This key does not open that collection")
COLLECTION_NOT_FOUND = Kind(404, "collection-not-found", "No collection has this name")
ORIGINAL_NOT_FOUND = Kind(404, "original-not-found", "The file of this document is not here")
PAGE_NOT_FOUND = Kind(404, "page-not-found", "This page is not there")
JOB_NOT_FOUND = Kind(404, "job-not-found", "No job has this id")
STOPPING = Kind(503, "stopping", "The service is stopping", "Another one may take its place shortly.", 5)
INTERNAL = Kind(500, "internal-error", "Something went wrong here", "The error was logged.")


class Refused(Exception):
    """What this service itself answers with a problem of some kind."""

    def __init__(self, kind: Kind, detail: str = "") -> None:
        super().__init__(detail)
        self.kind = kind


class NotKept(Exception):
    """The file that keeps questions cannot be used."""


class DeadlineExceeded(Exception):
    """A request took longer than it may."""


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class UploadStopped(Exception):
    """An upload that did not go through: why, and per file what did and did not go in.

    documents: as in a 201, already durable.  failed: ``{"name", "reason"}`` of each file that did not go in.
    """

    def __init__(self, cause: Exception, documents: Sequence[object], failed: Sequence[object]) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.documents = documents
        self.failed = failed


def no_collection(name: str) -> Refused:
    """Told by doors whose clients expect to hear of it."""
    return Refused(COLLECTION_NOT_FOUND, f"There is no collection {name!r}: none of its documents is here.")


_STORE_UNUSABLE = "The operator has to look at the store: `rag verify` says what is wrong."
KINDS: Mapping[type[Exception], Kind] = {
    BadInput: Kind(422, "bad-input", "What was asked cannot be done as asked"),
    UnreadableContent: Kind(422, "unreadable-content", "The content cannot be read"),
    UnsupportedFormat: UNSUPPORTED,
    ContentTooLarge: TOO_LARGE,
    DocumentNotFound: Kind(404, "document-not-found", "No document has this id"),
    NotKept: Kind(
        503, "not-kept", "The file that keeps this cannot be used", "The operator finds the reason in the log."
    ),
    DeadlineExceeded: Kind(
        503,
        "deadline-exceeded",
        "This took too long",
        "Try again shortly. What was to be written may still be; sending it again is safe.",
        1,
    ),
    Overloaded: Kind(503, "overloaded", "More work is waiting than may wait", "Try again shortly.", 1),
    StoreReplaced: Kind(
        503, "store-replaced", "The store was replaced while it was used", "Try again: it is opened anew.", 1
    ),
    StoreLocked: Kind(503, "store-locked", "Another process is writing", "Try again shortly.", 5),
    StoreFull: Kind(
        507,
        "disk-full",
        "No space is left",
        "What was acknowledged before is untouched. Send this again once there is room.",
    ),
    StoreUnreachable: Kind(503, "store-unreachable", "The store's database cannot be reached", "Try again shortly.", 2),
    StoreBehind: Kind(503, "store-behind", "The store has not got that far", None, 1),
    StoreMissing: Kind(503, "store-missing", "The store is gone", _STORE_UNUSABLE),
    StoreDamaged: Kind(503, "store-damaged", "The store is damaged", _STORE_UNUSABLE),
    StoreTooNew: Kind(503, "store-too-new", "The store was written by a newer version", _STORE_UNUSABLE),
    StoreMismatch: Kind(503, "store-mismatch", "The store belongs to another model", _STORE_UNUSABLE),
    StoreUnwritable: Kind(503, "store-unwritable", "The store cannot be written", _STORE_UNUSABLE),
    ModelUnavailable: Kind(
        503, "model-unavailable", "The model cannot be loaded", "The operator finds the reason in the log."
    ),
    ModelDamaged: Kind(503, "model-damaged", "The model is damaged", "The operator finds the reason in the log."),
}
_NAMED = [value for value in tuple(globals().values()) if isinstance(value, Kind)]
ALL_KINDS = tuple(dict.fromkeys([*_NAMED, *KINDS.values()]))


def problem(
    kind: Kind,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    extensions: Mapping[str, object] | None = None,
) -> Response:
    """The response for a problem; ``extensions`` are further members of its JSON object."""
    shown = clean(kind.detail or detail or kind.title)
    body = {"type": kind.uri, "title": kind.title, "status": kind.status, "detail": shown, **(extensions or {})}
    response = Response(
        json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace"),
        status_code=kind.status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )
    if kind.retry_after_s is not None:
        response.headers["Retry-After"] = str(kind.retry_after_s)
    return response


def clean(text: str) -> str:
    """``text`` cut to a readable length and free of what is not UTF-8 (a client's words may stand in it)."""
    if len(text) > _SHOWN_CHARACTERS:
        text = text[: _SHOWN_CHARACTERS - 3] + "..."
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def response_for(error: Exception) -> Response:
    """The response for any exception; what nobody expected is logged and answered without internals."""
    if isinstance(error, ClientLeft):
        return Response(status_code=CLIENT_LEFT)
    if isinstance(error, UploadStopped):
        kind = _kind_of(error.cause)
        return problem(kind, str(error), extensions={"documents": error.documents, "failed": error.failed})
    if isinstance(error, RequestValidationError):
        return _validation_problem(error)
    if isinstance(error, HTTPException):
        return problem(_kind_of_status(error.status_code), error.detail, headers=error.headers)
    return problem(_kind_of(error), str(error))


def _kind_of(error: Exception) -> Kind:
    if isinstance(error, Refused):
        kind = error.kind
    else:
        kind = next((KINDS[step] for step in type(error).__mro__ if step in KINDS), INTERNAL)
    if kind is INTERNAL:
        logger.error("unexpected error", exc_info=error)
    elif kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("%s: %s", kind.slug, error)
    return kind


def _kind_of_status(status: int) -> Kind:
    """The kind of what the framework raises by number."""
    for kind in (MALFORMED, UNAUTHORIZED, NOT_FOUND, NOT_ALLOWED, TOO_SLOW, TOO_LARGE, UNSUPPORTED):
        if kind.status == status:
            return kind
    return Kind(status, f"http-{status}", HTTPStatus(status).phrase)


def _validation_problem(error: RequestValidationError) -> Response:
    violations = list(error.errors())
    # "json_invalid": the body is not JSON at all. In a form field it is one bad value among good ones.
    malformed = next((item for item in violations if item["type"] == "json_invalid" and item["loc"][0] == "body"), None)
    if malformed is not None:
        reason = malformed.get("ctx", {}).get("error", "")
        return problem(MALFORMED, f"The body is not valid JSON: {reason}".rstrip(": "))
    errors = [_violation(item["loc"], item["msg"]) for item in violations[:_SHOWN_ERRORS]]
    first = errors[0]
    return problem(INVALID, f"{first['in']}: {first['reason']}", extensions={"errors": errors})


def _violation(location: Sequence[str | int], message: str) -> dict[str, str]:
    place, *steps = location
    where = ".".join(str(step) for step in steps) or str(place)
    reason = _LENGTH.sub(r"String should have \1 character\2", message.removeprefix("Value error, "))
    return {"in": clean(where), "reason": clean(reason)}


async def _handle(request: Request, error: Exception) -> Response:
    response = response_for(error)
    if response.status_code == NOT_ALLOWED.status:
        response.headers["Allow"] = ", ".join(_methods_at(request))
    return response


def _methods_at(request: Request) -> list[str]:
    """The methods of a path. The framework names those of one route only, where each method has a route of its own."""
    routes = request.app.router.routes
    answered_as = {method: "GET" if method == "HEAD" else method for method in _METHODS}
    return [
        method
        for method, as_method in answered_as.items()
        if any(route.matches({**request.scope, "method": as_method})[0] is Match.FULL for route in routes)
    ]


def install(app: FastAPI) -> None:
    """Answer every expected exception of ``app`` with problem details; the unexpected ones are the middleware's."""
    own = (ClientLeft, DeadlineExceeded, NotKept, UploadStopped)
    for kind in (RagError, StoreError, Refused, *own, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _handle)
