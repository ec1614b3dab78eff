"""Parsing in a process of its own: what is right comes back as it is, and whatever happens there costs one file."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from rag.parsing.formats import parse
from rag.parsing.sandbox import pool as pool_module
from rag.parsing.sandbox.pool import Limits, Sandbox
from rag.shared.errors import ContentTooLarge, RagError, UnreadableContent, UnsupportedFormat
from rag.shared.types import ParseOptions
from tests.counted import Counted
from tests.rag.parsing.sandbox.test_confinement import run_instead
from tests.waiting import is_running, wait_until

pytestmark = pytest.mark.medium

PAGE = (
    "<html><title>Tea</title><h1>Tea</h1><p>Boil é 😀 water.</p><table><tr><th>a<th>b<tr><td>1<td>2</table>"
).encode()
HUGE_PAGE = b"<html>" + b"<p>word <b>x</b>" * 2_000_000


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def children() -> set[int]:
    """Processes that this one has started and that have not ended."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.add(int(stat.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", PAGE),
        ("front.md", b"---\ntitle: One\ndate: 2021-04-12\n---\n\n# Two\n\ntext\n"),
        ("a.md", b"# One\n\n```\ncode\n```\n"),
        ("a.csv", b"a,b\n1,2\n3,4\n"),
        ("a.txt", b"One. Two."),
        ("b.html", b"<html>"),
    ],
)
def test_what_comes_back_is_what_parsing_here_gives(sandbox: Sandbox, name: str, content: bytes) -> None:
    assert sandbox.parse(name, content) == parse(name, content)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.docx", b"PK\x03\x04" + bytes(100), UnreadableContent),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(50), UnsupportedFormat),
        ("a.pdf", b"%PDF-1.7 obj", UnreadableContent),
        ("a.json", b"[" * 300 + b"]" * 300, UnreadableContent),
    ],
)
def test_what_is_refused_there_is_refused_here_in_the_same_words(
    sandbox: Sandbox, name: str, content: bytes, error: type[RagError]
) -> None:
    with pytest.raises(error) as here:
        parse(name, content)
    with pytest.raises(error) as there:
        sandbox.parse(name, content)
    assert str(there.value) == str(here.value)


@pytest.mark.parametrize("content", [b"PK\x03\x04broken", b"PK\x03\x04" + bytes(200)])
def test_a_damaged_container_is_refused_and_no_crash(sandbox: Sandbox, content: bytes) -> None:
    [part] = sandbox.read("a.docx", content, lambda path, sha256: True)
    assert isinstance(part.text, RagError) and "container" in str(part.text)
    before = children()
    sandbox.parse("a.html", PAGE)
    assert children() <= before  # the same process goes on


def test_plain_text_starts_no_process(sandbox: Sandbox) -> None:
    before = children()
    assert sandbox.parse("notes.txt", b"Nothing to parse here. " * 100).title == "notes"
    assert children() <= before


def test_one_process_serves_many_files(sandbox: Sandbox) -> None:
    before = children()
    for _ in range(5):
        sandbox.parse("a.html", PAGE)
    assert len(children() - before) == 1


def test_a_process_that_may_recognise_text_serves_many_files_and_ends_when_it_has_none(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "engine", lambda: None)  # no models, which take seconds to load
    before = children()
    sandbox.parse("a.html", PAGE, ParseOptions(ocr=True))
    [started] = children() - before
    monkeypatch.setattr(pool_module, "_IDLE_OCR_S", 0.0)
    sandbox.parse("a.html", PAGE, ParseOptions(ocr=True))
    wait_until(lambda: started not in children())
    assert children() <= before
    assert sandbox.parse("a.html", PAGE, ParseOptions(ocr=True)).title == "Tea"


@pytest.mark.slow
def test_a_file_that_takes_too_long_is_refused_and_the_next_one_read() -> None:
    with Sandbox(Limits(seconds=1)) as sandbox:
        with pytest.raises(ContentTooLarge, match="more than 1 seconds"):
            sandbox.parse("a.html", HUGE_PAGE)
        assert sandbox.parse("b.html", PAGE).title == "Tea"


def test_a_file_that_nobody_waits_for_any_more_is_given_up_and_the_next_one_read(sandbox: Sandbox) -> None:
    before = children()
    check = Counted(1)
    with pytest.raises(InterruptedError):
        sandbox.parse("a.html", HUGE_PAGE, check=check)
    assert check.n == 1 and children() <= before
    assert sandbox.parse("b.html", PAGE).title == "Tea"


def test_a_file_that_waits_for_a_parser_is_given_up_too() -> None:
    before = children()
    with Sandbox(workers=1) as sandbox, ThreadPoolExecutor() as pool:
        let_go = threading.Event()

        def check() -> None:
            if let_go.is_set():
                raise InterruptedError

        slow = pool.submit(sandbox.parse, "a.html", HUGE_PAGE, check=check)
        wait_until(lambda: children() - before)
        with pytest.raises(InterruptedError):
            sandbox.parse("b.html", PAGE, check=Counted(1))
        let_go.set()
        with pytest.raises(InterruptedError):
            slow.result()


def test_a_file_that_takes_too_much_memory_is_refused_and_the_next_one_read() -> None:
    with Sandbox(Limits(memory_mib=256)) as sandbox:
        with pytest.raises((ContentTooLarge, UnreadableContent)):
            sandbox.parse("a.json", b"[" + b"[0]," * 20_000_000 + b"0]")
        assert sandbox.parse("b.html", PAGE).title == "Tea"


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_parser_that_crashes_costs_its_file_alone(sandbox: Sandbox, how: signal.Signals) -> None:
    before = children()
    stop = threading.Event()

    def crash_all() -> None:
        while not stop.is_set():
            for process in children() - before:
                with suppress(ProcessLookupError):  # it may just have ended
                    os.kill(process, how)
            time.sleep(0.001)

    killer = threading.Thread(target=crash_all)
    killer.start()
    try:
        with pytest.raises(UnreadableContent, match=f"crashed .{how.name}"):
            sandbox.parse("a.html", HUGE_PAGE)
    finally:
        stop.set()
        killer.join()
    assert sandbox.parse("b.html", PAGE).title == "Tea"


def test_a_worker_that_died_while_idle_is_replaced_unnoticed(sandbox: Sandbox) -> None:
    before = children()
    sandbox.parse("a.html", PAGE)
    [worker] = children() - before
    os.kill(worker, signal.SIGKILL)
    assert sandbox.parse("a.html", PAGE).title == "Tea"


@pytest.mark.slow
def test_files_are_parsed_side_by_side_up_to_the_number_of_workers() -> None:
    before = children()
    seen: list[int] = []
    with Sandbox(workers=2) as sandbox:
        threads = [threading.Thread(target=sandbox.parse, args=("a.html", HUGE_PAGE[:400_000])) for _ in range(5)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            seen.append(len(children() - before))
            time.sleep(0.01)
        assert len(children() - before) == 2
    assert max(seen) == 2


def test_no_process_is_left_when_it_is_closed() -> None:
    before = children()
    with Sandbox() as sandbox:
        sandbox.parse("a.html", PAGE)
        assert children() - before
    assert children() <= before


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    code = (
        "from rag.parsing.sandbox.pool import Sandbox\nimport os, signal\n"
        f"sandbox = Sandbox()\nsandbox.parse('a.html', {PAGE!r})\n"
        "print(sandbox._idle[0].worker.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    wait_until(lambda: not is_running(int(ran.stdout)), lambda: "the worker lives on")


def test_a_worker_has_none_of_the_keys_and_takes_no_code_from_where_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAG_API_KEY", "secret")
    before = children()
    with Sandbox() as sandbox:
        assert sandbox.parse("a.html", PAGE).title == "Tea"
        [worker] = children() - before
        assert b"secret" not in Path(f"/proc/{worker}/environ").read_bytes()


TAKEN: dict[str, object] = {
    "text": "abc",
    "title": "",
    "sections": [[0, 0, 3, [], ""]],
    "blocks": [[0, 3, False, 0, "prose", None]],
    "contexts": [""],
    "heads": [["x"]],
    "pages": [[0, 1, ""]],
    "metadata": {"author": "A", "n": [1, 2.5, None]},
}


def answering(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a socket answer in the worker's place, again and again, as a parser that was taken over might."""
    code = "from index.process import parents_socket, receive, send\nc = parents_socket()\nreceive(c), receive(c)\n"
    run_instead(f"{code}while True: send(c, {json.dumps(answer).encode()!r})", monkeypatch)


def test_an_answer_as_parsers_give_them_is_taken(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(TAKEN, monkeypatch)
    assert sandbox.parse("a.html", PAGE).text == "abc"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="nothing"),
        pytest.param([], id="list"),
        pytest.param(7, id="number"),
        pytest.param({"error": "SystemExit", "message": "x"}, id="unknown error"),
        pytest.param(TAKEN | {"sections": [[0, 0, 9, [], ""]]}, id="section beyond"),
        pytest.param(TAKEN | {"sections": [[0, 0, 3, ["\ud800"], ""]]}, id="half a character in a path"),
        pytest.param(TAKEN | {"blocks": [[2, 1, False, 0, "prose", None]]}, id="block backwards"),
        pytest.param(TAKEN | {"blocks": [[0, 3, False, 1, "prose", None]]}, id="no such context"),
        pytest.param(TAKEN | {"blocks": [[0, 3, False, 0, "spell", None]]}, id="no such kind"),
        pytest.param(TAKEN | {"blocks": [[0, 3, False, 0, "prose", [0, [[0, 9]]]]]}, id="cell beyond"),
        pytest.param(TAKEN | {"pages": [[7, 1, ""]]}, id="page beyond"),
        pytest.param(TAKEN | {"pages": [[0, 10**30, ""]]}, id="page number of thirty digits"),
        pytest.param(TAKEN | {"pages": [[0, 1, "\ud800"]]}, id="half a character in a label"),
        pytest.param(TAKEN | {"text": "ab\ud800"}, id="half a character"),
        pytest.param(TAKEN | {"title": "\ud800"}, id="half a character in the title"),
        pytest.param(TAKEN | {"contexts": ["\ud800"]}, id="half a character in a context"),
        pytest.param(TAKEN | {"metadata": {"a": {"b": 1}}}, id="metadata in metadata"),
        pytest.param(TAKEN | {"metadata": {"a": float("nan")}}, id="no number"),
        pytest.param(TAKEN | {"metadata": {"a": float("inf")}}, id="no end"),
        pytest.param(TAKEN | {"metadata": {"a": ["\ud800"]}}, id="half a character in metadata"),
        pytest.param(TAKEN | {"metadata": [["a", 1]]}, id="metadata in a list"),
    ],
)
def test_an_answer_that_a_taken_over_worker_could_send_is_refused(
    sandbox: Sandbox, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(answer, monkeypatch)
    with pytest.raises(UnreadableContent):
        sandbox.parse("a.html", PAGE)


@pytest.mark.parametrize("message", ["x" * 100_000, "\ud800"])
def test_what_a_taken_over_worker_says_is_kept_short_and_whole(
    sandbox: Sandbox, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering({"error": "UnreadableContent", "message": message}, monkeypatch)
    with pytest.raises(UnreadableContent) as refused:
        sandbox.parse("a.html", PAGE)
    assert len(str(refused.value).encode()) <= 1000


def test_an_archive_without_end_ends(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "MAX_MEMBERS", 100)
    answering({"path": "x", "error": "UnreadableContent", "message": "x"}, monkeypatch)
    parts = list(sandbox.read("a.zip", b"PK\x03\x04" + bytes(100), lambda path, sha256: True))
    assert len(parts) == 102 and "crashed" in str(parts[-1].text)


def test_a_message_longer_than_allowed_is_not_taken_in() -> None:
    from index.process import receive

    here, there = socket.socketpair()
    with here, there:
        there.sendall((1 << 50).to_bytes(8, "little"))
        with pytest.raises(ValueError, match="more than"):
            receive(here, 1000)
