"""Questions."""

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic_core import from_json, to_json
from starlette.concurrency import run_in_threadpool

from api.deps import Run, access_of, generations_of, language_model_of, make_answer, require_json, service_of
from api.protocols.anthropic import search_results
from api.protocols.links import Links
from api.schemas.openapi import problems
from api.schemas.requests import AskIn
from api.schemas.responses import AnswerOut
from rag.generation.answering import Event, answer_events, extract_events, stand_alone
from rag.service import Service
from rag.shared.errors import Overloaded
from rag.shared.serialization import Json

router = APIRouter(tags=["ask"])

_EVENTS = "text/event-stream"


@router.post(
    "/v1/ask",
    response_model=AnswerOut,
    responses=problems(400, 413, 415, 422, 503),
    dependencies=[Depends(require_json)],
    summary="Ask a question",
)
async def ask(
    body: AskIn,
    request: Request,
    form: Annotated[
        Literal["footnote", "anthropic"],
        Query(alias="format", include_in_schema=False),  # another tool's form of a reply: docs/doors.md has it
    ] = "footnote",
) -> Response:
    """The sentences that answer and the ranked passages they stand in; an abstention is a 200 with `answered` false.

    With `Accept: text/event-stream` the answer comes in events: `search` (the passages), `sentence` (each once it is certain) and
    `done` (the whole answer).
    """
    # Called, not injected: for each dependency the framework takes a tenth of the time that answering from the cache takes.
    access_of(request).require(body.collection)
    query, service, run = body.query(), service_of(request), Run(request)
    is_generated = body.mode == "generate"
    if is_generated:
        query = await run_in_threadpool(stand_alone, query, language_model_of(request))
    extract = await run(lambda: make_answer(request, query, run.check))
    is_streamed = _EVENTS in request.headers.get("accept", "")
    if not is_generated and not is_streamed and form == "footnote":
        return Response(extract.body, media_type="application/json")
    made = cast(Json, from_json(extract.body))
    if form == "anthropic":
        return JSONResponse(search_results(made, Links.of(request)))
    if not is_generated:
        return StreamingResponse(_lines(extract_events(made)), media_type=_EVENTS)
    events = _generated(request, service, made, body.question)
    if is_streamed:
        return StreamingResponse(_lines(events), media_type=_EVENTS)
    return Response(to_json(await run_in_threadpool(_last, events)), media_type="application/json")


def _generated(request: Request, service: Service, extract: Json, question: str) -> Iterator[Event]:
    """The events of a generated answer.  Raises Overloaded at once where as many are being written as may be."""
    model, entails, places = language_model_of(request), service.entailment, generations_of(request)
    if not places.acquire(blocking=False):
        raise Overloaded("as many answers are being written as may be at once")

    def events() -> Iterator[Event]:
        try:
            yield from answer_events(extract, question, model, entails)
        finally:
            places.release()

    begun = events()
    # One that has begun gives its place back also where nobody reads on.
    return chain((next(begun),), begun)


def _last(events: Iterator[Event]) -> Json:
    *_, (_, whole) = events
    return whole


def _lines(events: Iterator[Event]) -> Iterator[bytes]:
    for name, value in events:
        yield b"event: " + name.encode() + b"\ndata: " + to_json(value) + b"\n\n"
