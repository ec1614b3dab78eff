"""Questions."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import from_json

from api.deps import Run, access_of, make_answer, require_json
from api.protocols.anthropic import search_results
from api.protocols.links import Links
from api.schemas.openapi import problems
from api.schemas.requests import AskIn
from api.schemas.responses import AnswerOut

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
        Query(
            alias="format",
            description="`anthropic`: the passages as `search_result` blocks, a text block for each sentence.",
        ),
    ] = "footnote",
) -> Response:
    """The sentences that answer and the ranked passages they stand in; an abstention is a 200 with `answered` false."""

    # Called, not injected: for each dependency the framework takes a tenth of the time that answering from the cache takes.
    access_of(request).require(body.collection)
    query, run = body.query(), Run(request)

    def response() -> Response:
        made = make_answer(request, query, run.check)
        if form == "anthropic":
            return JSONResponse(search_results(from_json(made.body), Links.of(request)))
        return Response(made.body, media_type="application/json")

    return await run(response)
