"""Problem details in the form that the clients of each door read; what a client is told is the same everywhere."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission.paths import MCP_PATH
from api.errors import MEDIA_TYPE

_PROBLEM = (b"content-type", MEDIA_TYPE.encode())
_INVALID_REQUEST = -32600  # JSON-RPC 2.0, section 5.1
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_DIFY_CODES = {401: 1002, 403: 1002, 404: 2001}


class DoorErrors:
    """Rewrites the problems of the other doors; everything else passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "") if scope["type"] == "http" else ""
        as_door = next((form for beginning, form in _FORMS.items() if path.startswith(beginning)), None)
        if as_door is None:
            return await self.app(scope, receive, send)
        begun: Message | None = None

        async def send_rewritten(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and _PROBLEM in message["headers"]:
                begun = message  # problems come whole, in one further message
                return
            if begun is None or message["type"] != "http.response.body":
                return await send(message)
            status, body = as_door(json.loads(message["body"]))
            content = json.dumps(body, ensure_ascii=False).encode()
            kept = [pair for pair in begun["headers"] if pair[0] not in (b"content-type", b"content-length")]
            headers = [*kept, (b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})

        await self.app(scope, receive, send_rewritten)


def openai_error(problem: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """The status and body that OpenAI's clients expect."""
    status = 400 if problem["status"] == 422 else int(problem["status"])
    usual = "server_error" if status >= 500 else "invalid_request_error"
    first: Mapping[str, Any] = next(iter(problem.get("errors", ())), {})
    code = str(problem["type"]).rpartition("/")[2].replace("-", "_")
    error = {"message": problem["detail"], "type": _OPENAI_TYPES.get(status, usual), "param": first.get("in")}
    return status, {"error": {**error, "code": code}}


def dify_error(problem: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """The status and body that Dify expects of an external knowledge base."""
    status = int(problem["status"])
    return status, {"error_code": _DIFY_CODES.get(status, status), "error_msg": problem["detail"]}


def json_rpc_error(problem: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """The status and body of a request that never came to the MCP server, and whose id is therefore not known."""
    error = {"code": _INVALID_REQUEST, "message": problem["detail"], "data": {"type": problem["type"]}}
    return int(problem["status"]), {"jsonrpc": "2.0", "id": None, "error": error}


_FORMS = {"/openai/v1": openai_error, "/dify/": dify_error, MCP_PATH: json_rpc_error}
