"""Questions."""

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from api.deps import ServiceDep, require_json
from api.openapi import problems
from api.schemas import AnswerOut, AskIn
from rag.serialization import answer_json

router = APIRouter(tags=["ask"])


@router.post(
    "/v1/ask",
    response_model=AnswerOut,
    responses=problems(400, 413, 415, 422, 503),
    dependencies=[Depends(require_json)],
    summary="Ask a question",
)
def ask(body: AskIn, service: ServiceDep) -> JSONResponse:
    """The sentences that answer and the ranked passages they stand in; an abstention is a 200 with `answered` false."""
    return JSONResponse(answer_json(service.ask(body.query())))
