"""One answer to a question, whole or streamed: quoted, or written by a language model where one is set."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, Protocol

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from api.deps import language_model_of, state_of
from api.protocols.asking import EventStream, Made, ask, last, query_of, written
from api.protocols.citing import CitedSentence, cited_sentences, text_of
from api.protocols.filters import ways_or_all
from api.protocols.openai.conversation import Asked
from api.workers.messages import sent_event
from rag.generation.answering import Event, stand_alone

Mode = Literal["extract", "generate"] | None
Json = dict[str, Any]


class Piece(NamedTuple):
    """Words of an answer with what they cite, whose places are those in the whole text; joined, the texts are the answer.

    so_far: the answer up to here, with its passages from the first piece on; in the last piece it is the whole.
    """

    text: str
    cited: Sequence[CitedSentence]
    so_far: Made


class Form(Protocol):
    """How a route writes an answer.  end: the last line of its stream."""

    end: bytes

    def whole(self, made: Made) -> Json: ...
    def events(self, pieces: Iterator[Piece]) -> Iterator[Json]: ...


async def reply(
    request: Request,
    form: Form,
    asked: Asked,
    *,
    collections: Sequence[str],
    filters: object,
    k: int,
    place: str,
    mode: Mode,
    is_streamed: bool,
) -> Response:
    """The answer from all of the collections, as ``form`` writes it.

    place: what the client calls the question.  mode: None for an answer that is written where a language model is set.
    """
    queries = [
        query_of(asked.question, collection=collection, k=k, where=where, history=asked.history, place=place)
        for collection in collections
        for where in ways_or_all(filters)
    ]
    if mode == "extract" or mode is None and not state_of(request).service.has_language_model:

        def shape(made: Made) -> Response:
            return EventStream(_at_once(form, made)) if is_streamed else JSONResponse(form.whole(made))

        return await ask(request, queries, shape)
    alone = await run_in_threadpool(stand_alone, queries[0], language_model_of(request))
    queries = [replace(query, question=alone.question, history=alone.history) for query in queries]
    events = written(request, await ask(request, queries, lambda made: made), asked.question)
    if is_streamed:
        return EventStream(_lines(form, written_pieces(events)), events)
    return JSONResponse(form.whole(await run_in_threadpool(last, events)))


def quoted_pieces(made: Made) -> Iterator[Piece]:
    """The answer a sentence at a time, or that there is none."""
    text, done = text_of(made), 0
    waiting: list[CitedSentence] = []
    for sentence in cited_sentences(made):
        if sentence.end > done:
            yield Piece(text[done : sentence.end], [*waiting, sentence], made)
            done, waiting = sentence.end, []
        else:
            waiting.append(sentence)  # within what has been sent
    yield Piece(text[done:], waiting, made)


def written_pieces(events: Iterator[Event]) -> Iterator[Piece]:
    """Each sentence as soon as it is checked. Where none is borne out, the quoted answer comes instead, or that there is none."""
    sentences, text, passages = list[Json](), "", dict[str, object]()
    for name, event in events:
        if name == "search":
            passages = {"passages": event["passages"]}
            yield Piece("", (), {"answer": None, **passages})
        elif name == "sentence":
            sentences.append(event)
            before, text = text, f"{text} {event['text']}".lstrip()
            newest = {"answer": {"text": text, "sentences": [event]}, **passages}
            yield Piece(text[len(before) :], cited_sentences(newest, len(before)), newest)
        elif sentences:  # also where the model broke off behind them: what was sent is the answer
            yield Piece("", (), {**event, "answer": {"text": text, "sentences": sentences}})
        else:
            yield from quoted_pieces(event)


def _lines(form: Form, pieces: Iterator[Piece]) -> Iterator[bytes]:
    """Server-sent events."""
    for event in form.events(pieces):
        yield sent_event(event, event.get("type", ""))
    if form.end:
        yield form.end


async def _at_once(form: Form, made: Made) -> AsyncIterator[bytes]:
    """The same of an answer that is there, whose pieces need not be waited for in threads."""
    for line in _lines(form, quoted_pieces(made)):
        yield line
