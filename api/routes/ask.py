"""Questions."""

from collections.abc import Iterator
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import from_json, to_json
from starlette.concurrency import run_in_threadpool

from api.deps import Run, access_of, language_model_of, make_answer, require_json, state_of
from api.protocols.anthropic import search_results
from api.protocols.asking import EVENTS, EventStream, last, written
from api.protocols.links import Links
from api.schemas.openapi import problems
from api.schemas.requests import AskIn
from api.workers.messages import sent_event
from rag.generation.answering import Event, extract_events, stand_alone
from rag.shared.serialization import Json
from rag.shared.shapes import AnswerOut

router = APIRouter(tags=["ask"])


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
    query, run = body.query(), Run(request)
    is_generated = body.mode == "generate"
    if is_generated:
        query = await run_in_threadpool(stand_alone, query, language_model_of(request))
    extract = await run(lambda: make_answer(request, query, run.check))
    if not extract.answered and (kept := state_of(request).unanswered) is not None:
        reason = cast(Json, from_json(extract.body))["abstain_reason"]
        await run_in_threadpool(kept.note, body.question, body.collection, str(reason))
    is_streamed = EVENTS in request.headers.get("accept", "")
    if not is_generated and not is_streamed and form == "footnote":
        return Response(extract.body, media_type="application/json")
    made = cast(Json, from_json(extract.body))
    if form == "anthropic":
        return JSONResponse(search_results(made, Links.of(request)))
    if not is_generated:
        return EventStream(_sent(extract_events(made)))
    events = written(request, made, body.question)
    if is_streamed:
        return EventStream(_sent(events), events)
    return Response(to_json(await run_in_threadpool(last, events)), media_type="application/json")


def _sent(events: Iterator[Event]) -> Iterator[bytes]:
    return (sent_event(value, name) for name, value in events)
