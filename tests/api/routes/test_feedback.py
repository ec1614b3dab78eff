"""Judged answers become a gold set; questions without an answer are listed; nothing is kept unless that is wanted."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.admission.keys import add_key
from api.settings import Settings
from eval.sets.quotes import read_jsonl
from tests.api.conftest import ClientOf


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "gold.jsonl"


@pytest.fixture
def client(client_of: ClientOf, gold: Path, fake: Any) -> TestClient:
    fake.add_text(title="Fruit", text="Apples fall in autumn.", source="fruit")
    return client_of(Settings(feedback=gold, unanswered=gold.with_name("unanswered.jsonl")))


def citation(client: TestClient) -> Any:
    return client.post("/v1/ask", json={"question": "apples"}).json()["passages"][0]["citation"]


def test_a_judged_answer_is_a_line_that_evaluation_reads(client: TestClient, gold: Path) -> None:
    judged = {"question": "When do apples fall?", "citations": [citation(client)]}
    assert client.post("/v1/feedback", json=judged).status_code == 201
    assert client.post("/v1/feedback", json={"question": "Who?", "citations": []}).json()["answerable"] is False
    first, second = read_jsonl(gold)
    assert (first.text, first.answerable, first.quotes, first.document) == (
        judged["question"],
        True,
        ("Apples fall in autumn.",),
        "fruit",
    )
    assert (second.text, second.answerable) == ("Who?", False)
    assert gold.stat().st_mode & 0o777 == 0o600


def test_what_some_take_for_the_end_of_a_line_is_kept(client: TestClient, gold: Path) -> None:
    questions = ["Which\u2028line?", "And\u0085which?"]
    for question in questions:
        client.post("/v1/ask", json={"question": question})
        assert client.post("/v1/feedback", json={"question": question, "citations": []}).status_code == 201
    assert [question.text for question in read_jsonl(gold)] == questions
    listed = client.get("/v1/unanswered").json()["questions"]
    assert [entry["question"] for entry in listed] == questions[::-1]


def test_a_later_word_replaces_an_earlier_one(client: TestClient, gold: Path) -> None:
    client.post("/v1/feedback", json={"question": "When?", "citations": []})
    client.post("/v1/feedback", json={"question": "When?", "citations": [citation(client)]})
    (line,) = read_jsonl(gold)
    assert line.answerable


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"cited_text": "Pears fall."}, 422),
        ({"document_id": "nothing"}, 404),
        ({"start_char_index": 5, "end_char_index": 1}, 422),
    ],
)
def test_what_does_not_stand_there_is_not_kept(
    client: TestClient, gold: Path, change: dict[str, Any], status: int
) -> None:
    wrong = citation(client) | change
    reply = client.post("/v1/feedback", json={"question": "When?", "citations": [wrong]})
    assert reply.status_code == status and not gold.exists()


def test_questions_without_an_answer_are_listed_counted_and_forgotten(client: TestClient, fake: Any) -> None:
    for question in ("Where is Perm?", "Where is Omsk?", "Where is Perm?", "apples"):
        client.post("/v1/ask", json={"question": question})
    listed = client.get("/v1/unanswered").json()["questions"]
    assert [(entry["question"], entry["count"], entry["reason"]) for entry in listed] == [
        ("Where is Perm?", 2, "no_match"),
        ("Where is Omsk?", 1, "no_match"),
    ]
    assert client.delete("/v1/unanswered").status_code == 204
    assert client.get("/v1/unanswered").json() == {"questions": []}


def test_nothing_is_kept_unless_that_is_wanted(client_of: ClientOf, tmp_path: Path) -> None:
    client = client_of(Settings())
    client.post("/v1/ask", json={"question": "Where is Perm?"})
    assert client.get("/v1/unanswered").json() == {"questions": []}
    reply = client.post("/v1/feedback", json={"question": "When?", "citations": []})
    assert reply.status_code == 422 and "RAG_FEEDBACK" in reply.json()["detail"]
    features = client.get("/v1/features").json()
    assert not features["feedback"] and not features["unanswered"]


def test_a_key_judges_and_sees_its_own_collections(client_of: ClientOf, gold: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    _, reader = add_key(keys, "reader", "read", ("mine",))
    _, writer = add_key(keys, "writer", "write", ("mine",))
    _, other = add_key(keys, "other", "write", ("theirs",))
    client = client_of(Settings(keys_file=keys, feedback=gold, unanswered=gold.with_name("unanswered.jsonl")))

    def ask(method: str, path: str, key: str, body: object = None) -> Any:
        return client.request(method, path, json=body, headers={"X-API-Key": key})

    ask("POST", "/v1/ask", reader, {"question": "Where is Perm?", "collection": "mine"})
    judged = {"question": "Where is Perm?", "collection": "mine", "citations": []}
    assert ask("POST", "/v1/feedback", reader, judged).status_code == 201
    assert ask("POST", "/v1/feedback", other, judged).status_code == 403
    assert ask("GET", "/v1/unanswered", reader).status_code == 403
    assert len(ask("GET", "/v1/unanswered", writer).json()["questions"]) == 1
    assert ask("GET", "/v1/unanswered", other).json() == {"questions": []}
    ask("DELETE", "/v1/unanswered", other)
    assert len(ask("GET", "/v1/unanswered", writer).json()["questions"]) == 1
    assert ask("GET", "/v1/features", reader).json()["unanswered"] is False


def test_a_file_that_cannot_be_used_keeps_nobody_from_an_answer(
    client: TestClient, gold: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in (gold, gold.with_name("unanswered.jsonl")):
        path.mkdir(parents=True)
    reply = client.post("/v1/ask", json={"question": "Where is Perm?"})
    assert (reply.status_code, reply.json()["answered"]) == (200, False)
    assert "unanswered.jsonl" in caplog.text
    refused = [client.get("/v1/unanswered"), client.post("/v1/feedback", json={"question": "When?", "citations": []})]
    assert [(reply.status_code, reply.json()["type"]) for reply in refused] == [(503, "/problems/not-kept")] * 2


def test_lines_that_are_none_are_passed_over(client: TestClient, gold: Path) -> None:
    path = gold.with_name("unanswered.jsonl")
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        'nonsense\n[1]\n{"question": "Q", "collection": "default", "reason": "no_match", "count": 1, "last_at": "2026"}\n'
        '{"question": "Where is Perm?", "collection": "default", "count": "many"}\n'
    )
    client.post("/v1/ask", json={"question": "Where is Perm?"})
    assert [entry["question"] for entry in client.get("/v1/unanswered").json()["questions"]] == ["Where is Perm?", "Q"]
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 2
