"""`POST /openai/v1/chat/completions`: the model names the collection, the last message of the user is the question."""

import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.deps import language_model_of, require_json, service_of
from api.protocols.asking import Made, ask, last, query_of, written
from api.protocols.citing import cited_sentences, summary, text_of
from api.protocols.links import Links
from api.protocols.openai.annotations import chat_annotations, sources, url_citation
from api.protocols.openai.collections import Lenient, collection_of
from api.protocols.openai.conversation import Message, asked_in
from api.protocols.openai.streaming import event_stream, pieces_of
from api.protocols.openai.vector_stores import ways_or_all
from rag.generation.answering import Event, stand_alone

router = APIRouter(prefix="/openai/v1", include_in_schema=False)


class StreamOptions(Lenient):
    """What else a stream holds."""

    include_usage: bool = False


class ResponseFormat(Lenient):
    """The form of the answer's text."""

    type: Literal["text"] = "text"


class ChatIn(Lenient):
    """A conversation. ``filters``, ``top_k`` and ``mode`` are ours: clients send them as extra fields.

    mode: whether the answer is quoted or written; None: written where a language model is set.
    """

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    response_format: ResponseFormat | None = None
    filters: dict[str, Any] | None = None
    top_k: int = Field(default=5, ge=1, le=100)
    mode: Literal["extract", "generate"] | None = None


@router.post("/chat/completions", dependencies=[Depends(require_json)])
async def complete(body: ChatIn, request: Request) -> Response:
    """The sentences that answer, cited in `annotations`; `footnote` has their exact places and how sure the answer is."""
    asked, collection = asked_in(body.messages, "messages"), collection_of(body.model)
    is_written = body.mode == "generate" or body.mode is None and service_of(request).has_language_model
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

    if is_written:
        model = language_model_of(request)
        queries = await run_in_threadpool(lambda: [stand_alone(query, model) for query in queries])

    def shape(made: Made) -> Response:
        if is_written and body.stream:
            events = written(request, made, asked.question)
            chunks = _written_chunks(events, head, links, with_usage)
            return event_stream(chunks, named=False, done=True, waits=True)
        if body.stream:
            return event_stream(_chunks(made, head, links, with_usage), named=False, done=True)
        return JSONResponse(_completion(made, head, links))

    if is_written and not body.stream:
        extract = await ask(request, queries, lambda made: made)
        whole = await run_in_threadpool(lambda: last(written(request, extract, asked.question)))
        return JSONResponse(_completion(whole, head, links))
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


# Where a language model was run, not every server says how many tokens it took.
_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def _chunks(made: Made, head: dict[str, Any], links: Links, with_usage: bool) -> Iterator[dict[str, Any]]:
    yield _chunk(head, {"role": "assistant", "content": ""})
    yield from _texts(made, head, links)
    yield from _ends(made, head, links, with_usage)


def _written_chunks(
    events: Iterator[Event], head: dict[str, Any], links: Links, with_usage: bool
) -> Iterator[dict[str, Any]]:
    """Each sentence as soon as it is checked. Where none is borne out, the quoted answer comes instead, or that there is none."""
    yield _chunk(head, {"role": "assistant", "content": ""})
    passages: list[dict[str, Any]] = []
    text = ""
    for name, event in events:
        if name == "search":
            passages = cast(list[dict[str, Any]], event["passages"])
        elif name == "sentence":
            # As an answer of all sentences so far, of which the last is new: places are those in the whole text.
            before, text = text, f"{text} {event['text']}".lstrip()
            made = {"answer": {"text": text, "sentences": [event]}, "passages": passages}
            annotations = chat_annotations(made, cited_sentences(made, len(before)), links)
            yield _chunk(head, {"content": text[len(before) :], "annotations": annotations})
        else:
            if not text:
                yield from _texts(event, head, links)
            yield from _ends(event, head, links, with_usage)


def _texts(made: Made, head: dict[str, Any], links: Links) -> Iterator[dict[str, Any]]:
    for text, cited in pieces_of(made):
        annotations = chat_annotations(made, cited, links)
        yield _chunk(head, {"content": text, **({"annotations": annotations} if annotations else {})})


def _ends(made: Made, head: dict[str, Any], links: Links, with_usage: bool) -> Iterator[dict[str, Any]]:
    yield _chunk(head, {}, "stop", **_beside(made, links))
    if with_usage:
        yield {**head, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}


def _chunk(head: dict[str, Any], delta: dict[str, Any], finish: str | None = None, **beside: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**head, "object": "chat.completion.chunk", "choices": [choice], **beside}
