"""An answer as the bytes that go out, made in this process or in one of ``api.workers.pool``."""

from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from pydantic_core import to_json

from api.telemetry.logs import Format
from rag.shared.config import Config, Place
from rag.shared.serialization import answer_json
from rag.shared.types import Query

if TYPE_CHECKING:
    from rag.service import Service


class Task(NamedTuple):
    """What a process of ``api.workers.pool`` is told first. It replies its model's precision once it can answer, or why not."""

    store: Place
    config: Config
    log_format: Format


class Question(NamedTuple):
    """What it is asked then, in a list. It replies to each an ``Answered``, or the exception for which there is none, in order."""

    query: Query
    request_id: str | None


class Unexpected(Exception):
    """Something went wrong for which there is no error of its own; where is in the log of the process in which it happened."""


# What is the end of a line to Python's ``splitlines``, and so to clients that read events by it.
_LINE_ENDS = {"\u0085".encode(): rb"\u0085", "\u2028".encode(): rb"\u2028", "\u2029".encode(): rb"\u2029"}


class Answered(NamedTuple):
    """body: JSON.  answered: False for an abstention.  stages: milliseconds spent in each."""

    body: bytes
    answered: bool
    stages: dict[str, float]


def answer(service: "Service", query: Query) -> Answered:
    """What a service answers.  Raises as ``Service.ask``."""
    outcome = service.ask(query)
    # The bytes are those of ``json``, in a sixth of the time.
    return Answered(to_json(answer_json(outcome)), outcome.answered, asdict(outcome.timings_ms))


def sent_event(value: object, name: str = "") -> bytes:
    """A server-sent event with this value as JSON."""
    data = to_json(value)
    for end, escaped in _LINE_ENDS.items():
        data = data.replace(end, escaped)
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + data + b"\n\n"
