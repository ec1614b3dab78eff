"""What people say of answers, and the questions that had none."""

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response

from api.deps import Call, CallDep, blocking, require_json
from api.errors import FORBIDDEN, Refused
from api.schemas.openapi import problems
from api.schemas.requests import FeedbackIn
from api.schemas.responses import FeedbackOut, UnansweredOut
from rag.shared.errors import BadInput

router = APIRouter(tags=["ask"])


@router.post(
    "/v1/feedback",
    status_code=201,
    response_model=FeedbackOut,
    responses=problems(400, 403, 404, 413, 415, 422, 503, 507),
    dependencies=[Depends(require_json)],
    summary="Say what answers a question",
)
@blocking
def add_feedback(body: FeedbackIn, call: CallDep) -> JSONResponse:
    """Keeps the question with the quotes that answer it, or as one that the documents do not answer, as a line of a gold set.

    A later word on the same question replaces an earlier one. It needs the setting `feedback`.
    """
    judged = call.state.judged
    if judged is None:
        raise BadInput("no feedback is kept here: the operator sets RAG_FEEDBACK to a file for it")
    call.access.require(body.collection)
    document = _checked(call, body)
    quotes = [citation.cited_text for citation in body.citations]
    return JSONResponse(judged.add(body.question, body.collection, quotes, document), 201)


def _checked(call: Call, body: FeedbackIn) -> str | None:
    """The source of the document that all quotes are from, None where they are from several.

    Raises BadInput for a quote that does not stand where it says, DocumentNotFound.
    """
    sources = {call.document(citation.document_id).source for citation in body.citations}
    checks = call.service.check_citations([citation.citation() for citation in body.citations])
    if any(check.status != "valid" for check in checks):
        raise BadInput("the documents have changed since the answer: ask again, and judge that")
    return sources.pop() if len(sources) == 1 else None


@router.get("/v1/unanswered", responses=problems(503), summary="Questions without an answer")
@blocking
def list_unanswered(call: CallDep) -> UnansweredOut:
    """What was asked over `/v1/ask` and not answered, the latest first; nothing without the setting `unanswered`."""
    if not call.access.may_write:
        raise Refused(FORBIDDEN, "Questions of others are shown to keys for writing.")
    kept = call.state.unanswered
    return {"questions": kept.listed(call.access.collections) if kept else []}


@router.delete(
    "/v1/unanswered", status_code=204, responses=problems(503, 507), summary="Forget questions without an answer"
)
@blocking
def forget_unanswered(call: CallDep) -> Response:
    """Forgets those of the collections that the key opens."""
    kept = call.state.unanswered
    if kept is not None:
        kept.forget(call.access.collections)
    return Response(status_code=204)
