"""`POST /openai/v1/chat/completions`: the model names the collection, the last message of the user is the question."""

import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from api.deps import require_json
from api.protocols.asking import Made, ask, query_of
from api.protocols.citing import cited_sentences, summary, text_of
from api.protocols.links import Links
from api.protocols.openai.annotations import chat_annotations, sources, url_citation
from api.protocols.openai.collections import Lenient, collection_of
from api.protocols.openai.conversation import Message, asked_in
from api.protocols.openai.streaming import event_stream, pieces_of
from api.protocols.openai.vector_stores import ways_or_all

router = APIRouter(prefix="/openai/v1", include_in_schema=False)


class StreamOptions(Lenient):
    """What else a stream holds."""

    include_usage: bool = False


class ResponseFormat(Lenient):
    """The form of the answer's text."""

    type: Literal["text"] = "text"


class ChatIn(Lenient):
    """A conversation. ``filters`` and ``top_k`` are ours: clients send them as extra fields."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    response_format: ResponseFormat | None = None
    filters: dict[str, Any] | None = None
    top_k: int = Field(default=5, ge=1, le=100)


@router.post("/chat/completions", dependencies=[Depends(require_json)])
async def complete(body: ChatIn, request: Request) -> Response:
    """The sentences that answer, cited in `annotations`; `footnote` has their exact places and how sure the answer is."""
    asked, collection = asked_in(body.messages, "messages"), collection_of(body.model)
    queries = [
        query_of(
            asked.question,
            collection=collection,
            k=body.top_k,
            where=where,
            history=asked.history,
            place="messages",
        )
        for where in ways_or_all(body.filters)
    ]
    links = Links.of(request)
    head = {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": body.model}
    with_usage = bool(body.stream_options and body.stream_options.include_usage)

    def shape(made: Made) -> Response:
        if body.stream:
            return event_stream(_chunks(made, head, links, with_usage), named=False, done=True)
        return JSONResponse(_completion(made, head, links))

    return await ask(request, queries, shape)


def _completion(made: Made, head: dict[str, Any], links: Links) -> dict[str, Any]:
    cited = cited_sentences(made)
    annotations = chat_annotations(made, cited, links)
    message = {"role": "assistant", "content": text_of(made), "refusal": None, "annotations": annotations}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": _USAGE, **_beside(made, links)}


def _beside(made: Made, links: Links) -> dict[str, Any]:
    cited = [url_citation(made, sentence, links)["url"] for sentence in cited_sentences(made)]
    return {
        "citations": list(dict.fromkeys(cited)),
        "sources": sources(made, links),
        "footnote": summary(made, links),
    }


# No language model was run: there are no tokens to count.
_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def _chunks(made: Made, head: dict[str, Any], links: Links, with_usage: bool) -> Iterator[dict[str, Any]]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **beside: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**head, "object": "chat.completion.chunk", "choices": [choice], **beside}

    yield chunk({"role": "assistant", "content": ""})
    for text, cited in pieces_of(made):
        annotations = chat_annotations(made, cited, links)
        yield chunk({"content": text, **({"annotations": annotations} if annotations else {})})
    yield chunk({}, "stop", **_beside(made, links))
    if with_usage:
        yield {**head, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}
