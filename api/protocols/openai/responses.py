"""`POST /openai/v1/responses` with the tool `file_search`: the search, then a message that cites what it found."""

import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from api.deps import require_json
from api.protocols.asking import Made, ask, query_of
from api.protocols.citing import CitedSentence, cited_sentences, summary, text_of
from api.protocols.links import Links
from api.protocols.openai.annotations import file_citation, url_citation
from api.protocols.openai.collections import Lenient, collection_of
from api.protocols.openai.conversation import Asked, Message, asked_in
from api.protocols.openai.streaming import event_stream, pieces_of
from api.protocols.openai.vector_stores import MAX_RESULTS, RankingOptions, results_of, ways_or_all
from rag.shared.errors import BadInput

router = APIRouter(prefix="/openai/v1", include_in_schema=False)

MAX_STORES = 2
_RESULTS = "file_search_call.results"


class FileSearch(Lenient):
    """The collections to search, and which passages count."""

    type: Literal["file_search"]
    vector_store_ids: Annotated[list[str], Field(min_length=1, max_length=MAX_STORES)]
    filters: dict[str, Any] | None = None
    max_num_results: int = Field(default=20, ge=1, le=MAX_RESULTS)
    ranking_options: RankingOptions | None = None


class ResponseIn(Lenient):
    """A question, in a text or as the last message of the user, and the tool that searches."""

    model: str
    input: str | list[Message]
    tools: list[dict[str, Any]] = []
    include: list[str] | None = None
    stream: bool | None = False
    previous_response_id: str | None = None
    background: Literal[False] | None = None
    instructions: str | None = None
    metadata: dict[str, str] | None = None


def _asked(given: str | list[Message]) -> Asked:
    return Asked(given, ()) if isinstance(given, str) else asked_in(given, "input")


def _search_of(body: ResponseIn) -> FileSearch:
    """The search that is asked for; without the tool, that of the collection which the model names."""
    wanted = [tool for tool in body.tools if tool.get("type") == "file_search"]
    if len(wanted) > 1:
        raise BadInput("tools: one file_search may be among them")
    given = wanted[0] if wanted else {"type": "file_search", "vector_store_ids": [collection_of(body.model)]}
    try:
        return FileSearch.model_validate(given)
    except ValueError as error:
        raise BadInput(
            f"tools: file_search takes 1 to {MAX_STORES} vector_store_ids and 1 to {MAX_RESULTS} results"
        ) from error


@router.post("/responses", dependencies=[Depends(require_json)])
async def respond(body: ResponseIn, request: Request) -> Response:
    """The items of a response: what the search found, if it is to be included, and the answer with its annotations."""
    if body.previous_response_id is not None:
        raise BadInput("previous_response_id: responses are not kept; send the conversation as the input")
    search, asked = _search_of(body), _asked(body.input)
    queries = [
        query_of(
            asked.question,
            collection=store,
            k=search.max_num_results,
            where=where,
            history=asked.history,
            place="input",
        )
        for store in search.vector_store_ids
        for where in ways_or_all(search.filters)
    ]
    links = Links.of(request)

    def shape(made: Made) -> Response:
        response = _Response(body, search, asked.question, made, links)
        if body.stream:
            return event_stream(response.events(), named=True, done=False)
        return JSONResponse(response.whole())

    return await ask(request, queries, shape)


class _Response:
    """One response, whole or as the events that make it up."""

    def __init__(self, body: ResponseIn, search: FileSearch, question: str, made: Made, links: Links) -> None:
        self._made = made
        self._links = links
        threshold = search.ranking_options.score_threshold if search.ranking_options else 0
        results = results_of(made, links, threshold) if _RESULTS in (body.include or ()) else None
        if results is not None:
            results = [{**result, "text": result.pop("content")[0]["text"]} for result in results]
        self._call = {
            "id": f"fs_{uuid4().hex}",
            "type": "file_search_call",
            "status": "completed",
            "queries": [question],
            "results": results,
        }
        self._message_id = f"msg_{uuid4().hex}"
        self._head = {
            "id": f"resp_{uuid4().hex}",
            "object": "response",
            "created_at": int(time.time()),
            "model": body.model,
            "error": None,
            "incomplete_details": None,
            "instructions": body.instructions,
            "metadata": body.metadata or {},
            "parallel_tool_calls": False,
            "temperature": 0,
            "top_p": 1,
            "tool_choice": "auto",
            "tools": [search.model_dump(exclude_none=True)],
            "previous_response_id": None,
            "store": False,
        }

    def whole(self) -> dict[str, Any]:
        """The response with all its items."""
        cited = [annotation for sentence in cited_sentences(self._made) for annotation in self._annotations(sentence)]
        output = [self._call, self._message("completed", [self._part(text_of(self._made), cited)])]
        return {**self._head, "status": "completed", "output": output, "usage": _USAGE, **self._beside()}

    def _beside(self) -> dict[str, Any]:
        return {"footnote": summary(self._made, self._links)}

    def _annotations(self, sentence: CitedSentence) -> list[dict[str, Any]]:
        """Each sentence twice: as the file that it is from, and as the page that shows it."""
        page = {"type": "url_citation", **url_citation(self._made, sentence, self._links), "footnote": sentence.source}
        return [file_citation(self._made, sentence), page]

    def _part(self, text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
        return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}

    def _message(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self._message_id, "type": "message", "role": "assistant", "status": status, "content": content}

    def events(self) -> Iterator[dict[str, Any]]:
        """The events of the stream, numbered."""
        for number, event in enumerate(self._events()):
            yield {**event, "sequence_number": number}

    def _events(self) -> Iterator[dict[str, Any]]:
        begun = {**self._head, "status": "in_progress", "output": [], "usage": None}
        yield {"type": "response.created", "response": begun}
        yield {"type": "response.in_progress", "response": begun}
        call = {"output_index": 0, "item_id": self._call["id"]}
        item = {**self._call, "status": "in_progress", "results": None}
        yield {"type": "response.output_item.added", "output_index": 0, "item": item}
        for step in ("in_progress", "searching", "completed"):
            yield {"type": f"response.file_search_call.{step}", **call}
        yield {"type": "response.output_item.done", "output_index": 0, "item": self._call}
        yield from self._message_events()
        yield {"type": "response.completed", "response": self.whole()}

    def _message_events(self) -> Iterator[dict[str, Any]]:
        place = {"output_index": 1, "content_index": 0, "item_id": self._message_id}
        item = self._message("in_progress", [])
        yield {"type": "response.output_item.added", "output_index": 1, "item": item}
        yield {"type": "response.content_part.added", **place, "part": self._part("", [])}
        annotations: list[dict[str, Any]] = []
        for text, cited in pieces_of(self._made):
            yield {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []}
            for annotation in (one for sentence in cited for one in self._annotations(sentence)):
                added = {"annotation_index": len(annotations), "annotation": annotation}
                yield {"type": "response.output_text.annotation.added", **place, **added}
                annotations.append(annotation)
        text = text_of(self._made)
        yield {"type": "response.output_text.done", **place, "text": text, "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": self._part(text, annotations)}
        done = self._message("completed", [self._part(text, annotations)])
        yield {"type": "response.output_item.done", "output_index": 1, "item": done}


_USAGE = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}
