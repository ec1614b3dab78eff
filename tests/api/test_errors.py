"""Every failure is a problem detail with its status, and none tells of the inside."""

import logging
from typing import Any

import pytest
from starlette.testclient import TestClient

import index.errors
from api.errors import ALL_KINDS, KINDS
from api.settings import Settings
from rag.shared import errors as rag_errors
from tests.api.conftest import ClientOf

pytestmark = pytest.mark.medium

SECRET = "/var/lib/secret/store.db held by pid 4242"
ERRORS: list[tuple[Exception, int, str]] = [
    (rag_errors.Overloaded(SECRET), 503, "overloaded"),
    (rag_errors.ModelUnavailable(SECRET), 503, "model-unavailable"),
    (rag_errors.ModelDamaged(SECRET), 503, "model-damaged"),
    (index.errors.StoreLocked(SECRET), 503, "store-locked"),
    (index.errors.StoreFull(SECRET), 507, "disk-full"),
    (index.errors.StoreMissing(SECRET), 503, "store-missing"),
    (index.errors.StoreDamaged(SECRET), 503, "store-damaged"),
    (index.errors.StoreTooNew(SECRET), 503, "store-too-new"),
    (index.errors.StoreMismatch(SECRET), 503, "store-mismatch"),
    (index.errors.StoreUnwritable(SECRET), 503, "store-unwritable"),
    (index.errors.DimensionMismatch(SECRET), 500, "internal-error"),
    (RuntimeError(SECRET), 500, "internal-error"),
    (KeyError(SECRET), 500, "internal-error"),
]
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/ask", {"json": {"question": "a"}}),
    ("POST", "/v1/documents", {"json": {"text": "a"}}),
    ("POST", "/v1/documents", {"files": {"file": ("a.txt", b"a")}}),
    ("GET", "/v1/documents", {}),
    ("GET", "/v1/documents/x", {}),
    ("DELETE", "/v1/documents/x", {}),
    ("POST", "/v1/verify", {"json": {"citations": []}}),
    ("GET", "/readyz", {}),
]


@pytest.mark.parametrize(("error", "status", "slug"), ERRORS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(("method", "path", "options"), REQUESTS)
def test_an_error_inside_has_its_status_and_keeps_its_words_to_the_log(
    client: TestClient,
    fake: Any,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    slug: str,
    method: str,
    path: str,
    options: dict[str, Any],
) -> None:
    fake.fail_with = error
    response = client.request(method, path, **options)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    problem = response.json()
    assert (problem["type"], problem["status"]) == (f"/problems/{slug}", status)
    assert problem["title"] and problem["detail"]
    assert "4242" not in response.text and "Error" not in response.text
    assert "4242" in caplog.text


@pytest.mark.parametrize("error", [rag_errors.Overloaded("x"), index.errors.StoreLocked("x")])
def test_what_passes_says_when_to_try_again(client: TestClient, fake: Any, error: Exception) -> None:
    fake.fail_with = error
    assert int(client.get("/v1/documents").headers["retry-after"]) >= 1


def test_what_the_client_can_mend_is_told_in_the_words_of_the_error(client: TestClient, fake: Any) -> None:
    fake.fail_with = rag_errors.BadInput("k must be smaller")
    response = client.post("/v1/ask", json={"question": "a"})
    assert (response.status_code, response.json()["detail"]) == (422, "k must be smaller")


@pytest.mark.parametrize("module", [rag_errors, index.errors])
def test_every_error_of_the_folders_below_has_a_kind(module: Any) -> None:
    bases = {rag_errors.RagError, index.errors.StoreError}
    bases |= {index.errors.DimensionMismatch}  # a bug, hence 500
    bases |= {rag_errors.LanguageModelFailed}  # reaches no client: the quoted answer stands
    leaves = {
        value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__
    }
    assert all(any(step in KINDS for step in leaf.__mro__) for leaf in leaves - bases)


def test_kinds_of_problem_have_a_name_each() -> None:
    assert len({kind.slug for kind in ALL_KINDS}) == len(ALL_KINDS)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/v1", "/v1/ask/", "/v1/documents/", "//", "/%00", "/v2/ask"])
def test_an_unknown_path_is_a_problem(client: TestClient, path: str) -> None:
    response = client.get("http://testserver" + path, follow_redirects=False)
    assert response.status_code == 404
    assert response.json()["type"] in ("/problems/not-found", "/problems/document-not-found")
    assert "document" in response.json()["type"] or response.json()["detail"].startswith("Nothing is at this path: ")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/ask", "POST"),
        ("PUT", "/v1/documents", "GET, HEAD, POST"),
        ("OPTIONS", "/v1/ask", "POST"),
        ("OPTIONS", "/v1/documents/x", "GET, HEAD, DELETE"),
        ("HEAD", "/v1/ask", "POST"),
        ("POST", "/livez", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
    ],
)
def test_another_method_is_a_problem_that_names_the_right_ones(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    response = client.request(method, path)
    assert response.status_code == 405
    if method != "HEAD":
        assert response.json()["type"] == "/problems/method-not-allowed"
        assert response.json()["detail"].startswith("This path has other methods: ")
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/v1/documents", "/v1/documents/x", "/openapi.json", "/openai/v1/models", "/metrics"])
def test_what_has_get_has_head(client: TestClient, path: str) -> None:
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_probe_may_ask_with_head(client: TestClient, fake: Any, path: str) -> None:
    response = client.head(path)
    assert (response.status_code, response.content) == (200, b"")
    fake.fail_with = index.errors.StoreDamaged("x")
    assert client.head(path).status_code == (200 if path == "/livez" else 503)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("", "String should have at least 1 character, not 0"),
        ("a" * 2001, "String should have at most 2000 characters, not 2001"),
    ],
)
def test_a_length_is_told_in_characters(client: TestClient, question: str, reason: str) -> None:
    problem = client.post("/v1/ask", json={"question": question}).json()
    assert problem["errors"] == [{"in": "question", "reason": reason}]


def test_what_a_client_wrote_is_shown_cut_to_a_readable_length(client: TestClient) -> None:
    response = client.post("/v1/ask", json={"question": "a", **{"k" * 5000 + str(i): 1 for i in range(50)}})
    assert response.status_code == 422
    assert len(response.content) < 20_000


def test_a_body_above_the_limit_is_refused_by_its_header(client_of: ClientOf, fake: Any) -> None:
    client = client_of(Settings(max_json_bytes=1000))
    response = client.post("/v1/ask", json={"question": "a", "filter": {"k": "x" * 1000}})
    assert response.status_code == 413
    assert response.json()["type"] == "/problems/content-too-large"
    assert fake.queries == []


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/documents"])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=XX"])
def test_a_body_above_the_limit_is_cut_off_while_it_comes(client_of: ClientOf, path: str, kind: str) -> None:
    client = client_of(Settings(max_json_bytes=1000, max_upload_bytes=1000))
    sent = []

    def chunks() -> Any:
        yield b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for number in range(100):
            sent.append(number)
            yield b"x" * 100

    response = client.post(path, content=chunks(), headers={"Content-Type": kind})
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


def test_uploads_may_be_larger_than_other_bodies(client_of: ClientOf) -> None:
    client = client_of(Settings(max_json_bytes=1000, max_upload_bytes=100_000))
    assert client.post("/v1/documents", files={"file": ("a.txt", b"x" * 50_000)}).status_code == 201


def test_a_healthy_request_logs_no_warning(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        client.post("/v1/ask", json={"question": "a"})
        client.post("/v1/ask", json={"question": ""})
    assert caplog.records == []
