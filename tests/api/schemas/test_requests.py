"""What is wrong with an input is told in words of the contract; numbers that are equal filter alike."""

import json
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from api.schemas.requests import AskIn, DocumentIn
from index.local.database.rows import filter_pairs

JSON = {"Content-Type": "application/json"}
SCALAR = "must be a string, a number, true, false or null"
VALUE = "must be a string, a number, true, false, null or a list of them"
CONDITION = VALUE.replace("null or a list of them", "null, a list of them or a range")
BOUND = "must be a number or a date as text"


@pytest.mark.parametrize(
    ("metadata", "where", "reason"),
    [
        ('{"a": {"b": 1}}', "metadata.a", VALUE),
        ('{"a": [[1]]}', "metadata.a.0", SCALAR),
        ('{"a": ["x", {}]}', "metadata.a.1", SCALAR),
        ('{"a": 1e400}', "metadata.a", "numbers must be finite"),
        ('{"a": [1, -1e400]}', "metadata.a.1", "numbers must be finite"),
        ('{"a": 9223372036854775808}', "metadata.a", "whole numbers must fit 64 bits"),
        ('{"a": "x\\u0000"}', "metadata.a", "must not hold null characters"),
        ('{"a": "%s"}' % ("x" * 10_001), "metadata.a", "String should have at most 10000 characters, not 10001"),
        (json.dumps({"a": [1] * 1001}), "metadata.a", "List should have at most 1000 items after validation, not 1001"),
    ],
    ids=lambda value: value[:30],
)
def test_a_metadata_value_that_cannot_be_is_told_by_its_field(
    client: TestClient, metadata: str, where: str, reason: str
) -> None:
    for response in (
        client.post("/v1/documents", content=f'{{"text": "x", "metadata": {metadata}}}', headers=JSON),
        client.post("/v1/documents", files={"file": ("a.txt", b"x")}, data={"metadata": metadata}),
    ):
        assert response.status_code == 422
        assert response.json()["errors"] == [{"in": where, "reason": reason}]
        assert response.json()["detail"] == f"{where}: {reason}"


@pytest.mark.parametrize(
    ("condition", "where", "reason"),
    [
        ("[[1]]", "filter.a.0", SCALAR),
        ('[{"gte": 1}]', "filter.a.0", SCALAR),
        ("1e400", "filter.a", "numbers must be finite"),
        ("[]", "filter.a", "List should have at least 1 item after validation, not 0"),
        ('{"b": 1}', "filter.a.b", "Extra inputs are not permitted"),
        ('{"gte": [1]}', "filter.a.gte", BOUND),
        ('{"gte": true}', "filter.a.gte", BOUND),
        ('{"gte": 1e400}', "filter.a.gte", "numbers must be finite"),
        ('{"gte": "%s"}' % ("1" * 41), "filter.a.gte", "String should have at most 40 characters"),
        ("{}", "filter.a", "a range has at least one of gte, gt, lte and lt"),
        ('{"gte": 2026, "lte": 2025}', "filter.a", "the field cannot be >= 2026 and <= 2025: exchange the bounds"),
    ],
)
def test_a_filter_that_cannot_be_is_told_by_its_field(
    client: TestClient, condition: str, where: str, reason: str
) -> None:
    response = client.post("/v1/ask", content=f'{{"question": "x", "filter": {{"a": {condition}}}}}', headers=JSON)
    assert response.status_code == 422
    assert response.json()["errors"] == [{"in": where, "reason": reason}]


@pytest.mark.parametrize("body", [{"text": 5}, {"title": 5}, {"source": []}, {"metadata": []}, {"collection": None}])
@pytest.mark.parametrize("model", [AskIn, DocumentIn])
def test_no_error_names_what_validates(model: Any, body: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body)
    shown = str([(error["loc"], error["msg"]) for error in refused.value.errors()])
    assert not any(inside in shown for inside in ("function-", "0x", "nullable"))


@pytest.mark.parametrize(
    ("asked", "stored", "matches"),
    [
        (2, 2.0, True),
        (2.0, 2, True),
        (2.0, 2.0, True),
        (-0.0, 0.0, True),
        (1e22, 1e22, True),
        (2.5, 2.5, True),
        (2**53 + 1, 2**53 + 1, True),
        (2**53 + 1, float(2**53), False),
        (2.5, 2, False),
        (1, True, False),
        (True, 1, False),
        (3, 2.0, False),
    ],
)
def test_a_number_finds_those_that_equal_it_however_they_are_written(asked: Any, stored: Any, matches: bool) -> None:
    for condition in (asked, [asked], ["other", asked]):
        allowed: Any = AskIn(question="x", filter={"n": condition}).query().where["n"]
        assert any(pair == ("n", value) for pair in filter_pairs({"n": stored}) for value in allowed) is matches
