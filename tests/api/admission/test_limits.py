"""Under load: what is too much is turned away at once, what waits for nobody is dropped, what takes too long is cut short."""

import asyncio
import json
import time
from collections.abc import Awaitable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import pytest
from httpx2 import Response
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from api.admission import limits
from api.admission.keys import add_key
from api.admission.limits import RateLimit
from api.app import create_app
from api.settings import Settings
from rag.service import Service
from rag.shared.errors import BadInput
from tests.api.conftest import ClientOf, ReadSettings, Request, whole
from tests.waiting import wait_until

pytestmark = pytest.mark.medium

ASK = {"question": "a"}
BEGUN: Message = {"type": "http.request", "body": b"--XX\r\n", "more_body": True}


def inside(client: TestClient, lane: str) -> int:
    return int(getattr(cast(Any, client.app).state.lanes, lane).inside)


@contextmanager
def waiting(
    client: TestClient, fake: Any, lane: str, path: str, body: Any, count: int
) -> Iterator[list[Future[Response]]]:
    """So many requests inside the service, none of them answered before the end of the block."""
    fake.gate = Event()
    with ThreadPoolExecutor(count) as pool:
        requests = [pool.submit(client.post, path, json=body) for _ in range(count)]
        try:
            wait_until(lambda: inside(client, lane) == count)
            yield requests
        finally:
            fake.gate.set()


# --- the queue


@pytest.mark.parametrize(
    ("lane", "path", "body", "places"),
    [("ask", "/v1/ask", ASK, 2 + 3), ("write", "/v1/documents", {"text": "a"}, 1 + 1)],
)
def test_what_finds_the_queue_full_is_turned_away_at_once_and_the_rest_is_answered(
    client_of: ClientOf, fake: Any, lane: str, path: str, body: Any, places: int
) -> None:
    client = client_of(Settings(threads=2, queue=3))
    with waiting(client, fake, lane, path, body, places) as accepted:
        for _ in range(3):
            refused = client.post(path, json=body)
            assert refused.status_code == 503
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.json()["type"] == "/problems/overloaded"
            assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/livez").status_code == 200
        assert not any(request.done() for request in accepted)
    assert {request.result().status_code for request in accepted} <= {200, 201}
    wait_until(lambda: inside(client, lane) == 0)
    assert client.post(path, json=body).status_code in (200, 201)


def test_a_full_queue_is_told_before_the_body_is_read(client_of: ClientOf, fake: Any) -> None:
    client = client_of(Settings(threads=2, queue=0))
    sent = []

    def body() -> Iterator[bytes]:
        sent.append(1)
        yield b"{"

    with waiting(client, fake, "write", "/v1/documents", {"text": "a"}, 1):
        refused = client.post("/v1/documents", content=body(), headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.headers["connection"]) == (503, "close")


def test_uploads_do_not_keep_questions_or_reading_waiting(
    client_of: ClientOf, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(Settings(threads=2, queue=4))
    gate = Event()

    def add(**_: object) -> None:
        gate.wait(300)
        raise BadInput("no")

    monkeypatch.setattr(fake, "add_text", add)
    with ThreadPoolExecutor() as pool:
        uploads = [pool.submit(client.post, "/v1/documents", json={"text": "a"}) for _ in range(2)]
        wait_until(lambda: inside(client, "write") == 2)
        assert client.post("/v1/ask", json=ASK).status_code == 200
        assert client.get("/v1/documents").status_code == 200
        assert not any(upload.done() for upload in uploads)
        gate.set()
        assert [upload.result().status_code for upload in uploads] == [422, 422]


# --- deadlines


def until_it_has_begun(client: TestClient, lane: str, path: str, body: Any) -> list[Response]:
    """What comes of requests, one after the other, until work on one has begun before its deadline: a busy machine drops some."""
    responses = [client.post(path, json=body)]
    while not inside(client, lane):
        responses.append(client.post(path, json=body))
    return responses


def test_work_that_takes_too_long_is_answered_at_its_deadline_and_waiting_work_is_dropped(
    client_of: ClientOf, fake: Any
) -> None:
    client = client_of(Settings(threads=1, queue=4, deadline_s=0.3))
    fake.gate = Event()
    try:
        late = until_it_has_begun(client, "ask", "/v1/ask", ASK)
        with ThreadPoolExecutor() as pool:
            late += pool.map(lambda _: client.post("/v1/ask", json=ASK), range(2))
        for response in late:  # though the first is not done yet
            assert response.status_code == 503
            assert response.json()["type"] == "/problems/deadline-exceeded"
            assert int(response.headers["retry-after"]) >= 1
        assert inside(client, "ask") == 1  # what has begun keeps its place until it ends
    finally:
        fake.gate.set()
    wait_until(lambda: inside(client, "ask") == 0)
    assert len(fake.queries) == 1


def test_a_client_of_mcp_that_leaves_before_its_body_is_whole_is_no_error(client: TestClient) -> None:
    request = Request(client.app, path="/mcp")
    request.left.set()
    assert client.portal is not None
    client.portal.call(request.app, request.scope, request.receive, request.send)
    assert request.sent == []
    counted = client.get("/metrics").text
    assert 'route="/mcp",status="499"' in counted and 'route="/mcp",status="500"' not in counted


def test_work_of_a_client_that_left_is_dropped_where_it_has_not_begun(fake: Any) -> None:
    app = create_app(cast(Service, fake), Settings(threads=1, queue=4))
    fake.gate = Event()

    async def scenario() -> None:
        requests = [Request(app, whole({"question": f"number {number}"})) for number in range(3)]
        tasks = [asyncio.create_task(request.run()) for request in requests]
        while app.state.lanes.ask.inside < 3 or app.state.lanes.ask.running < 1:
            await asyncio.sleep(0.005)
        requests[1].left.set()
        assert await tasks[1] == 499
        assert app.state.lanes.ask.inside == 2
        fake.gate.set()
        assert [await tasks[0], await tasks[2]] == [200, 200]

    try:
        asyncio.run(scenario())
    finally:
        fake.gate.set()
    assert sorted(query.question for query in fake.queries) == ["number 0", "number 2"]


def test_a_document_that_nobody_waits_for_any_more_does_not_go_in(client_of: ClientOf, fake: Any) -> None:
    client = client_of(Settings(threads=2, upload_deadline_s=0.3))
    fake.gate = Event()
    try:
        late = until_it_has_begun(client, "write", "/v1/documents", {"text": "a"})
        assert {(each.status_code, each.json()["type"]) for each in late} == {(503, "/problems/deadline-exceeded")}
        assert inside(client, "write") == 1
    finally:
        fake.gate.set()
    wait_until(lambda: inside(client, "write") == 0)
    assert fake.stored == {}
    assert 'footnote_documents_total{outcome="dropped"} 1' in client.get("/metrics").text
    assert client.post("/v1/documents", json={"text": "a"}).status_code == 201


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/ask", "application/json"),
        ("/v1/documents", "application/json"),
        ("/v1/documents", "multipart/form-data; boundary=XX"),
    ],
)
def test_a_body_that_stalls_is_cut_off(fake: Any, path: str, kind: str) -> None:
    app = create_app(cast(Service, fake), Settings(deadline_s=0.2, upload_deadline_s=0.2))
    request = Request(app, BEGUN, path=path, kind=kind)
    assert asyncio.run(asyncio.wait_for(request.run(), 300)) == 408
    problem = json.loads(request.sent[1]["body"])
    assert (problem["type"], problem["status"]) == ("/problems/body-too-slow", 408)
    assert (b"connection", b"close") in request.sent[0]["headers"]
    assert app.state.lanes.ask.inside == app.state.lanes.write.inside == 0


class Dripping(Request):
    """Sends one byte, again and again, long before anybody would think that it has stopped."""

    async def receive(self) -> Message:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}


@pytest.mark.parametrize("client_kind", [Request, Dripping])
def test_a_body_that_stops_or_only_drips_is_cut_off_long_before_its_deadline(
    fake: Any, monkeypatch: pytest.MonkeyPatch, client_kind: type[Request]
) -> None:
    monkeypatch.setattr(limits, "_IDLE_S", 0.3)
    app = create_app(cast(Service, fake), Settings())
    request = client_kind(app, BEGUN, path="/v1/documents")
    assert asyncio.run(asyncio.wait_for(request.run(), 300)) == 408
    assert app.state.lanes.write.inside == 0


def test_a_body_that_comes_slowly_but_steadily_goes_in(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real, ahead_s = time.monotonic, 0.0
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: real() + ahead_s))
    app = create_app(cast(Service, fake), Settings())
    head, tail = b'{"text": "', b'"}'
    parts = [head, *[b"apple " * 1000] * 12, tail]

    class Steady(Request):
        async def receive(self) -> Message:
            nonlocal ahead_s
            ahead_s += limits._IDLE_S / 4  # so that all of it takes longer than nothing may
            return await super().receive()

    messages: list[Message] = [{"type": "http.request", "body": part, "more_body": part is not tail} for part in parts]
    assert asyncio.run(asyncio.wait_for(Steady(app, *messages, path="/v1/documents").run(), 300)) == 201


def test_half_sent_uploads_keep_neither_deletions_nor_other_keys_out(
    fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_IDLE_S", 300.0)
    path = tmp_path / "keys.json"
    slow, other = (add_key(path, name, "write")[1].encode() for name in ("slow", "other"))
    app = create_app(cast(Service, fake), Settings(keys_file=path, threads=4, queue=8))
    places = app.state.lanes.write.places

    def request(key: bytes, *messages: Message, method: str = "POST", path: str = "/v1/documents") -> Request:
        return Request(app, *messages, path=path, method=method, x_api_key=key)

    async def scenario() -> None:
        assert await request(other, whole({"text": "a"})).run() == 201
        [known] = fake.stored
        half = [request(slow, BEGUN) for _ in range(places + 2)]
        tasks = [asyncio.create_task(upload.run()) for upload in half]
        while app.state.lanes.write.inside < places // 2 or sum(task.done() for task in tasks) < 2 + places // 2:
            await asyncio.sleep(0.005)
        refused = [upload.sent[0]["status"] for upload in half if upload.sent]
        assert refused == [503] * (places + 2 - places // 2)
        assert await request(other, whole({"text": "b"})).run() == 201
        deletion: Message = {"type": "http.request", "body": b"", "more_body": False}
        assert await request(slow, deletion, method="DELETE", path=f"/v1/documents/{known}").run() == 200
        for upload in half:
            upload.left.set()
        await asyncio.gather(*tasks)
        assert app.state.lanes.write.inside == 0
        assert await request(slow, whole({"text": "c"})).run() == 201

    asyncio.run(asyncio.wait_for(scenario(), 20))


# --- rates


def test_each_key_has_its_own_rate(client_of: ClientOf, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    often, seldom = (add_key(path, name, "read")[1] for name in ("often", "seldom"))
    client = client_of(Settings(keys_file=path, rate=0.01, burst_size=3))
    answers = [client.get("/v1/documents", headers={"X-API-Key": often}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert answers[-1].json()["type"] == "/problems/too-many-requests"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 100
    assert client.get("/v1/documents", headers={"X-API-Key": seldom}).status_code == 200
    assert client.get("/v1/documents").status_code == 401
    assert [client.get(route).status_code for route in ("/livez", "/readyz", "/")] == [200] * 3


def test_tokens_come_back_at_the_rate_and_never_beyond_the_burst() -> None:
    now = 0.0

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    limit = RateLimit(nothing, rate=2, burst=3, clock=lambda: now)

    def passed(count: int) -> int:
        statuses = []

        async def send(message: Message) -> None:
            statuses.append(message.get("status"))

        for _ in range(count):
            call: Awaitable[None] = limit({"type": "http", "path": "/v1/ask"}, cast(Receive, None), send)
            asyncio.run(cast(Any, call))
        return statuses.count(200)

    assert passed(5) == 3
    now = 1.0
    assert passed(5) == 2
    now = 1000.0
    assert passed(5) == 3


def test_no_rate_counts_unless_one_is_set(read_settings: ReadSettings) -> None:
    assert read_settings().rate is None
    assert read_settings(RAG_RATE=" ").rate is None
    assert read_settings(RAG_RATE="0").rate is None
    settings = read_settings(RAG_RATE="2.5")
    assert (settings.rate, settings.burst) == (2.5, 5)
    assert read_settings(RAG_RATE="2.5", RAG_BURST="40").burst == 40


@pytest.mark.parametrize(
    "name", ["RAG_RATE", "RAG_BURST", "RAG_QUEUE", "RAG_DEADLINE", "RAG_UPLOAD_DEADLINE", "RAG_STOP_DELAY"]
)
@pytest.mark.parametrize("value", ["-1", "much", "nan", "1e99"])
def test_a_limit_that_is_no_sensible_number_is_refused_at_the_start(
    read_settings: ReadSettings, name: str, value: str
) -> None:
    with pytest.raises(BadInput, match=name):
        read_settings(**{name: value})


# --- the end


def test_a_service_that_is_told_to_stop_is_no_longer_ready_but_alive_and_answers(client: TestClient) -> None:
    cast(Any, client.app).state.stopping = True
    response = client.get("/readyz")
    assert (response.status_code, response.json()["type"]) == (503, "/problems/stopping")
    assert client.get("/livez").status_code == 200
    assert client.post("/v1/ask", json=ASK).status_code == 200
