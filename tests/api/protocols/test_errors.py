"""The limits of the service hold at every door, each of which tells of them in its own form."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.admission.keys import add_key
from api.settings import Settings
from tests.api.fake_service import FakeService

QUESTIONS: dict[str, dict[str, Any]] = {
    "/v1/ask?format=anthropic": {"question": "the board?", "collection": "default"},
    "/openai/v1/chat/completions": {
        "model": "footnote/default",
        "messages": [{"role": "user", "content": "the board?"}],
    },
    "/openai/v1/responses": {"model": "footnote/default", "input": "the board?"},
    "/openai/v1/vector_stores/default/search": {"query": "the board?"},
    "/dify/retrieval": {"knowledge_id": "default", "query": "the board?"},
    "/mcp": {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "ask", "arguments": {"question": "the board?", "collection": "default"}},
    },
}
MCP_HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}


def ask(client: TestClient, path: str, collection: str = "default", **changes: Any) -> Any:
    """The question that each door is sent, of any collection."""
    body = json.dumps(QUESTIONS[path]).replace("default", collection)
    headers = {"Content-Type": "application/json", **MCP_HEADERS, **changes}
    return client.post(path.replace("default", collection), content=body, headers=headers)


def words(answered: Any) -> str:
    """What the door says is wrong, in its own form."""
    told = answered.json()
    if "result" in told:  # a tool's error is a result, which the model reads
        assert told["result"]["isError"]
        return str(told["result"]["content"][0]["text"])
    return str(told.get("error_msg") or told.get("detail") or told["error"]["message"])


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_question_for_which_there_is_no_place_is_refused(client: TestClient, filled: FakeService, path: str) -> None:
    app: Any = client.app
    lane = app.state.lanes.ask
    assert ask(client, path).status_code == 200
    lane.inside = lane.places
    refused = ask(client, path)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1") and "Try again" in words(refused)
    lane.inside = 0
    assert ask(client, path).status_code == 200


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_key_that_asks_too_often_is_told_when_to_come_again(client_of: Any, filled: FakeService, path: str) -> None:
    client = client_of(Settings(rate=0.01, burst_size=1))
    assert ask(client, path).status_code == 200
    refused = ask(client, path)
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0 and words(refused)


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_body_too_large_and_a_missing_key_are_refused(client_of: Any, filled: FakeService, path: str) -> None:
    small = client_of(Settings(max_json_bytes=10))
    assert ask(small, path).status_code == 413 and "10 bytes" in words(ask(small, path))
    locked = client_of(Settings(api_key="right"))
    assert ask(locked, path).status_code == 401 and "key" in words(ask(locked, path))
    assert ask(locked, path, Authorization="Bearer right").status_code == 200


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_key_of_one_collection_is_told_the_same_of_every_other(
    client_of: Any, filled: FakeService, tmp_path: Path, path: str
) -> None:
    _, key = add_key(tmp_path / "keys.json", "one", "read", ["default"])
    client = client_of(Settings(keys_file=tmp_path / "keys.json"))
    of_own, *of_others = (
        ask(client, path, collection, Authorization=f"Bearer {key}") for collection in ("default", "secret", "nowhere")
    )
    assert of_own.status_code == 200 and "board met" in of_own.text
    there, nowhere = of_others
    assert there.status_code == nowhere.status_code and words(there) == words(nowhere)
    assert "default" in words(there) and "plan" not in there.text


@pytest.mark.parametrize("path", [path for path in QUESTIONS if path != "/mcp"])
def test_another_kind_of_body_and_another_method_are_refused(
    client: TestClient, filled: FakeService, path: str
) -> None:
    wrong = client.post(path, content=b"x", headers={"Content-Type": "text/plain"})
    assert wrong.status_code == 415 and "application/json" in words(wrong)
    refused = client.put(path)
    assert refused.status_code == 405 and "POST" in refused.headers["Allow"] and words(refused)


def test_a_store_that_fails_is_told_without_its_inside(client: TestClient, filled: FakeService) -> None:
    filled.fail_with = RuntimeError("a secret of the inside")
    for path in QUESTIONS:
        failed = ask(client, path)
        assert "secret of the inside" not in failed.text, path
        assert failed.status_code == (200 if path == "/mcp" else 500)  # an MCP tool's failure is a result
