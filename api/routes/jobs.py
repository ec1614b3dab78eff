"""Jobs: uploads that `rag work` takes in."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from api.deps import CallDep, blocking
from api.errors import JOB_NOT_FOUND, Refused, clean
from api.schemas.openapi import problems
from index.types import Job
from rag.service import Service
from rag.shared.serialization import job_json
from rag.shared.shapes import JobOut

router = APIRouter(prefix="/v1/jobs", tags=["documents"])

JobId = Annotated[str, Path(description="As in the `Location` of an upload that prefers `respond-async`.")]


@router.get("/{job_id}", responses=problems(404, 503), summary="What becomes of an upload")
@blocking
def get_job(job_id: JobId, call: CallDep) -> JobOut:
    """A job as it is now; it is kept for seven days. A store in a directory has none."""
    job, opened = _find(call.service, job_id), call.access.collections
    if job is None or opened is not None and job.collection not in opened:
        raise Refused(JOB_NOT_FOUND, f"no job has the id {clean(job_id)}")
    shown = job_json(job)
    shown["failed"] = [{"name": clean(failed["name"]), "reason": clean(failed["reason"])} for failed in shown["failed"]]
    return shown


def _find(service: Service, job_id: str) -> Job | None:
    try:
        known = str(UUID(job_id))
    except ValueError:
        return None
    queue = service.queue
    return queue.job(known) if queue is not None else None
