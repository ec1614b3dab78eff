"""What routes are given: a request with the service, what its key opens and how its work is run; and that a body is JSON."""

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from threading import Event, Semaphore
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, Protocol, TypeVar, cast

from fastapi import Depends, Request
from starlette.responses import JSONResponse, Response

from api.admission.lanes import Lane, Lanes
from api.errors import COLLECTION_CLOSED, ClientLeft, Refused
from api.settings import Settings
from api.telemetry import spans
from api.telemetry.kept_questions import Judged, Unanswered
from api.telemetry.metrics import Metrics
from api.workers.messages import Answered, answer
from api.workers.pool import Answerers
from index.errors import DocumentNotFound
from index.types import Document
from rag.generation.language_model import ChatModel
from rag.service import Service
from rag.shared.errors import UnsupportedFormat
from rag.shared.types import Query

if TYPE_CHECKING:
    from api.protocols.openai.batches import Batches
    from api.protocols.openai.staging import Staging

T = TypeVar("T")
P = ParamSpec("P")

_JSON_TYPES = re.compile(r"application/(?:json|[^\s;/]+\+json)", re.IGNORECASE)


class AppState(Protocol):
    """What one application works with.  judged, unanswered: where questions are kept, None for nowhere.

    generations: places for answers that a language model writes.  keeps_originals: whether uploaded files are kept.
    """

    service: Service
    settings: Settings
    answerers: Answerers | None
    judged: Judged | None
    unanswered: Unanswered | None
    keeps_originals: bool
    generations: Semaphore
    metrics: Metrics
    lanes: Lanes
    stopping: bool
    batches: "Batches"
    staging: "Staging"


def state_of(request: Request) -> AppState:
    """That of the request's application."""
    return cast(AppState, request.app.state)


def answerers_of(request: Request) -> Answerers | None:
    """The processes that answer; None while the service's own process does."""
    answerers = state_of(request).answerers
    return answerers if answerers is not None and answerers.started else None


def language_model_of(request: Request) -> ChatModel:
    """The model that writes answers.  Raises BadInput where none is set."""
    state = state_of(request)
    model = state.service.language_model
    return spans.TracedModel(model) if state.settings.tracing else model


def media_type_of(request: Request) -> str:
    """What the request says its body is, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(request: Request) -> bool:
    """Whether it says that its body is JSON."""
    return _JSON_TYPES.fullmatch(media_type_of(request)) is not None


async def require_json(request: Request) -> None:
    """Raises UnsupportedFormat for a body of another kind; a missing body is the schema's business."""
    if not is_json(request) and await request.body():
        raise UnsupportedFormat("Send the body as application/json.")


class Run:
    """Runs work that blocks in a thread of the request's lane; see ``api.admission.lanes.Lane.run``."""

    def __init__(self, request: Request, lane: Lane | None = None) -> None:
        """lane: another than the one that the request's head says."""
        self._request = request
        self._lane = lane
        self._given_up = Event()

    def check(self) -> None:
        """For work that takes long to ask now and then.  Raises ClientLeft when nobody waits for it any more."""
        if self._given_up.is_set():
            raise ClientLeft

    async def __call__(self, work: Callable[[], T], within_s: float | None = None) -> T:
        """What ``work`` gives.  within_s: seconds from the request's first byte, unless as long as its lane allows."""
        state = self._request.state
        lane: Lane = self._lane or state.lane
        seconds = lane.deadline_s if within_s is None else within_s
        needs_place = state.needs_place if lane is state.lane else True
        return await lane.run(
            work, self._request.receive, state.started + seconds, self._given_up, needs_place=needs_place
        )


def make_answer(request: Request, query: Query, check: Callable[[], None]) -> Answered:
    """The answer to a question, by whichever process answers, counted.  It blocks.  Raises as ``Service.ask``.

    check: as of ``Run``.
    """
    query = replace(query, nameable=access_of(request).collections)
    answerers, state = answerers_of(request), state_of(request)

    def work() -> Answered:
        return answerers.answer(query, check) if answerers else answer(state.service, query)

    is_traced = state.settings.tracing
    made = spans.retrieval(query, str(state.service.settings["model"]), work) if is_traced else work()
    for stage, milliseconds in made.stages.items():
        state.metrics.stage_seconds.labels(stage).observe(milliseconds / 1000)
    state.metrics.answers.labels("true" if made.answered else "false").inc()
    return made


@dataclass(frozen=True, slots=True)
class Access:
    """Which collections the request's key opens; None for all. What it does not open is as if it were not there.

    may_write: whether it may add and delete; without keys, all clients are the owner's own.
    """

    collections: frozenset[str] | None
    may_write: bool = True

    def require(self, collection: str) -> None:
        """Raises Refused for a collection that the key does not open, whether there is one or not."""
        if self.collections is not None and collection not in self.collections:
            names = ", ".join(map(repr, sorted(self.collections)))
            raise Refused(COLLECTION_CLOSED, f"This key opens {names} only.")

    def document(self, service: Service, document_id: str) -> Document:
        """The document.  Raises DocumentNotFound also for one of a collection that the key does not open."""
        document = service.document(document_id)
        if self.collections is not None and document.collection not in self.collections:
            raise DocumentNotFound(f"no document has the id {document_id}")
        return document

    def counts(self, service: Service) -> dict[str, tuple[int, int]]:
        """Documents and passages of each collection that the key opens, by name; those that it is made for also when empty."""
        counts = service.collections()
        names = sorted(counts if self.collections is None else self.collections)
        return {name: counts.get(name, (0, 0)) for name in names}


def access_of(request: Request) -> Access:
    """What the request's key opens."""
    return Access(getattr(request.state, "collections", None), getattr(request.state, "may_write", True))


class Call:
    """A request with what it may use."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.state = state_of(request)
        self.service = self.state.service
        self.access = access_of(request)
        self.run = Run(request)
        self.metrics = self.state.metrics

    def document(self, document_id: str) -> Document:
        """As ``Access.document``."""
        return self.access.document(self.service, document_id)


async def _call(request: Request) -> Call:  # the framework runs what is not async in a thread
    return Call(request)


CallDep = Annotated[Call, Depends(_call)]


def blocking(does: Callable[P, Response | Mapping[str, object]]) -> Callable[P, Coroutine[Any, Any, Response]]:
    """A route whose work, which blocks, is done in a thread of the lane of its ``call``; what is no response is sent as JSON."""

    @wraps(does)
    async def route(*args: P.args, **given: P.kwargs) -> Response:
        def work() -> Response:
            made = does(*args, **given)
            return made if isinstance(made, Response) else JSONResponse(made)

        return await cast(Call, given["call"]).run(work)

    return route
