"""The whole way through the real service: add, ask, verify, delete."""

from typing import Any, cast

import pytest
from starlette.testclient import TestClient

from api.schemas.responses import UploadOut, VerifyOut
from rag.shared.shapes import AnswerOut, ReceiptOut
from tests.api.conftest import fits

pytestmark = pytest.mark.model

TEXT = (
    "The harbour of Larvik was closed on Monday because of ice. The ferry to Hirtshals waited in the fjord for nine hours. "
    "Captain Ingrid Moe said that the passengers were given soup. A second ferry was sent to Kristiansand instead."
)


@pytest.fixture
def document_id(real_client: TestClient) -> str:
    files = {"file": ("harbour.txt", TEXT.encode())}
    response = real_client.post("/v1/documents", files=files, data={"metadata": '{"year": 2025, "draft": false}'})
    assert response.status_code == 201, response.text
    [document] = fits(UploadOut, response.json())["documents"]
    return str(document["id"])


def ask(client: TestClient, question: str, **body: Any) -> Any:
    response = client.post("/v1/ask", json={"question": question, **body})
    assert response.status_code == 200, response.text
    return response.json()


def test_an_uploaded_file_answers_with_citations_that_hold(real_client: TestClient, document_id: str) -> None:
    passages = fits(AnswerOut, ask(real_client, "Why was the harbour closed?", explain=True))["passages"]
    assert passages and passages[0]["document"]["id"] == document_id
    citation = passages[0]["citation"]
    place = {"start": citation["start_char_index"], "end": citation["end_char_index"]}
    stored = real_client.get(f"/v1/documents/{document_id}/text", params=place).json()
    assert stored["text"] == citation["cited_text"]
    assert stored["sha256"] == citation["document_sha256"]
    checks = real_client.post("/v1/verify", json={"citations": [passage["citation"] for passage in passages]})
    assert {result["status"] for result in fits(VerifyOut, checks.json())["results"]} == {"valid"}


@pytest.mark.parametrize(
    ("where", "matches"),
    [({"year": 2025}, True), ({"year": [1999, 2025]}, True), ({"draft": False}, True), ({"year": 1999}, False)],
)
def test_a_filter_compares_values_as_they_were_given(
    real_client: TestClient, document_id: str, where: dict[str, Any], matches: bool
) -> None:
    assert bool(ask(real_client, "Why was the harbour closed?", filter=where)["passages"]) == matches


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [" ", "\x01\x02", "🍎" * 3000, "a" * 100_000, "\u202e\u200d", "|" * 5000, "\r\n" * 100]
)
def test_odd_texts_are_taken_or_refused_but_never_an_error(real_client: TestClient, text: str) -> None:
    response = real_client.post("/v1/documents", json={"text": text, "collection": "odd"})
    assert response.status_code in (201, 422)


@pytest.mark.parametrize(("named", "title"), [({}, "untitled"), ({"source": "memo"}, "memo"), ({"title": "M"}, "M")])
def test_a_text_of_blanks_is_called_something(real_client: TestClient, named: dict[str, str], title: str) -> None:
    told = real_client.post("/v1/documents", json={"text": "   ", "collection": f"blank {title}", **named}).json()
    assert [document["title"] for document in told["documents"]] == [title]
    assert [note.partition(":")[0] for note in told["notes"]] == [title]


def test_as_many_values_as_a_filter_may_hold_can_be_asked_for(real_client: TestClient, document_id: str) -> None:
    where = {str(key): [-0.0] * 1000 for key in range(10)} | {str(key): {"gte": 2024} for key in range(10, 100)}
    assert real_client.post("/v1/ask", json={"question": "Who?", "filter": where}).status_code == 200


@pytest.mark.parametrize(
    "question", ["?", "AND OR NOT", '"', "* ~ ^ ( [ {", "🍎", "чому", "a" * 2000, "\x1b[31mred", "' OR 1=1 --"]
)
def test_odd_questions_are_answered(real_client: TestClient, document_id: str, question: str) -> None:
    fits(AnswerOut, ask(real_client, question))


def test_a_text_that_is_given_up_half_way_leaves_nothing(
    real_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.intake.pipeline.TOGETHER", 4)  # passages embedded between two looks: fewer take less time
    service = cast(Any, real_client.app).state.service
    before = service.counts()
    text = "\n\n".join(f"The ferry number {number} waited {number} hours in the fjord. " * 8 for number in range(12))
    n_checks = 0

    def check() -> None:
        nonlocal n_checks
        n_checks += 1
        if n_checks == 2:  # the first passages are being embedded by then
            raise TimeoutError

    with pytest.raises(TimeoutError):
        service.intake.add_text(title=None, text=text, source=None, metadata={}, collection="given up", check=check)
    assert service.counts() == before
    assert ask(real_client, "How long did the ferry wait?", collection="given up")["abstain_reason"] == "no_documents"


def test_a_deleted_document_answers_nothing_any_more(real_client: TestClient) -> None:
    body = {"text": "The lighthouse keeper of Utsira plays the bassoon.", "collection": "gone"}
    document_id = real_client.post("/v1/documents", json=body).json()["documents"][0]["id"]
    question = "What does the lighthouse keeper play?"
    citations = [passage["citation"] for passage in ask(real_client, question, collection="gone")["passages"]]
    response = real_client.delete(f"/v1/documents/{document_id}")
    assert response.status_code == 200
    receipt = fits(ReceiptOut, response.json())
    assert (receipt["document_id"], receipt["passages"], receipt["remaining"]) == (document_id, 1, 0)
    assert ask(real_client, question, collection="gone")["passages"] == []
    checks = real_client.post("/v1/verify", json={"citations": citations}).json()
    assert [result["status"] for result in checks["results"]] == ["gone"]
    assert real_client.delete(f"/v1/documents/{document_id}").status_code == 404


def test_a_question_is_not_answered_from_an_older_state_than_it_asks_for(real_client: TestClient) -> None:
    question = {"question": "Who met on Monday?"}
    now = real_client.post("/v1/ask", json=question).json()["index"]["generation"]
    assert real_client.post("/v1/ask", json={**question, "min_generation": now}).status_code == 200
    refused = real_client.post("/v1/ask", json={**question, "min_generation": now + 1})
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
    assert refused.json()["type"] == "/problems/store-behind"
    real_client.post("/v1/documents", json={"text": "The board met on Monday.", "source": f"minutes/{now}"})
    answer = real_client.post("/v1/ask", json={**question, "min_generation": now + 1})
    assert answer.status_code == 200 and answer.json()["index"]["generation"] > now
