"""Is it well, and what can it do? Health checks are open without a key; they say yes or no. Some probes ask with HEAD."""

from fastapi import APIRouter

from api.deps import CallDep, answerers_of
from api.errors import STOPPING, Refused
from api.schemas.openapi import problems
from api.schemas.responses import FeaturesOut, ReadyOut, StatusOut
from rag.parsing.pdf.recognition.ocr import engine
from rag.shared.errors import Overloaded

router = APIRouter(tags=["health"])


@router.get("/livez", responses=problems(), summary="Is the process alive?")
async def livez() -> StatusOut:
    """Answers from the event loop, so that busy workers do not make the process look dead."""
    return {"status": "alive"}


@router.get("/readyz", responses=problems(503), summary="Can it answer questions?")
async def readyz(call: CallDep) -> ReadyOut:
    """Reads the store in a worker: 503 when the store cannot be read or was moved, and once the service is told to stop."""
    service = call.service
    if call.state.stopping:
        raise Refused(STOPPING)
    answerers = answerers_of(call.request)
    if answerers is not None and not answerers.running:
        raise Overloaded("All processes that answer questions have ended; they are being started again.")
    await call.run(service.require_ready)
    ready: ReadyOut = {"status": "ready"}
    if service.store.rebuilding:
        ready["rebuilding"] = list(service.store.rebuilding)
    return ready


@router.get("/v1/features", responses=problems(503), summary="What can it do?")
async def list_features(call: CallDep) -> FeaturesOut:
    """What is switched on here, for the key that asks."""
    return {
        "generate": call.service.has_language_model,
        "ocr": engine() is not None,
        "feedback": call.state.judged is not None,
        "unanswered": call.access.may_write and call.state.unanswered is not None,
    }
