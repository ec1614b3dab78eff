"""Asking: what a question may be, and what comes back."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.admission.keys import add_key
from api.settings import Settings
from index.types import Range
from rag.shared.shapes import AnswerOut
from tests.api.conftest import ClientOf, fits


def ask(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/ask", json={"question": "apples", **body})


def test_an_answer_has_exactly_the_documented_fields(client: TestClient, fake: Any) -> None:
    fake.add_text(title="Fruit", text="apples fall", source="fruit", metadata={"year": 2025})
    response = ask(client)
    assert response.status_code == 200
    answer = fits(AnswerOut, response.json())
    assert answer["answered"] and answer["passages"][0]["citation"]["cited_text"] == "apples fall"
    assert "explain" not in answer["passages"][0]


def test_an_abstention_is_a_result(client: TestClient) -> None:
    response = ask(client)
    assert response.status_code == 200
    assert (response.json()["answered"], response.json()["answer"]) == (False, None)


def test_explain_is_there_when_asked_for(client: TestClient, fake: Any) -> None:
    fake.add_text(text="apples fall")
    assert ask(client, explain=True).json()["passages"][0]["explain"] == {"lexical": {"rank": 1, "score": 1.0}}


def test_every_field_of_a_question_reaches_the_service(client: TestClient, fake: Any) -> None:
    where = {"a": "x", "b": True, "c": None, "d": 3, "e": 2.5, "f": ["y", False, 1]}
    assert ask(client, top_k=7, collection="news", filter=where, explain=True, max_risk=0.1).status_code == 200
    [query] = fake.queries
    assert (query.question, query.k, query.collection, query.explain) == ("apples", 7, "news", True)
    assert query.max_risk == 0.1
    assert query.where == {
        "a": ["x"],
        "b": ["true"],
        "c": ["null"],
        "d": ["3", "3.0"],
        "e": ["2.5"],
        "f": ["y", "false", "1", "1.0"],
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "apples",
        None,
        {"question": None},
        {"question": 5},
        {"question": ["apples"]},
        {"question": ""},
        {"question": " \n\t "},
        {"question": "\x01\x02\x1b"},
        {"question": "\u200b\u2060"},
        {"question": "apples\0pears"},
        {"question": "a" * 2001},
        {"question": "apples", "top_k": 0},
        {"question": "apples", "top_k": -1},
        {"question": "apples", "top_k": 101},
        {"question": "apples", "top_k": "5"},
        {"question": "apples", "top_k": True},
        {"question": "apples", "top_k": 5.5},
        {"question": "apples", "top_k": None},
        {"question": "apples", "top_k": 10**400},
        {"question": "apples", "explain": "yes"},
        {"question": "apples", "explain": 1},
        {"question": "apples", "max_risk": 1.01},
        {"question": "apples", "max_risk": -0.1},
        {"question": "apples", "max_risk": "0.1"},
        {"question": "apples", "collection": ""},
        {"question": "apples", "collection": "a\nb"},
        {"question": "apples", "collection": "c" * 101},
        {"question": "apples", "collection": None},
        *({"question": "apples", "min_generation": generation} for generation in (-1, 1.5, "1")),
        {"question": "apples", "filter": []},
        {"question": "apples", "filter": {"": "x"}},
        {"question": "apples", "filter": {"k" * 101: "x"}},
        {"question": "apples", "filter": {"k\0": "x"}},
        {"question": "apples", "filter": {"k": "x\0"}},
        {"question": "apples", "filter": {"k": []}},
        {"question": "apples", "filter": {"k": {"nested": 1}}},
        {"question": "apples", "filter": {"k": {}}},
        {"question": "apples", "filter": {"k": {"gte": None}}},
        {"question": "apples", "filter": {"k": {"gte": "spring"}}},
        {"question": "apples", "filter": {"k": {"gte": "2025-01-01", "lt": 7.5}}},
        {"question": "apples", "filter": {"k": [{"gte": 1}]}},
        {"question": "apples", "filter": {"k": [["nested"]]}},
        {"question": "apples", "filter": {"k": 2**63}},
        {"question": "apples", "filter": {"k": 10**400}},
        {"question": "apples", "filter": {str(i): i for i in range(101)}},
        {"question": "apples", "filter": {str(i): [0] * 1000 for i in range(11)}},
        {"question": "apples", "unknown": 1},
    ],
    ids=lambda body: json.dumps(body)[:50],
)
def test_a_question_outside_its_limits_is_refused(client: TestClient, fake: Any, body: Any) -> None:
    response = client.post("/v1/ask", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "/problems/invalid-request" and problem["status"] == 422
    assert problem["errors"][0]["reason"]
    assert fake.queries == []


@pytest.mark.parametrize("question", ["a", "a" * 2000, "чому?", "なぜ", "🍎?", "tab\tinside", "a" * 1999 + "🍎"])
def test_a_question_within_its_limits_is_asked_as_it_is(client: TestClient, fake: Any, question: str) -> None:
    assert ask(client, question=question).status_code == 200
    assert fake.queries[0].question == question


@pytest.mark.parametrize("top_k", [1, 100, 5.0])
def test_the_limits_of_top_k_are_allowed_however_the_number_is_written(client: TestClient, top_k: float) -> None:
    assert ask(client, top_k=top_k).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"{'question': 'a'}", 400),
        (b'{"question": "a"} trailing', 400),
        (b'{"question": "\xff\xfe"}', 400),
        (b"\x00\x01\x02", 400),
        (b"[" * 100_000, 400),
        (b'{"question":' * 50_000, 400),
        (b'{"question": "a", "top_k": ' + b"9" * 5000 + b"}", 400),
        (b'{"question": "\\ud800"}', 422),
        (b'{"question": "a", "\\ud800": 1}', 422),
        (b'{"question": "a", "filter": {"\\udfff": "x"}}', 422),
        (b'{"question": "a", "filter": {"k": "\\udfff"}}', 422),
        (b'{"question": "a", "filter": {"k": NaN}}', 422),
        (b'{"question": "a", "filter": {"k": Infinity}}', 422),
        (b'{"question": "a", "filter": {"k": 1e999}}', 422),
        (b'{"question": "a", "top_k": NaN}', 422),
        (b"NaN", 422),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_body_that_is_not_proper_json_is_refused(client: TestClient, body: bytes, status: int) -> None:
    response = client.post("/v1/ask", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert "Traceback" not in response.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", ""])
def test_a_question_of_another_content_type_is_unsupported(client: TestClient, kind: str) -> None:
    response = client.post("/v1/ask", content=b'{"question": "a"}', headers={"Content-Type": kind})
    assert response.status_code == 415
    assert response.json()["type"] == "/problems/unsupported-format"


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/ld+json"])
def test_every_spelling_of_json_is_taken(client: TestClient, kind: str) -> None:
    response = client.post("/v1/ask", content=b'{"question": "a"}', headers={"Content-Type": kind})
    assert response.status_code == 200


def test_a_range_of_dates_or_numbers_reaches_the_search(client: TestClient, fake: Any) -> None:
    where = {"date": {"gte": "2025-01-01", "lt": "2026"}, "year": {"lte": 2025}, "size": {"gt": -1.5}, "tag": "x"}
    assert ask(client, filter=where).status_code == 200
    assert fake.queries[0].where == {
        "date": Range(gte="2025-01-01", lt="2026"),
        "year": Range(lte="2025"),
        "size": Range(gt="-1.5"),
        "tag": ["x"],
    }


def test_a_note_may_name_only_the_collections_that_the_key_opens(
    client_of: ClientOf, fake: Any, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    some, every = add_key(path, "some", "read", ("minutes",))[1], add_key(path, "every", "read")[1]
    client = client_of(Settings(keys_file=path))
    for key in (some, every):
        body = {"question": "x", "collection": "minutes"}
        assert client.post("/v1/ask", json=body, headers={"X-API-Key": key}).status_code == 200
    assert [query.nameable for query in fake.queries] == [frozenset({"minutes"}), None]
