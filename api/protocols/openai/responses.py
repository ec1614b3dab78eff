"""`POST /openai/v1/responses` with the tool `file_search`: the search, then a message that cites what it found."""

import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field

from api.deps import require_json
from api.protocols.asking import Made
from api.protocols.citing import CitedSentence, cited_sentences, summary, text_of
from api.protocols.links import Links
from api.protocols.openai.annotations import file_citation, url_citation
from api.protocols.openai.answering import Json, Mode, Piece, reply
from api.protocols.openai.collections import Lenient, collection_of
from api.protocols.openai.conversation import Asked, Message, asked_in
from api.protocols.openai.vector_stores import MAX_RESULTS, RankingOptions, results_of
from rag.shared.errors import BadInput

router = APIRouter(prefix="/openai/v1", include_in_schema=False)

MAX_STORES = 2
_RESULTS = "file_search_call.results"
_USAGE = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


class FileSearch(Lenient):
    """The collections to search, and which passages count."""

    type: Literal["file_search"]
    vector_store_ids: Annotated[list[str], Field(min_length=1, max_length=MAX_STORES)]
    filters: Json | None = None
    max_num_results: int = Field(default=20, ge=1, le=MAX_RESULTS)
    ranking_options: RankingOptions = RankingOptions()


class ResponseIn(Lenient):
    """A question, in a text or as the last message of the user, and the tool that searches. ``mode`` is ours, as of a chat."""

    model: str
    input: str | list[Message]
    tools: list[dict[str, Any]] = []
    include: list[str] | None = None
    stream: bool | None = False
    previous_response_id: str | None = None
    background: Literal[False] | None = None
    instructions: str | None = None
    metadata: dict[str, str] | None = None
    mode: Mode = None


def _search_of(body: ResponseIn) -> FileSearch:
    """The search that is asked for; without the tool, that of the collection which the model names."""
    wanted = [tool for tool in body.tools if tool.get("type") == "file_search"]
    if len(wanted) > 1:
        raise BadInput("tools: one file_search may be among them")
    search = wanted[0] if wanted else {"type": "file_search", "vector_store_ids": [collection_of(body.model)]}
    try:
        return FileSearch.model_validate({name: value for name, value in search.items() if value is not None})
    except ValueError as error:
        raise BadInput(
            f"tools: file_search takes 1 to {MAX_STORES} vector_store_ids and 1 to {MAX_RESULTS} results"
        ) from error


@router.post("/responses", dependencies=[Depends(require_json)])
async def respond(body: ResponseIn, request: Request) -> Response:
    """The items of a response: what the search found, if it is to be included, and the answer with its annotations."""
    if body.previous_response_id is not None:
        raise BadInput("previous_response_id: responses are not kept; send the conversation as the input")
    search = _search_of(body)
    asked = Asked(body.input, ()) if isinstance(body.input, str) else asked_in(body.input, "input")
    return await reply(
        request,
        _Response(body, search, asked.question, Links.of(request)),
        asked,
        collections=search.vector_store_ids,
        filters=search.filters,
        k=search.max_num_results,
        place="input",
        mode=body.mode,
        is_streamed=bool(body.stream),
    )


class _Response:
    """One response, whole or as the events that make it up."""

    end = b""

    def __init__(self, body: ResponseIn, search: FileSearch, question: str, links: Links) -> None:
        self._links = links
        self._threshold = search.ranking_options.score_threshold
        self._with_results = _RESULTS in (body.include or ())
        self._call = {"id": f"fs_{uuid4().hex}", "type": "file_search_call", "queries": [question]}
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

    def whole(self, made: Made) -> Json:
        """The response with all its items."""
        return self._whole(made, self._part(text_of(made), self._annotations(made, cited_sentences(made))))

    def events(self, pieces: Iterator[Piece]) -> Iterator[Json]:
        """The events of the stream, numbered."""
        for number, event in enumerate(self._events(pieces)):
            yield {**event, "sequence_number": number}

    def _events(self, pieces: Iterator[Piece]) -> Iterator[Json]:
        begun = {**self._head, "status": "in_progress", "output": [], "usage": None}
        yield {"type": "response.created", "response": begun}
        yield {"type": "response.in_progress", "response": begun}
        item = {**self._call, "status": "in_progress", "results": None}
        yield {"type": "response.output_item.added", "output_index": 0, "item": item}
        for step in ("in_progress", "searching", "completed"):
            yield {"type": f"response.file_search_call.{step}", "output_index": 0, "item_id": self._call["id"]}
        first = next(pieces)
        yield {"type": "response.output_item.done", "output_index": 0, "item": self._searched(first.so_far)}

        place = {"output_index": 1, "content_index": 0, "item_id": self._message_id}
        text, annotations = "", list[Json]()
        yield {"type": "response.output_item.added", "output_index": 1, "item": self._message("in_progress")}
        yield {"type": "response.content_part.added", **place, "part": self._part("", [])}
        for piece in chain((first,), pieces):
            text += piece.text
            if piece.text:
                yield {"type": "response.output_text.delta", **place, "delta": piece.text, "logprobs": []}
            for annotation in self._annotations(piece.so_far, piece.cited):
                added = {"annotation_index": len(annotations), "annotation": annotation}
                yield {"type": "response.output_text.annotation.added", **place, **added}
                annotations.append(annotation)
        part = self._part(text, annotations)
        yield {"type": "response.output_text.done", **place, "text": text, "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": part}
        done = self._message("completed", part)
        yield {"type": "response.output_item.done", "output_index": 1, "item": done}
        yield {"type": "response.completed", "response": self._whole(piece.so_far, part)}

    def _whole(self, made: Made, part: Json) -> Json:
        output = [self._searched(made), self._message("completed", part)]
        beside = {"footnote": summary(made, self._links)}
        return {**self._head, "status": "completed", "output": output, "usage": _USAGE, **beside}

    def _searched(self, made: Made) -> Json:
        results = None
        if self._with_results:
            passages = results_of(made, self._links, self._threshold)
            results = [{**passage, "text": passage["content"][0]["text"]} for passage in passages]
        return {**self._call, "status": "completed", "results": results}

    def _message(self, status: str, *content: Json) -> Json:
        message = {"id": self._message_id, "type": "message", "role": "assistant", "status": status}
        return {**message, "content": list(content)}

    def _part(self, text: str, annotations: list[Json]) -> Json:
        return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}

    def _annotations(self, made: Made, cited: Iterable[CitedSentence]) -> list[Json]:
        """Each sentence twice: as the file that it is from, and as the page that shows it."""
        pairs = (
            (
                file_citation(made, sentence),
                {"type": "url_citation", **url_citation(made, sentence, self._links), "footnote": sentence.source},
            )
            for sentence in cited
        )
        return [annotation for pair in pairs for annotation in pair]
