"""Documents over HTTP: in, listed, read, out."""

import hashlib
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.schemas.responses import DocumentsOut, UploadOut
from index.errors import StoreFull, StoreLocked
from rag.shared.errors import ContentTooLarge, UnsupportedFormat
from rag.shared.shapes import DocumentOut, ReceiptOut
from tests.api.conftest import fits

pytestmark = pytest.mark.medium

MULTIPART = {"Content-Type": "multipart/form-data; boundary=XX"}


def upload(client: TestClient, *files: tuple[str, bytes], **fields: str) -> Any:
    return client.post("/v1/documents", files=[("file", file) for file in files], data=fields)


def part(disposition: str, content: bytes = b"text") -> bytes:
    return b"--XX\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


def names(response: Any) -> list[str]:
    return [document["source"] for document in response.json()["documents"]]


def test_a_text_is_added_then_skipped_then_updated(client: TestClient) -> None:
    body = {"title": "Fruit", "text": "apples", "source": "fruit", "metadata": {"year": 2025}, "collection": "news"}
    outcomes = []
    for text in ("apples", "apples", "pears"):
        response = client.post("/v1/documents", json={**body, "text": text})
        assert response.status_code == 201
        [document] = fits(UploadOut, response.json())["documents"]
        assert [document[name] for name in ("title", "collection", "metadata")] == ["Fruit", "news", {"year": 2025}]
        outcomes.append(document["outcome"])
    assert outcomes == ["added", "skipped", "updated"]


def test_several_files_go_in_with_collection_and_metadata(client: TestClient, fake: Any) -> None:
    response = upload(
        client, ("a.txt", b"apples"), ("b.txt", b"pears"), collection="news", metadata='{"tags": ["x", 1]}'
    )
    assert response.status_code == 201
    told = fits(UploadOut, response.json())
    for document, source in zip(told["documents"], ("a.txt", "b.txt"), strict=True):
        assert [document[name] for name in ("source", "collection", "outcome")] == [source, "news", "added"]
        assert document["metadata"] == {"tags": ["x", 1]}
    assert told["failed"] == [] and len(fake.stored) == 2


def test_a_bad_file_is_reported_beside_those_that_went_in(client: TestClient) -> None:
    response = upload(client, ("a.txt", b"apples"), ("b.bin", b"\0"), ("c.txt", b"pears"))
    assert response.status_code == 201
    assert names(response) == ["a.txt", "c.txt"]
    assert response.json()["failed"] == [{"name": "b.bin", "reason": "binary"}]


@pytest.mark.parametrize(
    ("files", "status", "kind"),
    [
        ([("a.bin", b"\0"), ("b.bin", b"\0")], 415, "unsupported-format"),
        ([("a.txt", b"\xff")], 422, "unreadable-content"),
        ([("a.bin", b"\0"), ("b.txt", b"\xff")], 422, "bad-input"),
        ([("large.txt", b"x")], 413, "content-too-large"),
    ],
)
def test_when_no_file_goes_in_the_problem_lists_all(
    client: TestClient, fake: Any, files: list[tuple[str, bytes]], status: int, kind: str
) -> None:
    fake.fail_on_name = {"large.txt": ContentTooLarge("too large")}
    response = upload(client, *files)
    assert response.status_code == status
    problem = response.json()
    assert problem["type"] == f"/problems/{kind}" and problem["documents"] == []
    assert [failure["name"] for failure in problem["failed"]] == [name for name, _ in files]


@pytest.mark.parametrize(("error", "status"), [(StoreFull("full"), 507), (StoreLocked("pid 7"), 503)])
def test_when_the_store_stops_taking_files_what_went_in_is_told(
    client: TestClient, fake: Any, error: Exception, status: int
) -> None:
    fake.fail_on_name = {"bad.txt": UnsupportedFormat("binary"), "b.txt": error}
    response = upload(client, ("a.txt", b"apples"), ("bad.txt", b""), ("b.txt", b"pears"), ("c.txt", b"plums"))
    assert response.status_code == status
    assert names(response) == ["a.txt"]
    assert [failure["name"] for failure in response.json()["failed"]] == ["bad.txt"]
    assert list(fake.stored) == [response.json()["documents"][0]["id"]]
    assert "pid 7" not in response.text


@pytest.mark.parametrize(
    ("name", "stored"),
    [("../../etc/passwd", "passwd"), ("C:\\docs\\a.txt", "a.txt"), ("/a/b.md", "b.md"), (" пример.txt ", "пример.txt")],
)
def test_only_the_base_name_of_a_file_is_kept(client: TestClient, name: str, stored: str) -> None:
    body = part(f'form-data; name="file"; filename="{name}"'.replace("\\", "\\\\")) + b"--XX--\r\n"
    response = client.post("/v1/documents", content=body, headers=MULTIPART)
    assert response.status_code == 201
    assert names(response) == [stored]


def test_a_folder_tells_files_of_one_name_apart(client: TestClient, fake: Any) -> None:
    for folder, text in (("notes/2024", b"apples"), ("notes\\2025/./", b"pears")):
        response = client.post("/v1/documents", files={"file": ("a.txt", text)}, data={"folder": folder})
        assert response.status_code == 201
    assert sorted(key for key in (document.key for document, _ in fake.stored.values())) == [
        "notes/2024/a.txt",
        "notes/2025/a.txt",
    ]


@pytest.mark.parametrize("name", ["", "   ", ".", "..", "folder/", "a/..", "n" * 256, "a\x00b", "a\x1bb"])
def test_a_file_without_a_usable_name_is_refused(client: TestClient, fake: Any, name: str) -> None:
    body = part(f'form-data; name="file"; filename="{name}"') + b"--XX--\r\n"
    response = client.post("/v1/documents", content=body, headers=MULTIPART)
    assert 400 <= response.status_code < 500
    assert fake.stored == {}


def test_a_second_file_of_one_name_does_not_silently_replace_the_first(client: TestClient, fake: Any) -> None:
    response = upload(client, ("x/a.txt", b"apples"), ("y/a.txt", b"pears"))
    assert response.status_code == 201
    assert [failure["name"] for failure in response.json()["failed"]] == ["a.txt"]
    [(_, text)] = fake.stored.values()
    assert text == "apples"


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": "{"},
        {"metadata": "[]"},
        {"metadata": "null"},
        {"metadata": '{"k": {"nested": 1}}'},
        {"metadata": '{"k": NaN}'},
        {"metadata": '{"k": 1e999}'},
        {"metadata": '{"k": "\\ud800"}'},
        {"metadata": '{"k": "\\u0000"}'},
        {"metadata": '{"": 1}'},
        {"metadata": "[" * 5000},
        {"collection": ""},
        {"collection": "a\x1bb"},
        *({"folder": folder} for folder in ("", "..", "a/../../etc", "a\\..", " a", "a\x1bb", "n" * 701)),
        {"title": "no such field"},
        {"file": "not a file"},
    ],
)
def test_a_form_field_that_does_not_fit_is_refused(client: TestClient, fake: Any, fields: dict[str, str]) -> None:
    response = upload(client, ("a.txt", b"apples"), **fields)
    assert response.status_code == 422
    assert fake.stored == {}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "multipart/form-data", 400),
        (b"text", "multipart/form-data; boundary=", 400),
        (b"text", "multipart/form-data; boundary=XX", 400),
        (b"--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--\r\n", "multipart/form-data; boundary=XX", 400),
        (b"--XX\r\n\r\nx\r\n--XX--\r\n", "multipart/form-data; boundary=XX", 400),
        (b"--XX--\r\n", "multipart/form-data; boundary=XX", 422),
        (part('form-data; name="other"; filename="a"') + b"--XX--\r\n", "multipart/form-data; boundary=XX", 422),
        (part('form-data; name="collection"') * 2 + b"--XX--\r\n", "multipart/form-data; boundary=XX", 422),
        (part('form-data; name="x"') * 50 + b"--XX--\r\n", "multipart/form-data; boundary=XX", 400),
        (part('form-data; name="file"') + b"--XX--\r\n", "multipart/form-data; boundary=XX; charset=undefined", 400),
        (part('form-data; name="file"') + b"--XX--\r\n", "multipart/form-data; boundary=XX; charset=base64", 400),
        (b"text", "text/plain", 415),
        (b"text", "", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"text": "\xff"}', "application/json", 400),
        (b'{"text": "\\ud800"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_broken_upload_is_refused(client: TestClient, fake: Any, body: bytes, kind: str, status: int) -> None:
    response = client.post("/v1/documents", content=body, headers={"Content-Type": kind})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert fake.stored == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"text": ""},
        {"text": None},
        {"text": 5},
        {"text": "a\0b"},
        {"text": "a", "title": ""},
        {"text": "a", "title": "\x01"},
        {"text": "a", "title": "t" * 1001},
        {"text": "a", "source": 5},
        {"text": "a", "metadata": {"k": {}}},
        {"text": "a", "metadata": {"k": [{}]}},
        {"text": "a", "metadata": {"k" * 101: 1}},
        {"text": "a", "metadata": {"k": 2**64}},
        {"text": "a", "metadata": None},
        {"text": "a", "collection": " "},
        {"text": "a", "id": "mine"},
    ],
    ids=lambda body: json.dumps(body)[:50],
)
def test_a_text_outside_its_limits_is_refused(client: TestClient, fake: Any, body: Any) -> None:
    response = client.post("/v1/documents", json=body)
    assert response.status_code == 422
    assert response.json()["errors"]
    assert fake.stored == {}


def test_pages_of_a_list_hold_every_document_once(client: TestClient) -> None:
    for number in range(5):
        client.post("/v1/documents", json={"text": f"text {number}", "source": str(number)})
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = fits(DocumentsOut, client.get("/v1/documents", params=query).json())
        seen += [document["source"] for document in page["documents"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert (seen, pages) == (["0", "1", "2", "3", "4"], 3)


@pytest.mark.parametrize("gone", [[1], [0, 1], [2], [0, 1, 3]])
def test_a_list_goes_on_when_documents_of_its_page_are_deleted(client: TestClient, gone: list[int]) -> None:
    ids = [added(client, f"text {number}", source=str(number)) for number in range(5)]
    cursor = client.get("/v1/documents", params={"limit": 2}).json()["next_cursor"]
    for number in gone:
        client.delete(f"/v1/documents/{ids[number]}")
    page = client.get("/v1/documents", params={"limit": 2, "cursor": cursor}).json()
    left = [document_id for number, document_id in enumerate(ids) if number > 1 and number not in gone]
    assert [document["id"] for document in page["documents"]] == left[:2]
    assert (page["next_cursor"] is None) is (len(left) == 2)


def test_pages_can_be_deleted_one_after_the_other(client: TestClient, fake: Any) -> None:
    for number in range(5):
        added(client, f"text {number}", source=str(number))
    cursor = ""
    while cursor is not None:
        page = client.get("/v1/documents", params={"limit": 2, "cursor": cursor}).json()
        for document in page["documents"]:
            client.delete(f"/v1/documents/{document['id']}")
        cursor = page["next_cursor"]
    assert fake.stored == {}


def test_a_cursor_whose_documents_are_gone_says_to_begin_again(client: TestClient) -> None:
    ids = [added(client, f"text {number}", source=str(number)) for number in range(4)]
    cursor = client.get("/v1/documents", params={"limit": 2}).json()["next_cursor"]
    for document_id in ids[1:3]:
        client.delete(f"/v1/documents/{document_id}")
    response = client.get("/v1/documents", params={"cursor": cursor})
    assert response.status_code == 422 and "begin the list again" in response.json()["detail"]


def test_a_cursor_does_not_bring_a_document_of_another_collection(client: TestClient) -> None:
    ids = [added(client, "a", source=str(number), collection="one") for number in range(3)]
    other = added(client, "a", collection="two")
    cursor = client.get("/v1/documents", params={"limit": 2}).json()["next_cursor"]
    client.delete(f"/v1/documents/{ids[1]}")
    page = client.get("/v1/documents", params={"cursor": cursor, "collection": "two"}).json()
    assert [document["id"] for document in page["documents"]] == [other]


def test_an_empty_cursor_begins_the_list(client: TestClient) -> None:
    client.post("/v1/documents", json={"text": "a"})
    assert len(client.get("/v1/documents?cursor=&limit=1").json()["documents"]) == 1


def test_a_last_page_that_is_full_has_no_next(client: TestClient) -> None:
    client.post("/v1/documents", json={"text": "a"})
    assert client.get("/v1/documents?limit=1").json()["next_cursor"] is None


def test_a_list_can_be_of_one_collection(client: TestClient) -> None:
    for collection in ("one", "two"):
        client.post("/v1/documents", json={"text": "a", "source": "a", "collection": collection})
    [document] = client.get("/v1/documents?collection=two").json()["documents"]
    assert document["collection"] == "two"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=",
        "limit=1.5",
        "limit=" + "9" * 5000,
        "cursor=unknown",
        "cursor=%00",
        "cursor=" + "c" * 201,
        "collection=",
        "collection=%0A",
    ],
)
def test_a_list_that_cannot_be_made_is_refused(client: TestClient, query: str) -> None:
    response = client.get(f"/v1/documents?{query}")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


def added(client: TestClient, text: str, **fields: str) -> str:
    return str(client.post("/v1/documents", json={"text": text, **fields}).json()["documents"][0]["id"])


def test_one_document_is_described_without_its_text(client: TestClient) -> None:
    document_id = added(client, "apples")
    document = fits(DocumentOut, client.get(f"/v1/documents/{document_id}").json())
    assert (document["id"], document["characters"]) == (document_id, 6)


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [("", 0, 6), ("?start=1&end=3", 1, 3), ("?start=4", 4, 6), ("?end=2", 0, 2), ("?start=6", 6, 6)],
)
def test_text_is_cut_in_code_points(client: TestClient, query: str, start: int, end: int) -> None:
    text = "a🍎é👩\u0301z"
    response = client.get(f"/v1/documents/{added(client, text)}/text{query}")
    assert response.status_code == 200
    cut = response.json()
    assert (cut["start"], cut["end"], cut["text"]) == (start, end, text[start:end])
    assert cut["sha256"] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("query", ["start=3&end=2", "start=7", "end=7", "start=-1", "start=x", "end=" + "9" * 5000])
def test_a_span_outside_the_text_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/v1/documents/{added(client, 'apples')}/text?{query}").status_code == 422


def test_a_deleted_document_is_gone(client: TestClient) -> None:
    document_id = added(client, "apples")
    response = client.delete(f"/v1/documents/{document_id}")
    assert response.status_code == 200
    assert fits(ReceiptOut, response.json())["remaining"] == 0
    for method, path in (("GET", ""), ("GET", "/text"), ("GET", "/structure"), ("DELETE", "")):
        assert client.request(method, f"/v1/documents/{document_id}{path}").status_code == 404


@pytest.mark.parametrize(
    "document_id",
    ["0123456789abcdef", "a%2Fb", "..%2F..%2Fetc", "a/b/c", "%00", "%ff", "%F0%9F%8D%8E", "x" * 3000, "%20"],
)
@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/text"), ("GET", "/structure"), ("DELETE", "")])
def test_an_unknown_id_is_not_found(client: TestClient, document_id: str, method: str, path: str) -> None:
    response = client.request(method, f"/v1/documents/{document_id}{path}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
