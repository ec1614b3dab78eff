"""Spans of searching and writing, in the names of OpenTelemetry's GenAI conventions and OpenInference: ids and scores, never text.

Conventions: open-telemetry/semantic-conventions-genai 0.1.0; OpenInference's attributes of retrievers and models. OpenTelemetry is
imported where a span is made: a service without ``tracing`` needs nothing of it.
"""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import from_json, to_json

from api.workers.messages import Answered
from rag.generation.language_model import MAX_TOKENS, ChatModel
from rag.generation.prompt import Messages
from rag.shared.types import Query

_OWN = "footnote"


def retrieval(query: Query, model: str, answer: Callable[[], Answered]) -> Answered:
    """What ``answer`` gives, within a span of it.  model: what texts are embedded with."""
    from opentelemetry.trace import SpanKind

    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.provider.name": _OWN,
        "gen_ai.data_source.id": query.collection,
        "gen_ai.request.model": model,
        "gen_ai.retrieval.top_k": query.k,
        "openinference.span.kind": "RETRIEVER",
    }
    name = f"retrieval {query.collection}"
    with _tracer().start_as_current_span(
        name, kind=SpanKind.INTERNAL, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            made = answer()
        except BaseException as error:  # by its kind alone: its words may quote a text
            _fail(span, error)
            raise
        if span.is_recording():
            _tell(span, from_json(made.body))
        return made


def _tell(span: Any, made: dict[str, Any]) -> None:
    """Which passages were found, and how sure the answer is."""
    scored = []
    for number, passage in enumerate(made["passages"]):
        place = passage["citation"]
        identity = f"{place['document_id']}:{place['start_char_index']}-{place['end_char_index']}"
        scored.append({"id": identity, "score": passage["score"]})
        span.set_attribute(f"retrieval.documents.{number}.document.id", identity)
        span.set_attribute(f"retrieval.documents.{number}.document.score", passage["score"])
    span.set_attribute("gen_ai.retrieval.documents", to_json(scored).decode())
    span.add_event(
        "gen_ai.evaluation.result",
        {
            "gen_ai.evaluation.name": "confidence",
            "gen_ai.evaluation.score.value": made["confidence"],
            "gen_ai.evaluation.score.label": "answered" if made["answered"] else str(made["abstain_reason"]),
        },
    )


class TracedModel:
    """A language model each of whose replies is a span."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    @property
    def url(self) -> str:
        """Of its server."""
        return self._model.url

    @property
    def name(self) -> str:
        """The model's."""
        return self._model.name

    def stream(
        self, messages: Messages, *, schema: dict[str, Any] | None = None, told: dict[str, Any] | None = None
    ) -> Iterator[str]:
        """As of ``LanguageModel``."""
        from opentelemetry.trace import SpanKind

        told = {} if told is None else told
        address = urlsplit(self._model.url)
        attributes: dict[str, str | int | float] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",  # whose interface it is spoken to by
            "gen_ai.request.model": self.name,
            "gen_ai.request.temperature": 0.0,
            "gen_ai.request.max_tokens": MAX_TOKENS,
            "gen_ai.output.type": "json" if schema else "text",
            "server.address": address.hostname or "",
            "server.port": address.port or (443 if address.scheme == "https" else 80),
            "openinference.span.kind": "LLM",
            "llm.model_name": self.name,
        }
        # Not the current span: what is between two pieces may be done in other threads.
        span = _tracer().start_span(f"chat {self.name}", kind=SpanKind.CLIENT, attributes=attributes)
        try:
            yield from self._model.stream(messages, schema=schema, told=told)
        except BaseException as error:
            _fail(span, error)
            raise
        finally:
            if told.get("finish_reason"):
                span.set_attribute("gen_ai.response.finish_reasons", [str(told["finish_reason"])])
            for ours, theirs in (("input", "prompt"), ("output", "completion")):
                if isinstance(number := (told.get("usage") or {}).get(f"{theirs}_tokens"), int):
                    span.set_attribute(f"gen_ai.usage.{ours}_tokens", number)
            span.end()


def _fail(span: Any, error: BaseException) -> None:
    from opentelemetry.trace import StatusCode

    span.set_attribute("error.type", type(error).__name__)
    if not isinstance(error, GeneratorExit):  # whoever reads the reply has left
        span.set_status(StatusCode.ERROR)


def _tracer() -> Any:
    from opentelemetry import trace

    return trace.get_tracer(_OWN)
