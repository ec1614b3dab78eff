"""A server that speaks as OpenAI's chat completions do, and behaves as a test tells it to."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.stub_server import Handler, serving

PIECE = 12  # characters that are sent at once
Reply = Callable[[dict[str, Any]], str]


@dataclass
class Stub:
    """url: with /v1.  requests: bodies that came.  formats: kinds of ``response_format`` that it takes.

    before_piece: called before each piece is sent.  breaks_off: whether it ends in the middle.  status: of every reply but 200.
    usage: in the last chunk.  before_refusal: called before a ``response_format`` is refused.  endless: whether it sends one line
    that does not end.  instead: what it sends in place of each event.
    """

    reply: Reply
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    formats: tuple[str, ...] = ("json_schema", "json_object")
    before_piece: Callable[[], object] = lambda: None
    breaks_off: bool = False
    status: int = 200
    usage: dict[str, int] | None = None
    before_refusal: Callable[[], object] = lambda: None
    endless: bool = False
    instead: str = ""


def sentences_reply(*sentences: tuple[str, list[str]]) -> str:
    """A reply in the form that is asked for."""
    items = [{"text": text, "evidence": evidence} for text, evidence in sentences]
    return json.dumps({"answerable": bool(items), "sentences": items})


def offered(body: dict[str, Any]) -> dict[str, str]:
    """The numbered sentences of a request: id -> text."""
    content = next(message["content"] for message in body["messages"] if message["role"] == "user")
    numbered: dict[str, str] = json.JSONDecoder().raw_decode(content[content.index("{") :])[0]
    return numbered


@contextmanager
def serve(reply: Reply, **behaviour: Any) -> Iterator[Stub]:
    """The stub, listening on a free port until the end of the block."""
    stub = Stub(reply, **behaviour)

    class Chat(Handler):
        def do_GET(self) -> None:
            self.reply(json.dumps({"data": [{"id": "stub-model"}]}).encode())

        def do_POST(self) -> None:
            body = self.read()
            stub.requests.append(body)
            wanted = (body.get("response_format") or {}).get("type")
            if wanted is not None and wanted not in stub.formats:
                stub.before_refusal()
                return self.reply(b'{"error": "unknown response_format"}', 400)
            if stub.status != 200:
                return self.reply(b"{}", stub.status)
            text = stub.reply(body)
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            while stub.endless:
                self.wfile.write(b"x" * 65_536)
            pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
            for piece in pieces[: len(pieces) // 2] if stub.breaks_off else pieces:
                stub.before_piece()
                self._event(json.dumps({"choices": [{"delta": {"content": piece}, "finish_reason": None}]}))
            if not stub.breaks_off:
                if stub.usage:
                    last = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": stub.usage}
                    self._event(json.dumps(last))
                self._event("[DONE]")

        def _event(self, data: str) -> None:
            self.wfile.write(f"data: {stub.instead or data}\n\n".encode())
            self.wfile.flush()

    with serving(Chat) as stub.url:
        yield stub
