"""Logs: a line a request, and errors by where they happened. No question, no text or name of a document, no key.

The words of an unexpected exception are left out, too: they may quote what was being worked on.
"""

import json
import logging
import re
import sys
import time
import traceback
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import OPEN_PATHS
from api.errors import CLIENT_LEFT
from api.metrics import Metrics

Format = Literal["text", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FIELDS = ("method", "route", "status", "ms", "key", "url", "store", "documents", "passages")
_METHODS = ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS")
_ROUTES = (*OPEN_PATHS, "/v1/ask", "/v1/collections", "/v1/documents", "/v1/verify", "/metrics", "/openapi.json")

logger = logging.getLogger(__name__)
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class TextLines(logging.Formatter):
    """Lines for people."""

    def __init__(self) -> None:
        super().__init__("rag: %(message)s")

    def formatException(self, ei: _Raised) -> str:
        """Where it happened."""
        return "\n".join(f"  {line}" for line in where(ei[1]))


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """``time``, ``level``, ``logger``, ``message``, and what is known of ``request_id``, a request, and an ``error``."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            entry["request_id"] = current
        entry |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1] is not None:
            entry["error"] = where(record.exc_info[1])
        return json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def where(error: BaseException | None) -> list[str]:
    """The kinds of an exception and of those that led to it, each with its frames, innermost first; none of their words."""
    found: list[str] = []
    while error is not None and len(found) < 10:
        frames = [
            f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[::-1]
        ]
        found.append(f"{type(error).__name__} at {' < '.join(frames)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def configure(lines: Format) -> None:
    """Log to stderr from now on, as text or as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if lines == "json" else TextLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("api", "rag"):
        logging.getLogger(name).setLevel(logging.INFO)


class Observe:
    """Gives every request an id, counts it and logs it once it is answered.

    The id is the client's ``X-Request-ID`` where that is short and plain, else a new one; the response carries it back.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = time.perf_counter()
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        token = request_id.set(identity)
        status = CLIENT_LEFT  # unless an answer is begun

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = identity
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            self._note(scope, status, time.perf_counter() - started)
            request_id.reset(token)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope["path"])
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.requests.add(method, route, str(status))
        self.metrics.request_seconds.observe(seconds, route)
        # Probes and the page's files say something only when they fail.
        is_routine = scope["path"] in OPEN_PATHS and status < 400
        fields = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        if "key" in scope.get("state", {}):
            fields["key"] = scope["state"]["key"]
        message = f"{method} {route} {status} {fields['ms']} ms"
        logger.log(logging.DEBUG if is_routine else logging.INFO, message, extra=fields)


def route_of(path: str) -> str:
    """The route of a path as it is described, without what a client put in it; "other" for paths that lead nowhere."""
    if path in _ROUTES:
        return path
    if path.startswith("/v1/documents/"):
        return "/v1/documents/{document_id}" + ("/text" if path.endswith("/text") else "")
    return "other"
