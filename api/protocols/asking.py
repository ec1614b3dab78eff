"""Questions of the other doors, asked as `/v1/ask` asks them: with the same limits, lanes, processes and counts.

Every answer of every door is made in ``ask``: what answers are made of, and when their parts come, changes there alone.
"""

from collections.abc import AsyncIterable, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from anyio import CancelScope
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from api.deps import Run, access_of, language_model_of, make_answer, state_of
from api.errors import no_collection
from api.schemas.requests import MAX_TOP_K, AskIn
from index.types import Condition
from rag.generation.answering import Event, answer_events
from rag.shared.errors import BadInput, Overloaded
from rag.shared.serialization import Json
from rag.shared.types import Query, Turn

T = TypeVar("T")
Events = Generator[Event, None, None]
EVENTS = "text/event-stream"
Made = dict[str, Any]  # an answer as JSON, as ``rag.shared.serialization.answer_json`` writes it

# Forms of one question: wordings, collections and combinations of conditions, each of which is answered by itself.
MAX_FORMS = 16

_ASKED: TypeAdapter[AskIn] = TypeAdapter(AskIn)


def query_of(
    question: str,
    *,
    collection: str,
    k: int = 5,
    where: Mapping[str, Condition] | None = None,
    filter_: Mapping[str, Any] | None = None,
    history: Sequence[Turn] = (),
    place: str = "question",
) -> Query:
    """A question within the limits of `/v1/ask`.  Raises RequestValidationError, naming what the door calls it (``place``).

    where: conditions of the door's own; filter_: as `/v1/ask` takes it.  history: what was asked and answered before.
    """
    turns = [{"question": turn.question, "answer": turn.answer} for turn in history]
    body = {
        "question": question,
        "top_k": min(k, MAX_TOP_K),
        "collection": collection,
        "filter": filter_ or {},
        "history": turns,
    }
    try:
        query = _ASKED.validate_python(body).query()
    except ValidationError as error:
        violations = error.errors(include_url=False)
        for violation in violations:
            field, *within = violation["loc"]
            violation["loc"] = ("body", place if field == "question" else field, *within)
        raise RequestValidationError(violations) from error
    return query if where is None else replace(query, where=dict(where))


async def ask(request: Request, queries: Sequence[Query], shape: Callable[[Made], T]) -> T:
    """What ``shape`` makes of the answer to several forms of one question, in the thread that answers them.

    Raises BadInput for too many forms; Refused for a collection that the key does not open, or that holds nothing unless the key is
    made for it.
    """
    if len(queries) > MAX_FORMS:
        raise BadInput(f"this asks {len(queries)} questions in one: send at most {MAX_FORMS} wordings times conditions")
    access = access_of(request)
    for query in queries:
        access.require(query.collection)
    run = Run(request)

    def work() -> T:
        answers: list[Made] = [from_json(make_answer(request, query, run.check).body) for query in queries]
        for query, made in zip(queries, answers, strict=True):
            if made["abstain_reason"] == "no_documents" and access.collections is None:
                raise no_collection(query.collection)
        return shape(merged(answers, max(query.k for query in queries)))

    return await run(work)


def written(request: Request, extract: Made, question: str) -> Events:
    """The events of an answer that a language model writes.  Raises Overloaded at once where as many are being written as may be.

    extract: the extractive answer.  question: as it was asked.  Closing the events gives their place back.
    """
    model, state = language_model_of(request), state_of(request)
    entails, places = state.service.entailment, state.generations
    if not places.acquire(blocking=False):
        raise Overloaded("as many answers are being written as may be at once")

    def events() -> Events:
        try:
            yield "begun", {}
            yield from answer_events(extract, question, model, entails)
        finally:
            places.release()

    begun = events()
    next(begun)  # closing one that has not begun would not give its place back
    return begun


class EventStream(StreamingResponse):
    """Server-sent events. What makes them is closed when their client leaves: their memory may be freed much later.

    lines: the events as they are sent.  made_by: what they are made of, where that holds a place.
    """

    def __init__(self, lines: Iterable[bytes] | AsyncIterable[bytes], made_by: Events | None = None) -> None:
        super().__init__(lines, media_type=EVENTS)
        self._made_by = made_by

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._made_by is not None:
                with CancelScope(shield=True):
                    await run_in_threadpool(self._made_by.close)


def last(events: Events) -> Made:
    """The whole answer, which the last event holds."""
    *_, (_, whole) = events
    return whole


def merged(answers: Sequence[Made], k: int) -> Made:
    """One answer of several to the same question: the surest one that answers, and the best passages of all, each once."""
    best = max(answers, key=lambda made: (made["answered"], made["confidence"]))
    if len(answers) == 1:
        return best
    passages: dict[tuple[str, int], dict[str, Any]] = {}
    for made in (best, *answers):
        for passage in made["passages"]:
            passages.setdefault(_place(passage), passage)
    answer = best["answer"] or {"citations": (), "parts": ()}
    numbers = dict.fromkeys([*answer["citations"], *(part["passage"] for part in answer["parts"])])
    cited = [best["passages"][number] for number in numbers]
    others = [passage for passage in passages.values() if passage not in cited]
    kept = cited + sorted(others, key=lambda passage: -float(passage["score"]))[: max(0, k - len(cited))]
    kept.sort(key=lambda passage: -float(passage["score"]))
    shown = dict(best)
    shown["passages"] = [{**passage, "rank": rank} for rank, passage in enumerate(kept, start=1)]
    if best["answer"]:
        places = [_place(passage) for passage in kept]
        parts = [
            {**part, "passage": places.index(_place(best["passages"][part["passage"]]))}
            for part in best["answer"]["parts"]
        ]
        shown["answer"] = {
            **best["answer"],
            "citations": [places.index(_place(passage)) for passage in cited],
            "parts": parts,
        }
    return shown


def _place(passage: Mapping[str, Any]) -> tuple[str, int]:
    citation = cast(Json, passage["citation"])
    return str(citation["document_id"]), int(str(citation["start_char_index"]))
