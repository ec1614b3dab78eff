"""Questions answered in processes of their own: the same answers, never of an older state, whatever happens to a process."""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from api.workers import pool
from api.workers.messages import Answered, Question, Unexpected, answer
from api.workers.pool import Answerers, CannotStart
from api.workers.worker import replies
from index.errors import StoreMissing
from index.process import Worker, send
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import BadInput
from rag.shared.types import Query
from tests.api.conftest import Connect
from tests.waiting import wait_until

pytestmark = pytest.mark.medium

TEXTS = {
    "talks": "The talks in Kyiv ended on Friday. The president refused to sign because the draft held no guarantees.",
    "cranes": "The crane Titan lifts 40 tonnes. It stands at gate 4.",
}
REFUSAL = Query("Why did the president refuse to sign?")


def nothing() -> None:
    """A check that finds nothing to say."""


def answering(parent: int) -> list[int]:
    """Process ids of those of a process's children that answer questions, of children of any of its threads."""
    found = subprocess.run(["ps", "-o", "pid=,stat=,args=", "--ppid", str(parent)], capture_output=True, text=True)
    rows = [line.split(None, 2) for line in found.stdout.splitlines()]
    return [int(pid) for pid, state, command in rows if "api.workers.worker" in command and not state.startswith("Z")]


def told(body: bytes) -> dict[str, Any]:
    """An answer without the time it took."""
    found: dict[str, Any] = json.loads(body)
    del found["timings_ms"]
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    place = tmp_path_factory.mktemp("answerers")
    with Service.create(place / "store", Config()) as made:
        for key, text in TEXTS.items():
            (place / f"{key}.txt").write_text(text)
        made.intake.add_paths([place / f"{key}.txt" for key in TEXTS])
        yield made


@pytest.fixture(scope="module")
def two(service: Service) -> Iterator[Answerers]:
    with Answerers(service.place, Config(), 2, log_format="text", patience_s=300) as started:
        started.start()
        wait_until(lambda: started.running == 2)
        yield started


@pytest.mark.slow
def test_an_answer_is_the_one_that_the_service_gives(service: Service, two: Answerers) -> None:
    for query in (REFUSAL, Query("What does Titan lift?", k=1, explain=True), Query("Who won the 1934 regatta?")):
        found, own = two.answer(query, nothing), answer(service, query)
        assert told(found.body) == told(own.body)
        assert found.answered == own.answered and found.stages.keys() == own.stages.keys()


def test_questions_that_wait_together_get_the_answers_that_each_gets_alone(service: Service, two: Answerers) -> None:
    queries = [
        Query(text, k=k)
        for text in ("Where does Titan stand?", "When did the talks in Kyiv end?", "What held no guarantees?", "")
        for k in (1, 2, 3)
    ]
    with ThreadPoolExecutor(len(queries)) as clients:
        asked = [clients.submit(two.answer, query, nothing) for query in queries]
    for query, reply in zip(queries, asked, strict=True):
        if query.question:
            assert told(reply.result().body) == told(answer(service, query).body)
        else:
            with pytest.raises(BadInput):
                reply.result()


def test_what_goes_wrong_with_some_questions_together_goes_wrong_with_none_that_is_right(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(queries: list[Query]) -> None:
        raise StoreMissing("gone")

    monkeypatch.setattr(service, "embed_ahead", fail)
    right, wrong = replies(service, [Question(REFUSAL, None), Question(Query("Why?", k=0), None)])
    assert isinstance(right, Answered) and right.answered
    assert isinstance(wrong, BadInput)


def test_what_cannot_be_answered_is_said_as_the_service_says_it(two: Answerers) -> None:
    with pytest.raises(BadInput, match="ask for at least 1"):
        two.answer(Query("Why?", k=0), nothing)


def test_an_acknowledged_change_is_in_the_next_answer_of_every_process(
    service: Service, two: Answerers, tmp_path: Path
) -> None:
    file = tmp_path / "basin.txt"
    for depth in ("11.5", "12.8", "13.1"):
        file.write_text(f"Basin 2 has a depth of {depth} metres.")
        service.intake.add_paths([file])
        with ThreadPoolExecutor(2) as clients:
            asked = [clients.submit(two.answer, Query("How deep is basin 2?", k=k), nothing) for k in (1, 2, 3, 4)]
        assert all(told(one.result().body)["passages"][0]["text"].endswith(f"{depth} metres.") for one in asked)
    [document] = [one for one in service.documents() if one.key.endswith("basin.txt")]
    service.store.delete(document.id)
    for k in (1, 2):
        assert b"metres" not in two.answer(Query("How deep is basin 2?", k=k), nothing).body


def test_a_process_that_is_killed_costs_no_question_and_is_replaced(service: Service, two: Answerers) -> None:
    before = answering(os.getpid())
    assert len(before) == 2
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    for number in range(4):
        assert two.answer(Query("What does Titan lift?", k=2 + number), nothing).answered
    wait_until(lambda: two.running == 2)
    assert not set(answering(os.getpid())) & set(before)


@pytest.mark.slow
def test_a_process_that_stands_still_is_ended_and_its_question_asked_again(
    two: Answerers, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(lambda: two.running == 2)
    stopped, receive = answering(os.getpid())[0], pool._receive
    monkeypatch.setattr(pool, "_receive", lambda worker, s: receive(worker, 1 if worker.pid == stopped else s))
    os.kill(stopped, signal.SIGSTOP)
    with ThreadPoolExecutor(2) as clients:  # one of them comes to the one that stands still
        asked = [clients.submit(two.answer, Query("What does Titan lift?", k=10 + n), nothing) for n in range(2)]
        assert all(one.result().answered for one in asked)
    wait_until(lambda: two.running == 2)
    assert stopped not in answering(os.getpid())


def test_a_reply_that_cannot_be_read_costs_no_question_and_no_process(two: Answerers) -> None:
    wait_until(lambda: two.running == 2)
    before = answering(os.getpid())
    kept_open = []
    for worker in list(two._running):
        theirs = worker._socket
        worker._socket, impostor = socket.socketpair()
        worker._socket.settimeout(0.1)
        send(impostor, b"no reply")
        kept_open += [theirs, impostor]
    with ThreadPoolExecutor(2) as clients:
        asked = [clients.submit(two.answer, Query("What does Titan lift?", k=20 + n), nothing) for n in range(2)]
        assert all(one.result().answered for one in asked)
    wait_until(lambda: two.running == 2)
    assert not set(answering(os.getpid())) & set(before)
    for each in kept_open:
        each.close()


def test_who_waits_for_a_free_process_may_give_up(service: Service) -> None:
    class Left(Exception):
        """The client is gone."""

    def left() -> None:
        raise Left

    with Answerers(service.place, Config(), 1, log_format="text", patience_s=300) as none_started, pytest.raises(Left):
        none_started.answer(REFUSAL, left)


def test_who_waits_when_they_are_closed_is_told(service: Service) -> None:
    with ThreadPoolExecutor(1) as client:
        with Answerers(service.place, Config(), 1, log_format="text", patience_s=300) as none_started:
            waiting = client.submit(none_started.answer, REFUSAL, nothing)
        with pytest.raises(Unexpected, match="stopping"):
            waiting.result(300)


def test_what_keeps_them_from_starting_is_said(tmp_path: Path) -> None:
    with (
        Answerers(tmp_path / "nowhere", Config(), 2, log_format="text", patience_s=300) as started,
        pytest.raises(StoreMissing, match="nowhere"),
    ):
        started.start()
        started.wait()


def test_one_that_is_killed_while_it_starts_is_told_of(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*arguments: Any, **options: Any) -> Worker:
        worker = Worker(*arguments, **options)
        os.kill(worker.pid, signal.SIGKILL)
        return worker

    monkeypatch.setattr(pool, "Worker", killed)
    with Answerers(service.place, Config(), 1, log_format="text", patience_s=300) as started:
        started.start()
        with pytest.raises(CannotStart, match="was ended by signal 9 while it started"):
            started.wait()


def test_until_they_are_started_the_service_itself_answers(service: Service) -> None:
    go = threading.Event()
    with Answerers(service.place, Config(), 1, log_format="text", patience_s=300) as later:
        later.start_when(go.is_set)
        with TestClient(create_app(service, Settings(), later)) as client:
            own = client.post("/v1/ask", json={"question": REFUSAL.question}).json()
            assert own["answered"] and later.running == 0
            go.set()
            wait_until(lambda: later.running)
            theirs = client.post("/v1/ask", json={"question": REFUSAL.question}).json()
            assert theirs["answer"] == own["answer"]
            assert "footnote_workers 1" in client.get("/metrics").text
            assert client.get("/readyz").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_they_end_with_the_service_and_not_before_it(
    number: signal.Signals, serve: Callable[..., Any], connect: Connect
) -> None:
    process, about = serve("--workers", "2")
    with connect(about) as client:
        wait_until(lambda: "footnote_workers 2" in client.get("/metrics").text)
    pids = answering(process.pid)
    for pid in pids:
        if number != signal.SIGKILL:
            os.kill(pid, number)  # as a terminal or a supervisor sends it to all processes
    with connect(about) as client:
        assert client.post("/v1/ask", json={"question": "Why?"}).status_code == 200
    assert answering(process.pid) == pids
    process.send_signal(number)
    assert process.wait(300) == (-number if number == signal.SIGKILL else 0)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
