"""Questions."""

from dataclasses import asdict

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic_core import to_json

from api.deps import Run, access_of, metrics_of, require_json, service_of
from api.inputs import AskIn
from api.openapi import problems
from api.outputs import AnswerOut
from rag.serialization import answer_json

router = APIRouter(tags=["ask"])


@router.post(
    "/v1/ask",
    response_model=AnswerOut,
    responses=problems(400, 413, 415, 422, 503),
    dependencies=[Depends(require_json)],
    summary="Ask a question",
)
async def ask(body: AskIn, request: Request) -> Response:
    """The sentences that answer and the ranked passages they stand in; an abstention is a 200 with `answered` false."""

    # Called, not injected: for each dependency the framework takes a tenth of the time that answering from the cache takes.
    service, metrics = service_of(request), metrics_of(request)
    access_of(request).require(body.collection)

    def answer() -> Response:
        found = service.ask(body.query())
        for stage, milliseconds in asdict(found.timings_ms).items():
            metrics.stage_seconds.observe(milliseconds / 1000, stage)
        metrics.answers.add("true" if found.answered else "false")
        # The bytes are those of ``json``, in a sixth of the time.
        return Response(to_json(answer_json(found)), media_type="application/json")

    return await Run(request)(answer)
