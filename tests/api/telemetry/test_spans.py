"""Traces in the names that others read: ids and scores of what was found, and nothing of any text."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from rag.generation.language_model import LanguageModel
from rag.shared.errors import LanguageModelFailed
from tests.language_model_stub import sentences_reply, serve

sdk = pytest.importorskip("opentelemetry.sdk.trace")
QUESTION = "When do Apples fall?"
TEXT = "Apples fall in autumn."


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What has been exported so far, by name."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield lambda: {span.name: span for span in exporter.get_finished_spans()}
    provider.shutdown()


@pytest.fixture
def traced(fake: Any) -> Iterator[TestClient]:
    """A service that makes spans of searching and writing, without the framework's own of requests."""
    fake.add_text(title="Fruit", text=TEXT)
    app = create_app(fake, Settings())
    app.state.settings = Settings(tracing=True)
    with TestClient(app) as client:
        yield client


def told(span: Any) -> str:
    """All that a span says."""
    return str(span.to_json())


def test_a_search_says_what_was_found_and_none_of_the_words(traced: TestClient, spans: Any) -> None:
    made = traced.post("/v1/ask", json={"question": QUESTION, "top_k": 3}).json()
    span = spans()["retrieval default"]
    place = made["passages"][0]["citation"]
    identity = f"{place['document_id']}:{place['start_char_index']}-{place['end_char_index']}"
    score = made["passages"][0]["score"]
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.provider.name": "footnote",
        "gen_ai.data_source.id": "default",
        "gen_ai.request.model": "fake-model",
        "gen_ai.retrieval.top_k": 3,
        "gen_ai.retrieval.documents": json.dumps([{"id": identity, "score": score}], separators=(",", ":")),
        "openinference.span.kind": "RETRIEVER",
        "retrieval.documents.0.document.id": identity,
        "retrieval.documents.0.document.score": score,
    }
    [event] = span.events
    assert event.name == "gen_ai.evaluation.result" and event.attributes["gen_ai.evaluation.score.label"] == "answered"
    assert event.attributes["gen_ai.evaluation.score.value"] == made["confidence"]
    assert not any(word in told(span) for word in ("Apples", "autumn", "Fruit"))


def test_every_door_makes_the_same_span(traced: TestClient, spans: Any) -> None:
    body = {"model": "footnote/default", "messages": [{"role": "user", "content": QUESTION}]}
    assert traced.post("/openai/v1/chat/completions", json=body).status_code == 200
    assert spans()["retrieval default"].attributes["openinference.span.kind"] == "RETRIEVER"


def test_a_search_that_fails_says_of_which_kind_the_error_is_and_not_its_words(
    traced: TestClient, spans: Any, fake: Any
) -> None:
    fake.fail_with = LanguageModelFailed("the text was: Apples")
    assert traced.post("/v1/ask", json={"question": QUESTION}).status_code >= 500
    span = spans()["retrieval default"]
    assert span.attributes["error.type"] == "LanguageModelFailed" and span.status.status_code.name == "ERROR"
    assert "Apples" not in told(span)


def test_a_reply_of_a_language_model_is_a_span(traced: TestClient, spans: Any, fake: Any) -> None:
    with serve(lambda _: sentences_reply((TEXT, ["S1"]))) as stub:
        fake.language_model, fake.entailment = LanguageModel(stub.url, timeout_s=300), None
        stub.usage = {"prompt_tokens": 7, "completion_tokens": 2}
        assert traced.post("/v1/ask", json={"question": QUESTION, "mode": "generate"}).json()["answer"]["generated"]
        span = spans()["chat stub-model"]
    attributes = dict(span.attributes)
    assert attributes.pop("server.port") == int(stub.url.rpartition(":")[2].removesuffix("/v1"))
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "stub-model",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.output.type": "json",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 2,
        "server.address": "127.0.0.1",
        "openinference.span.kind": "LLM",
        "llm.model_name": "stub-model",
    }
    assert span.kind.name == "CLIENT" and "autumn" not in told(span)


def test_a_model_that_breaks_off_is_an_error_of_its_span(traced: TestClient, spans: Any, fake: Any) -> None:
    with serve(lambda _: sentences_reply((TEXT, ["S1"])), breaks_off=True) as stub:
        fake.language_model, fake.entailment = LanguageModel(stub.url, timeout_s=300), None
        assert traced.post("/v1/ask", json={"question": QUESTION, "mode": "generate"}).status_code == 200
    assert spans()["chat stub-model"].attributes["error.type"] == "LanguageModelFailed"


def test_without_tracing_no_span_is_made(client: TestClient, spans: Any, fake: Any) -> None:
    fake.add_text(title="Fruit", text=TEXT)
    assert client.post("/v1/ask", json={"question": QUESTION}).status_code == 200
    assert spans() == {}
