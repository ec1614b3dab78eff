"""The Python client against a real application, and against a service that is busy, away or breaks off."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from footnote_client import AsyncClient, Client, Problem, Unreachable

from tests.api.fake_service import FakeService

Handler = Callable[[httpx.Request], httpx.Response]


def client_of(handler: Handler, **options: Any) -> Client:
    return Client("http://footnote", transport=httpx.MockTransport(handler), **options)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were asked for, none of which is waited."""
    slept: list[float] = []

    async def nap(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr("footnote_client.asynchronous.asyncio.sleep", nap)
    return slept


def test_it_adds_asks_verifies_lists_and_deletes(client: Client, fake: FakeService) -> None:
    added = client.add(text="The board met on Monday.", title="Minutes", metadata={"year": 2026})["documents"]
    answer = client.ask("the board?")
    assert answer["answered"] and answer["answer"] is not None
    assert answer["answer"]["text"] == "The board met on Monday."
    citation = answer["answer"]["parts"][0]["citation"]
    assert client.verify([citation]) == [{"status": "valid", "document_id": added[0]["id"]}]
    assert client.search("board")[0]["text"] == "The board met on Monday."
    assert client.text(added[0]["id"], 4, 9) == "board"
    assert client.delete(added[0]["id"])["remaining"] == 0
    assert list(client.documents()) == []
    with pytest.raises(Problem) as caught:
        client.delete("nothing")
    assert caught.value.status == 404 and caught.value.detail


def test_folders_go_in_with_the_names_of_their_folders(client: Client, fake: FakeService, tmp_path: Path) -> None:
    (tmp_path / "notes" / "a").mkdir(parents=True)
    (tmp_path / "notes" / "a" / "one.txt").write_text("One.")
    (tmp_path / "notes" / "two.txt").write_text("Two.")
    (tmp_path / "notes" / "bad.bin").write_bytes(b"\0")
    added = client.add(tmp_path / "notes", collection="notes")
    assert [document["source"] for document in added["documents"]] == ["notes/a/one.txt", "notes/two.txt"]
    assert [failed["name"] for failed in added["failed"]] == ["notes/bad.bin"]
    assert {document["collection"] for document in client.documents("notes")} == {"notes"}


def test_a_file_that_cannot_be_read_or_named_is_told_and_the_rest_goes_in(
    client: Client, fake: FakeService, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "one.txt").write_text("One.")
    strange = notes / "strange\udcff.txt"
    try:
        strange.write_text("Strange.")
    except (OSError, UnicodeEncodeError):
        pytest.skip("file names are Unicode here")
    (tmp_path / "two.txt").write_text("Two.")
    added = client.add(tmp_path / "gone.txt", notes, tmp_path / "two.txt")
    assert [document["source"] for document in added["documents"]] == ["notes/one.txt", "two.txt"]
    assert [failed["name"] for failed in added["failed"]] == ["gone.txt", "notes/strange?.txt"]
    assert all(failed["reason"] for failed in added["failed"])


def test_lists_are_read_page_after_page(client: Client, fake: FakeService) -> None:
    for number in range(203):
        fake.add_text(text=f"Text {number}.")
    assert len(list(client.documents())) == 203


def answers(*responses: httpx.Response | Exception) -> Handler:
    waiting: Iterator[httpx.Response | Exception] = iter(responses)

    def handler(request: httpx.Request) -> httpx.Response:
        response = next(waiting)
        if isinstance(response, Exception):
            raise response
        return response

    return handler


def done() -> httpx.Response:
    return httpx.Response(200, json={"results": []})


def test_a_busy_service_is_asked_again_when_it_says(naps: list[float]) -> None:
    busy = httpx.Response(503, json={"title": "busy", "detail": "Try again."}, headers={"Retry-After": "7"})
    often = httpx.Response(429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    assert client_of(answers(busy, often, done())).verify([]) == []
    assert 7 <= naps[0] <= 9 and naps[1] == 0


def test_it_is_not_asked_again_for_ever(naps: list[float]) -> None:
    busy = [httpx.Response(503, json={"detail": "Try again."}, headers={"Retry-After": "1"}) for _ in range(4)]
    with pytest.raises(Problem) as caught:
        client_of(answers(*busy)).verify([])
    assert caught.value.status == 503 and caught.value.retry_after_s == 1 and len(naps) == 3


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(503, headers={"Retry-After": "3600"}),
        httpx.Response(422, json={"title": "x", "detail": "y"}, headers={"Retry-After": "1"}),
        httpx.Response(500, text="broken"),
        httpx.Response(401, json=["no object"]),
    ],
)
def test_what_will_not_pass_is_told_at_once(naps: list[float], response: httpx.Response) -> None:
    with pytest.raises(Problem):
        client_of(answers(response)).verify([])
    assert naps == []


def test_what_is_wrong_with_the_address_is_told_at_once(naps: list[float]) -> None:
    with pytest.raises(Unreachable, match="unsupported protocol"):
        Client("footnote:8000").verify([])
    assert naps == []


def test_a_key_is_any_text_and_may_end_with_its_line() -> None:
    sent: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"])
        return done()

    client_of(handler, key="ключ\n").verify([])
    assert sent == ["Bearer ключ"]


def test_a_reply_that_is_not_the_service_s_is_a_problem() -> None:
    with pytest.raises(Problem, match="<html>"):
        client_of(answers(httpx.Response(200, text="<html>Welcome</html>"))).ask("who?")


def test_a_service_out_of_reach_is_tried_again(naps: list[float]) -> None:
    assert client_of(answers(httpx.ConnectError("refused"), done())).verify([]) == []
    with pytest.raises(Unreachable, match="refused"):
        client_of(answers(httpx.ConnectError("refused")), retries=0).verify([])
    assert len(naps) == 1


def test_uploads_and_deletions_have_the_time_that_a_service_gives_them_and_are_not_sent_again_then(
    naps: list[float],
) -> None:
    allowed: list[float] = []

    def handler(request: httpx.Request) -> httpx.Response:
        allowed.append(request.extensions["timeout"]["read"])
        raise httpx.ReadTimeout("late")

    client = client_of(handler)
    for attempt in (lambda: client.add(text="a"), lambda: client.delete("x")):
        with pytest.raises(Unreachable, match="late"):
            attempt()
    assert allowed == [630, 630] and naps == []
    with pytest.raises(Unreachable, match="late"):
        client.verify([])
    assert allowed[2:] == [60] * 4


def test_a_deletion_whose_reply_was_lost_is_a_deletion(naps: list[float]) -> None:
    gone = httpx.Response(404, json={"detail": "none"})
    receipt = client_of(answers(httpx.ReadError("cut"), gone)).delete("a/b")
    assert receipt == {"document_id": "a/b", "passages": 0, "vectors": 0, "lexical": 0, "remaining": 0}
    with pytest.raises(Problem, match="none"):
        client_of(answers(gone)).delete("x")


EVENTS = (
    'event: search\ndata: {"passages": []}\n\n'
    ": a comment\n\n"
    'event: sentence\ndata: {"text":\ndata: "One."}\n\n'
    'event: done\ndata: {"answered": true}\n\n'
)
READ = [
    {"event": "search", "data": {"passages": []}},
    {"event": "sentence", "data": {"text": "One."}},
    {"event": "done", "data": {"answered": True}},
]


def streamed(request: httpx.Request) -> httpx.Response:
    assert "text/event-stream" in request.headers["accept"]
    asked = json.loads(request.content)
    assert asked == {"question": "c", "history": [{"question": "a", "answer": "b"}], "mode": "generate"}
    return httpx.Response(200, text=EVENTS, headers={"Content-Type": "text/event-stream; charset=utf-8"})


def test_an_answer_is_read_as_it_is_made() -> None:
    history: Any = [{"question": "a", "answer": "b"}]
    assert list(client_of(streamed).ask_events("c", history=history, mode="generate")) == READ


def test_the_last_event_of_a_service_is_the_whole_answer(client: Client) -> None:
    *events, last = client.ask_events("anything")
    answer = client.ask("anything")
    assert [event["event"] for event in events] == ["search"]
    assert last["event"] == "done" and last["data"]["answered"] is answer["answered"] is False


def test_a_text_may_hold_what_some_take_for_the_end_of_a_line(client: Client, fake: FakeService) -> None:
    text = "The board\u2028met\u2029on\u0085Monday."
    fake.add_text(text=text)
    *_, last = client.ask_events("board")
    assert last["data"]["passages"][0]["text"] == text


def test_a_service_that_does_not_stream_answers_at_once() -> None:
    [event] = client_of(lambda request: httpx.Response(200, json={"answered": False})).ask_events("anything")
    assert event == {"event": "done", "data": {"answered": False}}


def test_an_answer_that_breaks_off_is_told() -> None:
    class Breaking(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"event: search\ndata: {}\n\n"
            raise httpx.ReadError("gone")

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Breaking(), headers={"Content-Type": "text/event-stream"})

    with pytest.raises(Unreachable, match="broke off"):
        list(client_of(handler).ask_events("x"))


def test_the_client_to_await_does_the_same(naps: list[float]) -> None:
    async def main() -> None:
        busy = httpx.Response(503, headers={"Retry-After": "2"})
        page = httpx.Response(200, json={"documents": [{"id": "a"}], "next_cursor": None})
        handler = answers(busy, done(), page, httpx.Response(404, json={"detail": "none"}))
        async with AsyncClient("http://footnote", "key", transport=httpx.MockTransport(handler)) as client:
            assert await client.verify([]) == []
            assert [document["id"] async for document in client.documents()] == ["a"]
            with pytest.raises(Problem):
                await client.delete("x")
        transport = httpx.MockTransport(streamed)
        async with AsyncClient("http://footnote", transport=transport) as client:
            history: Any = [{"question": "a", "answer": "b"}]
            events = client.ask_events("c", history=history, mode="generate")
            assert [event async for event in events] == READ

    anyio.run(main)
    assert len(naps) == 1


def test_both_clients_have_the_same_methods() -> None:
    def public(of: type) -> set[str]:
        return {name for name in vars(of) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)
