"""Server-sent events as OpenAI's clients read them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi.responses import StreamingResponse
from pydantic_core import to_json

from api.protocols.asking import Made
from api.protocols.citing import CitedSentence, cited_sentences, text_of

MEDIA_TYPE = "text/event-stream"


def event_stream(
    events: Iterator[dict[str, Any]], *, named: bool, done: bool, waits: bool = False
) -> StreamingResponse:
    """A response of these events.  named: each is also called by its ``type``.  done: `[DONE]` is the last line.

    waits: whether events are yet to come, so that they are waited for in threads.
    """

    def lines() -> Iterator[bytes]:
        for event in events:
            name = f"event: {event['type']}\n".encode() if named else b""
            yield name + b"data: " + to_json(event) + b"\n\n"
        if done:
            yield b"data: [DONE]\n\n"

    async def at_once() -> AsyncIterator[bytes]:
        for line in lines():
            yield line

    return StreamingResponse(lines() if waits else at_once(), media_type=MEDIA_TYPE)


def pieces_of(made: Made) -> Iterator[tuple[str, list[CitedSentence]]]:
    """The answer's text a sentence at a time, each with what is cited in it; joined, the pieces are the whole text."""
    text, done = text_of(made), 0
    waiting: list[CitedSentence] = []
    for sentence in cited_sentences(made):
        if sentence.end > done:
            yield text[done : sentence.end], [*waiting, sentence]
            done, waiting = sentence.end, []
        else:
            waiting.append(sentence)  # within what has been sent
    if done < len(text) or waiting:
        yield text[done:], waiting
