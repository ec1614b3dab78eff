"""What happens around every route, outermost first: headers, the last catch, the key, the body limit."""

import hashlib
import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import TOO_LARGE, UNAUTHORIZED, problem, response_for
from api.routes import page
from api.settings import Settings

OPEN_PATHS = ("/livez", "/readyz", *page.PATHS)
UPLOAD_PATH = "/v1/documents"
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


class SecurityHeaders:
    """Adds the headers that a route did not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
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


class RequireKey:
    """Turns away a request without the key, before its body is read or any other work is done."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app = app
        self.digest = hashlib.sha256(key.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            return await self.app(scope, receive, send)
        # Digests have one length, so that the comparison tells nothing of the key's.
        given = [hashlib.sha256(key).digest() for key in _given_keys(scope["headers"])]
        if any([hmac.compare_digest(digest, self.digest) for digest in given]):
            return await self.app(scope, receive, send)
        detail = (
            "Send the key as `Authorization: Bearer KEY` or `X-API-Key: KEY`." if not given else "The key is not valid."
        )
        response = problem(UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer", "Connection": "close"})
        await response(scope, receive, send)


def _given_keys(headers: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    keys = []
    for name, value in headers:
        if name == b"x-api-key":
            keys.append(value)
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            keys.append(value[7:].strip())
    return keys


class BodyLimit:
    """Turns away a body that says it is too large, and cuts one off that turns out to be, counted as bytes arrive."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit = self.settings.max_upload_bytes if scope["path"] == UPLOAD_PATH else self.settings.max_json_bytes
        detail = f"At most {limit} bytes are taken here."
        close = {"Connection": "close"}  # the rest of the body is not worth reading
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > limit:
            return await problem(TOO_LARGE, detail, headers=close)(scope, receive, send)
        total = 0

        async def receive_counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > limit:
                raise HTTPException(TOO_LARGE.status, detail, headers=close)
            return message

        await self.app(scope, receive_counted, send)
