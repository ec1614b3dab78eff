"""The page and its files: a fixed list of names, no path of a client ever reaches the disk."""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import Response

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent.parent / "web"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
# Address -> file and media type: what lies in the folder when the service starts, and nothing else.
_FILES = {"/": (_FOLDER / "index.html", "text/html; charset=utf-8")} | {
    f"/web/{path.relative_to(_FOLDER).as_posix()}": (path, _TYPES[path.suffix])
    for path in sorted(_FOLDER.rglob("*"))
    if path.suffix in _TYPES
}
# Served without a key: the page holds nothing of the store and is what asks for the key.
PATHS = tuple(_FILES)

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",  # pages of documents, which are fetched with the key
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        # Text of documents must never become HTML: with no trusted types, assigning to innerHTML throws.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)


class _File(NamedTuple):
    content: bytes
    media_type: str
    etag: str


@cache
def _file(path: str) -> _File:
    place, media_type = _FILES[path]
    content = place.read_bytes()
    return _File(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def serve(request: Request) -> Response:
    """The file of this path, or 304 for a client that has it."""
    file = _file(request.url.path)
    # Asked again every time and answered by the hash: after an upgrade no mixture of old and new files runs.
    headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}
    known = request.headers.get("if-none-match", "")
    if file.etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


for _path in PATHS:
    router.add_api_route(_path, serve, methods=["GET", "HEAD"], response_model=None)
