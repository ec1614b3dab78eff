"""Generated answers over HTTP, against a language model's stub."""

import gc
import json
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from api.app import create_app
from api.settings import Settings
from rag.generation.language_model import LanguageModel
from rag.shared.errors import BadInput
from rag.shared.shapes import AnswerOut
from tests.api.conftest import Request, fits, whole
from tests.language_model_stub import Stub, sentences_reply, serve

pytestmark = pytest.mark.medium

TRUE = ("Apples fall in autumn.", ["S1"])
FALSE = ("Apples fall in 1999.", ["S1"])


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serve(lambda _: sentences_reply(TRUE, FALSE)) as stub:
        yield stub


@pytest.fixture
def asking(client: TestClient, fake: Any, stub: Stub) -> TestClient:
    fake.add_text(title="Fruit", text="Apples fall in autumn.", source="fruit")
    fake.language_model, fake.entailment = LanguageModel(stub.url, timeout_s=300), None
    return client


def events(text: str) -> list[tuple[str, Any]]:
    """Names and data of a stream's events."""
    lines = [block.split("\n") for block in text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


def ask(client: TestClient, **headers: str) -> Any:
    return client.post("/v1/ask", json={"question": "When do Apples fall?", "mode": "generate"}, headers=headers)


def test_a_generated_answer_holds_supported_sentences_and_the_extract(asking: TestClient) -> None:
    answer = fits(AnswerOut, ask(asking).json())["answer"]
    assert (answer["text"], answer["generated"], answer["model"], answer["dropped"]) == (TRUE[0], True, "stub-model", 1)
    (sentence,) = answer["sentences"]
    assert sentence["citations"][0]["cited_text"] == "Apples fall in autumn." and answer["citations"] == [0]
    assert answer["extract"]["text"]


def test_a_stream_gives_passages_then_sentences_then_the_whole(asking: TestClient) -> None:
    response = ask(asking, accept="text/event-stream")
    assert response.headers["content-type"].startswith("text/event-stream")
    (first, passages), (second, sentence), (last, whole) = events(response.text)
    assert (first, second, last) == ("search", "sentence", "done")
    assert passages["passages"] and sentence["text"] == TRUE[0] == whole["answer"]["text"]


def test_an_extractive_answer_streams_too(asking: TestClient) -> None:
    response = asking.post("/v1/ask", json={"question": "Apples"}, headers={"accept": "text/event-stream"})
    names = [name for name, _ in events(response.text)]
    assert names[0] == "search" and names[-1] == "done" and not asking.app.state.service.language_model._name  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [500, 200])
def test_a_model_that_fails_or_replies_nonsense_leaves_the_extract_with_a_note(
    asking: TestClient, stub: Stub, status: int
) -> None:
    stub.status, stub.reply = status, lambda _: "Apples? I like apples."
    body = ask(asking).json()
    assert body["answered"] and "generated" not in body["answer"] and "quoted" in body["notes"][0]


def test_a_server_that_cannot_even_be_asked_for_its_models_leaves_the_extract_with_a_note(asking: TestClient) -> None:
    asking.app.state.service.language_model = LanguageModel("no-address")  # type: ignore[attr-defined]
    body = ask(asking).json()
    assert body["answered"] and "generated" not in body["answer"] and "quoted" in body["notes"][0]
    assert events(ask(asking, accept="text/event-stream").text)[-1] == ("done", body)


def test_a_model_that_breaks_off_leaves_what_was_borne_out_with_a_note(asking: TestClient, stub: Stub) -> None:
    stub.reply, stub.breaks_off = lambda _: sentences_reply(TRUE, *[FALSE] * 3), True
    whole = ask(asking).json()
    assert whole["answer"]["text"] == TRUE[0] and "end early" in whole["notes"][0]
    *_, (_, streamed) = events(ask(asking, accept="text/event-stream").text)
    assert streamed["answer"] == whole["answer"] and streamed["notes"] == whole["notes"]


def test_a_model_that_finds_nothing_abstains(asking: TestClient, stub: Stub) -> None:
    stub.reply = lambda _: sentences_reply()
    body = ask(asking).json()
    assert (body["answered"], body["answer"], body["abstain_reason"]) == (False, None, "model_abstained")


def test_an_abstention_asks_no_model(client: TestClient, fake: Any, stub: Stub) -> None:
    fake.language_model, fake.entailment = LanguageModel(stub.url, "m"), None
    assert ask(client).json()["answered"] is False and stub.requests == []


def test_without_a_language_model_it_is_refused(fake: Any) -> None:
    class Bare(type(fake)):  # type: ignore[misc]
        @property
        def language_model(self) -> LanguageModel:
            raise BadInput("no language model is set: RAG_LLM_URL")

    with TestClient(create_app(Bare(), Settings())) as client:
        response = ask(client)
    assert response.status_code == 422 and "RAG_LLM_URL" in response.json()["detail"]


def test_more_at_once_than_there_are_places_is_refused(asking: TestClient) -> None:
    places = asking.app.state.generations  # type: ignore[attr-defined]
    taken = 0
    while places.acquire(blocking=False):
        taken += 1
    response = ask(asking)
    assert response.status_code == 503 and response.headers["retry-after"]
    for _ in range(taken):
        places.release()
    assert ask(asking).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/ask", {"question": "When do Apples fall?", "mode": "generate"}),
        (
            "/openai/v1/chat/completions",
            {"model": "footnote", "messages": [{"role": "user", "content": "When do Apples fall?"}], "stream": True},
        ),
    ],
)
def test_clients_that_leave_make_place_for_others(asking: TestClient, path: str, body: dict[str, Any]) -> None:
    class Leaving(Request):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if message.get("body"):
                self.left.set()
                await anyio.sleep(0)

    async def leave() -> None:
        await Leaving(asking.app, whole(body), path=path, accept=b"text/event-stream").run()

    assert asking.portal is not None
    gc.disable()  # what frees memory would free the place with it, some day
    try:
        for _ in range(Settings().generations):
            asking.portal.call(leave)
        assert ask(asking).status_code == 200
    finally:
        gc.enable()
