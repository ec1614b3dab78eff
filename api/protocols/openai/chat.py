"""`POST /openai/v1/chat/completions`: the model names the collection, the last message of the user is the question."""

import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field

from api.deps import require_json
from api.protocols.asking import Made
from api.protocols.citing import cited_sentences, summary, text_of
from api.protocols.links import Links
from api.protocols.openai.annotations import chat_annotations, sources, url_citation
from api.protocols.openai.answering import Json, Mode, Piece, reply
from api.protocols.openai.collections import Lenient, collection_of
from api.protocols.openai.conversation import Message, asked_in

router = APIRouter(prefix="/openai/v1", include_in_schema=False)

# Where a language model was run, not every server says how many tokens it took.
_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


class StreamOptions(Lenient):
    """What else a stream holds."""

    include_usage: bool = False


class ResponseFormat(Lenient):
    """The form of the answer's text."""

    type: Literal["text"] = "text"


class ChatIn(Lenient):
    """A conversation. ``filters``, ``top_k`` and ``mode`` are ours: clients send them as extra fields."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    response_format: ResponseFormat | None = None
    filters: Json | None = None
    top_k: int = Field(default=5, ge=1, le=100)
    mode: Mode = None


@router.post("/chat/completions", dependencies=[Depends(require_json)])
async def complete(body: ChatIn, request: Request) -> Response:
    """The sentences that answer, cited in `annotations`; `footnote` has their exact places and how sure the answer is."""
    return await reply(
        request,
        _Completion(body, Links.of(request)),
        asked_in(body.messages, "messages"),
        collections=[collection_of(body.model)],
        filters=body.filters,
        k=body.top_k,
        place="messages",
        mode=body.mode,
        is_streamed=bool(body.stream),
    )


class _Completion:
    """One completion, whole or in chunks."""

    end = b"data: [DONE]\n\n"

    def __init__(self, body: ChatIn, links: Links) -> None:
        self._links = links
        self._head = {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": body.model}
        self._with_usage = bool(body.stream_options and body.stream_options.include_usage)

    def whole(self, made: Made) -> Json:
        """The completion."""
        annotations = chat_annotations(made, cited_sentences(made), self._links)
        message = {"role": "assistant", "content": text_of(made), "refusal": None, "annotations": annotations}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        head = {**self._head, "object": "chat.completion"}
        return {**head, "choices": [choice], "usage": _USAGE, **self._beside(made)}

    def events(self, pieces: Iterator[Piece]) -> Iterator[Json]:
        """Its chunks."""
        yield self._chunk({"role": "assistant", "content": ""})
        for piece in pieces:
            annotations = chat_annotations(piece.so_far, piece.cited, self._links)
            if piece.text or annotations:
                yield self._chunk({"content": piece.text, **({"annotations": annotations} if annotations else {})})
        yield self._chunk({}, "stop", **self._beside(piece.so_far))
        if self._with_usage:
            yield {**self._head, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}

    def _chunk(self, delta: Json, finish: str | None = None, **beside: Any) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice], **beside}

    def _beside(self, made: Made) -> Json:
        cited = [url_citation(made, sentence, self._links)["url"] for sentence in cited_sentences(made)]
        return {
            "citations": list(dict.fromkeys(cited)),
            "sources": sources(made, self._links),
            "footnote": summary(made, self._links),
        }
