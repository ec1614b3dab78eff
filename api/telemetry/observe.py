"""A line in the log for each request, and a number in the metrics."""

import logging
import re
import time
import uuid
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission.paths import route_of_door
from api.errors import CLIENT_LEFT
from api.telemetry.logs import request_id
from api.telemetry.metrics import Metrics

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS")
_ROUTES = ("/v1/ask", "/v1/collections", "/v1/documents", "/v1/verify", "/metrics", "/openapi.json")

logger = logging.getLogger(__name__)


class Observe:
    """Gives every request an id, counts it and logs it once it is answered.

    The id is the client's ``X-Request-ID`` where that is short and plain, else a new one; the response carries it back.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, open_paths: Collection[str]) -> None:
        """open_paths: of probes and the page's files, which say something only when they fail."""
        self.open_paths = open_paths
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = time.perf_counter()
        identity = identity_of(Headers(scope=scope).get("x-request-id", ""))
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
        is_open = scope["path"] in self.open_paths
        route = scope["path"] if is_open else route_of(scope["path"])
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.requests.labels(method, route, str(status)).inc()
        self.metrics.request_seconds.labels(route).observe(seconds)
        is_routine = is_open and status < 400
        fields = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        if "key" in scope.get("state", {}):
            fields["key"] = scope["state"]["key"]
        message = f"{method} {route} {status} {fields['ms']} ms"
        logger.log(logging.DEBUG if is_routine else logging.INFO, message, extra=fields)


def identity_of(sent: str) -> str:
    """A request's id, of what its client gave as one."""
    return sent if _GIVEN_ID.fullmatch(sent) else uuid.uuid4().hex


def route_of(path: str) -> str:
    """The route of a path as it is described, without what a client put in it; "other" for paths that lead nowhere."""
    if path in _ROUTES:
        return path
    if path.startswith("/v1/documents/"):
        return "/v1/documents/{document_id}" + ("/text" if path.endswith("/text") else "")
    return route_of_door(path) or "other"
