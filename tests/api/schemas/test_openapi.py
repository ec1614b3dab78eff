"""The description of the service is whole, and what the service answers fits it."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.settings import Settings
from tests.api.conftest import ClientOf

pytestmark = pytest.mark.medium

ROUTES = {
    ("post", "/v1/ask"),
    ("post", "/v1/documents"),
    ("get", "/v1/documents"),
    ("get", "/v1/documents/{document_id}"),
    ("get", "/v1/documents/{document_id}/text"),
    ("get", "/v1/documents/{document_id}/structure"),
    ("get", "/v1/documents/{document_id}/original"),
    ("get", "/v1/documents/{document_id}/pages"),
    ("get", "/v1/documents/{document_id}/pages/{number}.png"),
    ("delete", "/v1/documents/{document_id}"),
    ("get", "/v1/jobs/{job_id}"),
    ("get", "/v1/collections"),
    ("get", "/v1/features"),
    ("post", "/v1/feedback"),
    ("get", "/v1/unanswered"),
    ("delete", "/v1/unanswered"),
    ("post", "/v1/verify"),
    ("get", "/livez"),
    ("get", "/readyz"),
    ("get", "/metrics"),
}


@pytest.fixture
def description(client: TestClient) -> Any:
    return client.get("/openapi.json").json()


def operations(description: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_every_route_is_described(description: Any) -> None:
    assert {(method, path) for method, path, _ in operations(description)} == ROUTES


def test_every_error_is_a_problem_detail(description: Any) -> None:
    for _, path, operation in operations(description):
        errors = {status: reply for status, reply in operation["responses"].items() if status >= "400"}
        assert errors, path
        for reply in errors.values():
            assert reply["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }


def test_every_reference_leads_somewhere(description: Any) -> None:
    named = set(references(description))
    assert named
    for reference in named:
        assert reference.removeprefix("#/components/schemas/") in description["components"]["schemas"]


def test_what_may_be_left_out_of_an_address_is_no_null(description: Any) -> None:
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    parameters = [parameter for operation in operations for parameter in operation.get("parameters", ())]
    assert {"cursor", "collection", "start", "limit"} <= {parameter["name"] for parameter in parameters}
    assert {parameter["schema"]["type"] for parameter in parameters} == {"string", "integer"}


def test_both_kinds_of_upload_are_described(description: Any) -> None:
    content = description["paths"]["/v1/documents"]["post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/json"}
    assert content["application/json"]["schema"]["required"] == ["text"]


def test_the_kinds_of_problem_are_listed(description: Any) -> None:
    for uri in ("/problems/invalid-request", "/problems/disk-full", "/problems/document-not-found"):
        assert f"`{uri}`" in description["info"]["description"]


def test_a_key_is_described_where_one_is_needed(client_of: ClientOf) -> None:
    client = client_of(Settings(api_key="k"))
    description = client.get("/openapi.json", headers={"X-API-Key": "k"}).json()
    for _, path, operation in operations(description):
        assert ("401" in operation["responses"]) == (path not in ("/livez", "/readyz")) == ("security" in operation)
