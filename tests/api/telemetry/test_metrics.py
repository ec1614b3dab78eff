"""What the service tells of itself: numbers for a monitor, lines for a log, and nothing of what was asked or stored."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from threading import Event
from typing import Any, cast

import pytest
from starlette.testclient import TestClient

from api.settings import Settings
from api.telemetry.logs import FORMATS, JsonLines, TextLines, configure, where
from index.errors import StoreDamaged
from tests.api.conftest import ClientOf

pytestmark = pytest.mark.medium

SECRET = "a question nobody may read"
SAMPLE = re.compile(r"([a-z_]+)(?:\{((?:[a-z_]+=\"(?:[^\"\\]|\\.)*\",?)*)\})? (\S+)")


def samples(client: TestClient, **headers: str) -> dict[str, float]:
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.text.endswith("\n")
    values = {}
    for line in response.text.splitlines():
        if not line.startswith("#"):
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            assert line.rpartition(" ")[0] not in values
            values[line.rpartition(" ")[0]] = float(sample[3])
    return values


# --- metrics


def test_requests_answers_and_documents_are_counted(client: TestClient, fake: Any) -> None:
    client.post("/v1/documents", json={"text": "a b", "source": "x"})
    client.post("/v1/documents", json={"text": "a b", "source": "x"})
    client.post("/v1/documents", files=[("file", ("a.txt", b"c")), ("file", ("b.txt", b"\0"))])
    client.post("/v1/ask", json={"question": "a"})
    client.post("/v1/ask", json={"question": "zzz"})
    client.post("/v1/ask", json={})
    client.delete(f"/v1/documents/{next(iter(fake.stored))}")
    values = samples(client)
    assert values['footnote_requests_total{method="POST",route="/v1/ask",status="200"}'] == 2
    assert values['footnote_requests_total{method="POST",route="/v1/ask",status="422"}'] == 1
    assert values['footnote_requests_total{method="DELETE",route="/v1/documents/{document_id}",status="200"}'] == 1
    assert values['footnote_answers_total{answered="true"}'] == values['footnote_answers_total{answered="false"}'] == 1
    assert {
        outcome: values[f'footnote_documents_total{{outcome="{outcome}"}}']
        for outcome in ("added", "skipped", "failed", "deleted")
    } == {"added": 2, "skipped": 1, "failed": 1, "deleted": 1}
    assert values["footnote_ingest_seconds_count"] == 4
    assert values['footnote_request_seconds_count{route="/v1/ask"}'] == 3
    assert values["footnote_store_documents"] == values["footnote_store_passages"] == len(fake.stored)
    assert values["footnote_store_generation"] == fake.generation
    assert values["footnote_store_readable"] == 1
    assert values["process_resident_memory_bytes"] > 1e6 and values["process_cpu_seconds_total"] > 0
    for stage in ("embed", "search", "total"):
        assert values[f'footnote_stage_seconds_count{{stage="{stage}"}}'] == 2


def test_every_metric_is_typed_once_and_explained(client: TestClient) -> None:
    client.post("/v1/ask", json={"question": "a"})
    text = client.get("/metrics").text
    types = re.findall(r"^# TYPE (\S+) (counter|gauge|histogram)$", text, re.MULTILINE)
    assert len(dict(types)) == len(types) == len(re.findall(r"^# HELP \S+ .+\.$", text, re.MULTILINE))
    samples_of = [line for line in text.splitlines() if not line.startswith("#")]
    names = {re.sub(r"_(bucket|sum|count)$", "", re.split(r"[{ ]", line)[0]) for line in samples_of}
    assert names <= set(dict(types))


def test_the_queue_is_shown_while_it_is_full_and_the_store_cannot_be_read(client: TestClient, fake: Any) -> None:
    fake.fail_with = StoreDamaged("x")
    values = samples(client)
    assert values["footnote_store_readable"] == 0 and "footnote_store_documents" not in values
    assert values['footnote_places{lane="ask"}'] > 0 and values['footnote_inside{lane="ask"}'] == 0


def test_a_busy_service_still_answers_with_what_it_knows(client_of: ClientOf, fake: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    client = client_of(Settings(threads=1, queue=0))
    fake.gate = Event()
    with ThreadPoolExecutor() as pool:
        busy = pool.submit(client.get, "/v1/documents")
        lanes = cast(Any, client.app).state.lanes
        while lanes.read.running < 1:
            pass
        assert client.get("/v1/documents").status_code == 503
        values = samples(client)
        fake.gate.set()
        assert busy.result().status_code == 200
    assert values["footnote_store_readable"] == 0
    assert values['footnote_inside{lane="read"}'] == values['footnote_running{lane="read"}'] == 1
    assert values['footnote_requests_total{method="GET",route="/v1/documents",status="503"}'] == 1


def test_metrics_need_a_key_where_there_is_one(client_of: ClientOf) -> None:
    client = client_of(Settings(api_key="k"))
    assert client.get("/metrics").status_code == 401
    assert samples(client, **{"X-API-Key": "k"})["footnote_store_readable"] == 1


def test_metrics_can_be_switched_off(client_of: ClientOf) -> None:
    assert client_of(Settings(metrics=False)).get("/metrics").status_code == 404


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/ask", "/v1/ask"),
        ("/v1/documents/secret", "/v1/documents/{document_id}"),
        ("/v1/documents/secret/text", "/v1/documents/{document_id}/text"),
        ("/", "/"),
        ("/secret", "other"),
        ("/v1/secret", "other"),
    ],
)
def test_routes_are_few_and_hold_nothing_of_the_client(client: TestClient, path: str, route: str) -> None:
    client.get(path)
    counted = [name for name in samples(client) if name.startswith("footnote_requests_total")]
    assert len(counted) == 1 and f'method="GET",route="{route}"' in counted[0]


# --- logs


@pytest.fixture
def restored() -> Iterator[None]:
    """Logging as it was, after a test that sets it up."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, [logging.getLogger(name).level for name in ("api", "rag")]
    yield
    root.handlers, root.level = before[0], before[1]
    for name, level in zip(("api", "rag"), before[2], strict=True):
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("lines", FORMATS)
def test_no_question_no_text_and_no_name_of_a_document_is_logged(
    client_of: ClientOf, fake: Any, capsys: pytest.CaptureFixture[str], restored: None, lines: Any
) -> None:
    configure(lines)
    client = client_of(Settings())
    fake.fail_on_name = {"odd.txt": RuntimeError(SECRET)}
    client.post("/v1/ask", json={"question": SECRET, "collection": SECRET, "filter": {SECRET: SECRET}})
    client.post("/v1/documents", json={"text": SECRET, "title": SECRET, "source": SECRET})
    client.post("/v1/documents", files={"file": (f"{SECRET}.txt", SECRET.encode())})
    client.post("/v1/documents", files={"file": ("odd.txt", SECRET.encode())})
    client.post("/v1/verify", json={"citations": [{"document_id": SECRET, "cited_text": SECRET}]})
    client.get(f"/v1/documents/{SECRET}?cursor={SECRET}")
    client.get(f"/{SECRET}", headers={"X-Request-ID": SECRET, "User-Agent": SECRET, "X-API-Key": SECRET})
    fake.fail_with = ValueError(SECRET)
    assert client.post("/v1/ask", json={"question": SECRET}).status_code == 500
    logged = capsys.readouterr().err
    assert SECRET not in logged and SECRET.replace(" ", "%20") not in logged
    assert logged.count("POST /v1/ask") == 2
    assert "RuntimeError" in logged and "ValueError" in logged and "fake_service.py" in logged
    if lines == "json":
        assert all(json.loads(line)["message"] for line in logged.splitlines())


def test_a_request_is_one_line_with_the_id_that_the_client_gave_or_got(
    client_of: ClientOf, fake: Any, capsys: pytest.CaptureFixture[str], restored: None
) -> None:
    configure("json")
    client = client_of(Settings(api_key="k"))
    fake.fail_with = RuntimeError("x")
    response = client.post("/v1/ask", json={"question": "a"}, headers={"X-API-Key": "k", "X-Request-ID": "abc-1"})
    assert response.headers["x-request-id"] == "abc-1"
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["request_id"]) for line in lines] == [("error", "abc-1"), ("info", "abc-1")]
    assert lines[0]["error"][0].startswith("RuntimeError at ")
    request = lines[1]
    assert (request["method"], request["route"], request["status"]) == ("POST", "/v1/ask", 500)
    assert request["ms"] >= 0 and request["key"] == "RAG_API_KEY"
    ids = {client.get("/v1/documents").headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2 and all(re.fullmatch(r"[0-9a-f]{32}", identity) for identity in ids)
    assert client.get("/livez", headers={"X-Request-ID": "a b"}).headers["x-request-id"] != "a b"


def test_probes_and_files_of_the_page_are_not_logged(
    client: TestClient, capsys: pytest.CaptureFixture[str], restored: None
) -> None:
    configure("text")
    for path in ("/livez", "/readyz", "/"):
        assert client.get(path).status_code == 200
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
def test_an_exception_is_logged_by_where_it_happened_without_its_words(formatter: logging.Formatter) -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise RuntimeError(SECRET) from cause
    except RuntimeError:
        record = logging.LogRecord("api", logging.ERROR, __file__, 1, "unexpected error", (), sys.exc_info())
    written = formatter.format(record)
    assert SECRET not in written
    assert "RuntimeError at" in written and "KeyError at" in written and "test_metrics.py" in written
    assert where(None) == []
