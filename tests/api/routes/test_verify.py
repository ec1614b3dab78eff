"""Checking citations over HTTP."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from api.schemas.responses import VerifyOut
from tests.api.conftest import fits


def cited(client: TestClient, text: str) -> dict[str, Any]:
    client.post("/v1/documents", json={"text": text, "source": "fruit"})
    answer = client.post("/v1/ask", json={"question": "apples"}).json()
    citation: dict[str, Any] = answer["passages"][0]["citation"]
    return citation


def check(client: TestClient, *citations: Any) -> Any:
    return client.post("/v1/verify", json={"citations": list(citations)})


def test_a_citation_of_an_answer_is_valid_then_moved_changed_and_gone(client: TestClient) -> None:
    citation = cited(client, "apples fall")
    seen = [check(client, citation).json()["results"][0]]
    for text in ("Now apples fall", "pears"):
        document_id = client.post("/v1/documents", json={"text": text, "source": "fruit"}).json()["documents"][0]["id"]
        seen.append(check(client, citation).json()["results"][0])
    client.delete(f"/v1/documents/{document_id}")
    seen.append(check(client, citation).json()["results"][0])
    assert [result["status"] for result in seen] == ["valid", "moved", "changed", "gone"]
    assert (seen[1]["start_char_index"], seen[1]["end_char_index"]) == (4, 15)


def test_results_come_in_the_order_of_the_citations(client: TestClient) -> None:
    citation = cited(client, "apples fall")
    response = check(client, {**citation, "document_id": "other"}, citation)
    assert [result["status"] for result in fits(VerifyOut, response.json())["results"]] == ["gone", "valid"]


def test_no_citations_give_no_results(client: TestClient) -> None:
    assert check(client).json() == {"results": []}


def test_fields_of_later_versions_are_ignored(client: TestClient) -> None:
    assert check(client, {**cited(client, "apples"), "file_id": "x", "score": {"deep": [1]}}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"document_id": None},
        {"document_id": ""},
        {"document_id": 5},
        {"document_id": "a\0"},
        {"cited_text": None},
        {"start_char_index": -1},
        {"start_char_index": "0"},
        {"start_char_index": True},
        {"start_char_index": 7},
        {"end_char_index": 2**63},
        {"end_char_index": 10**400},
        {"type": "page_location"},
    ],
)
def test_a_citation_that_cannot_be_one_is_refused(client: TestClient, change: dict[str, Any]) -> None:
    assert check(client, {**cited(client, "apples"), **change}).status_code == 422


@pytest.mark.parametrize(
    "body", [{}, [], {"citations": None}, {"citations": {}}, {"citations": ["x"]}, {"citations": [], "x": 1}]
)
def test_a_body_without_a_list_of_citations_is_refused(client: TestClient, body: Any) -> None:
    assert client.post("/v1/verify", json=body).status_code == 422


def test_more_citations_than_allowed_are_refused(client: TestClient) -> None:
    assert check(client, *[cited(client, "apples")] * 1001).status_code == 422
