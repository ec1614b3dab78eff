"""What happens around every route: security headers, the last catch, the body limit."""

import asyncio
import time

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission.paths import UPLOAD_PATHS
from api.errors import TOO_LARGE, TOO_SLOW, problem, response_for
from api.settings import Settings

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# A body that stops for so long, or that brings less on average once so long has passed, would only keep a place from others.
_IDLE_S = 10.0
_LEAST_BYTES_PER_S = 1024
SECURITY_HEADERS = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]


class SecurityHeaders:
    """Adds the headers that a route did not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                own = {name for name, _ in headers}
                headers += [pair for pair in SECURITY_HEADERS if pair[0] not in own]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class LastCatch:
    """Answers what no handler expected with a 500 that says nothing of the inside; the log has it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as error:  # the last one: nothing outside could answer the client
            response = response_for(error)
            if started:
                raise  # too late for another status: the server cuts the connection
            await response(scope, receive, send)


class BodyLimit:
    """Turns away a body that says it is too large, and cuts one off that turns out to be, that comes too slowly or not in time."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        is_upload = scope["path"] in UPLOAD_PATHS
        limit = self.settings.max_upload_bytes if is_upload else self.settings.max_json_bytes
        detail = f"At most {limit} bytes are taken here."
        close = {"Connection": "close"}  # the rest of the body is not worth reading
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > limit:
            return await problem(TOO_LARGE, detail, headers=close)(scope, receive, send)
        seconds = self.settings.upload_deadline_s if is_upload else self.settings.deadline_s
        started = time.monotonic()
        total = 0
        is_whole = False

        async def receive_counted() -> Message:
            nonlocal total, is_whole
            if is_whole:  # what still comes is the client's leaving, and that has time
                return await receive()
            now = time.monotonic()
            slowest = started + _IDLE_S + total / _LEAST_BYTES_PER_S
            try:
                async with asyncio.timeout(min(started + seconds, now + _IDLE_S, slowest) - now):
                    message = await receive()
            except TimeoutError as error:
                late = (
                    f"A body must be here whole within {seconds:g} seconds, never stop for {_IDLE_S:g}, and bring at least "
                    f"{_LEAST_BYTES_PER_S} bytes a second."
                )
                raise HTTPException(TOO_SLOW.status, late, headers=close) from error
            is_whole = not message.get("more_body", False)
            total += len(message.get("body", b""))
            if total > limit:
                raise HTTPException(TOO_LARGE.status, detail, headers=close)
            return message

        await self.app(scope, receive_counted, send)
