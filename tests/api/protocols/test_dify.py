"""Dify finds records here, and is told of errors in its own form."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from api.settings import Settings
from tests.api.fake_service import FakeService


def retrieve(client: TestClient, condition: Any = None, **changes: Any) -> Any:
    body = {
        "knowledge_id": "default",
        "query": "the board",
        "retrieval_setting": {"top_k": 2, "score_threshold": 0.0},
        **({"metadata_condition": condition} if condition else {}),
        **changes,
    }
    return client.post("/dify/retrieval", json=body)


def conditions(*given: tuple[str, str, Any], operator: str = "and") -> dict[str, Any]:
    listed = [{"name": name, "comparison_operator": kind, "value": value} for name, kind, value in given]
    return {"logical_operator": operator, "conditions": listed}


def test_records_hold_the_text_and_where_it_stands(client: TestClient, filled: FakeService) -> None:
    records = retrieve(client).json()["records"]
    assert [record["title"] for record in records] == ["Minutes", "Letter"]
    first = records[0]
    place = first["metadata"]
    stored = filled.text(place["document_id"])
    assert first["content"] == stored[place["start_char_index"] : place["end_char_index"]]
    assert place["url"].startswith("http://testserver/#doc=") and place["year"] == 2025
    assert 0 <= first["score"] <= 1


def test_nothing_found_is_an_empty_list(client: TestClient, filled: FakeService) -> None:
    assert retrieve(client, query="zebras").json() == {"records": []}


@pytest.mark.parametrize(
    ("condition", "titles"),
    [
        (conditions(("tags", "contains", "minutes")), ["Minutes"]),
        (conditions(("tags", "not contains", "minutes")), ["Letter"]),
        (conditions(("tags", "empty", None)), ["Letter"]),
        (conditions(("tags", "start with", "board"), ("tags", "end with", "board"), operator="or"), ["Minutes"]),
    ],
)
def test_conditions_on_words_look_at_the_metadata(
    client: TestClient, filled: FakeService, condition: Any, titles: list[str]
) -> None:
    assert [record["title"] for record in retrieve(client, condition).json()["records"]] == titles


def test_comparisons_reach_the_index(client: TestClient, filled: FakeService) -> None:
    retrieve(client, conditions(("year", "≥", "2024"), ("tags", "not in", "a, b")))
    where: Any = filled.queries[-1].where
    assert where["year"].gte == "2024" and where["tags"].values == ["a", "b"]


@pytest.mark.parametrize(
    "changes",
    [
        {"query": ""},
        {"query": None},
        {"retrieval_setting": {"top_k": 0}},
        {"retrieval_setting": {"top_k": 5, "score_threshold": 2}},
        {"metadata_condition": conditions(("year", "like", "2"))},
        {"metadata_condition": conditions(("year", ">", "much"))},
        {"metadata_condition": conditions(("year", "is", "2"), ("tags", "contains", "x"), operator="or")},
    ],
)
def test_bad_input_is_told_in_dify_s_form(client: TestClient, filled: FakeService, changes: dict[str, Any]) -> None:
    refused = retrieve(client, **changes)
    assert 400 <= refused.status_code < 500
    assert refused.json().keys() == {"error_code", "error_msg"}


def test_keys_and_collections_hold_here_too(client_of: Any, filled: FakeService) -> None:
    locked = client_of(Settings(api_key="right"))
    assert retrieve(locked).json()["error_code"] == 1002
    missing = locked.post(
        "/dify/retrieval", json={"knowledge_id": "none", "query": "x"}, headers={"Authorization": "Bearer right"}
    )
    assert (missing.status_code, missing.json()["error_code"]) == (404, 2001)
