"""What is asked in the messages of a conversation, and what was asked and answered before."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from api.protocols.openai.collections import Lenient
from api.schemas.requests import MAX_ANSWER, MAX_TURNS
from rag.shared.errors import BadInput
from rag.shared.types import Turn
from rag.shared.validation import MAX_QUESTION

_TEXT_PARTS = ("text", "input_text", "output_text")

Content = str | list[dict[str, Any]] | None


class Message(Lenient):
    """One message; in the input of a response, items of other types than `message` hold no question."""

    type: str = "message"
    role: str = ""
    content: Content = None


class Asked(NamedTuple):
    """A question and the turns before it, oldest first."""

    question: str
    history: tuple[Turn, ...]


def asked_in(messages: Sequence[Message], place: str) -> Asked:
    """The last question of the user, and as many turns before it as are taken.  place: what the client calls the messages.

    Raises BadInput where there is no question, or it is not in text alone.
    """
    told = [message for message in messages if message.type == "message"]
    last = next((number for number in range(len(told) - 1, -1, -1) if told[number].role == "user"), None)
    if last is None:
        raise BadInput(f"{place}: one of them must be the user's, with the question")
    return Asked(_text_of(told[last].content), _turns(told[:last])[-MAX_TURNS:])


def _turns(messages: Iterable[Message]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for message in messages:
        if message.role == "user":
            turns.append(Turn(_readable(message.content)[:MAX_QUESTION]))
        elif message.role == "assistant" and turns:
            turns[-1] = Turn(turns[-1].question, _readable(message.content)[:MAX_ANSWER])
    return tuple(turns)


def _text_of(content: Content) -> str:
    if isinstance(content, str):
        return content
    for part in content or ():
        if part.get("type") not in _TEXT_PARTS or not isinstance(part.get("text"), str):
            raise BadInput("questions are text: send no parts of other types")
    return "\n".join(str(part["text"]) for part in content or ())


def _readable(content: Content) -> str:
    """What is text of an earlier message: pictures in it asked nothing that is asked now."""
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in content or () if isinstance(part.get("text"), str))
