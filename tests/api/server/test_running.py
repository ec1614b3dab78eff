"""The server as a process, under attack, while keys change and while it is told to stop."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from api.admission.keys import add_key, revoke_key
from tests.api.conftest import RAG, Connect, Server
from tests.waiting import wait_until

pytestmark = pytest.mark.model


@pytest.mark.slow
def test_keys_open_and_close_a_running_server_within_a_second(
    serve: Callable[..., Server], connect: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    _, first = add_key(path, "first", "read")
    _, told = serve("--host", "0.0.0.0")  # allowed, because there is a key
    with connect(told) as client:

        def status(secret: str) -> int:
            return client.get("/v1/documents", headers={"Authorization": f"Bearer {secret}"}).status_code

        assert (status(first), status("wrong")) == (200, 401)
        _, second = add_key(path, "second", "write")
        revoke_key(path, "first")
        time.sleep(1)
        assert (status(first), status(second)) == (401, 200)
        assert client.get("/v1/documents", headers={"Host": "evil.example", "X-API-Key": second}).status_code == 403


@pytest.mark.slow
def test_readiness_ends_at_once_while_others_go_on_being_answered(
    serve: Callable[..., Server], connect: Connect
) -> None:
    process, told = serve(RAG_STOP_DELAY="600")
    with connect(told) as client:
        assert client.get("/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        while (response := client.get("/readyz")).status_code == 200:
            pass
        assert response.json()["type"] == "/problems/stopping"
    with connect(told) as another:
        assert another.get("/livez").status_code == 200


@pytest.mark.slow
def test_what_is_under_way_is_finished_when_nothing_new_is_taken_any_more(
    serve: Callable[..., Server], connect: Connect
) -> None:
    process, told = serve()
    address = (told["url"].removeprefix("http://").partition(":")[0], int(told["url"].rpartition(":")[2]))
    # So much at once that what follows may come slowly.
    body = b" " * 600_000 + b'{"text": "The ferry waited nine hours."}'
    head = b"POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(address, timeout=300) as slow:
        slow.sendall(head % len(body) + body[:400_000])
        with connect(told) as client:
            wait_until(lambda: 'footnote_inside{lane="write"} 1' in client.get("/metrics").text)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionRefusedError):
            for n_sent in range(400_000, 600_000):  # until the listener is gone
                slow.sendall(body[n_sent : n_sent + 1])
                socket.create_connection(address, timeout=300).close()
                time.sleep(0.1)
        slow.sendall(body[n_sent + 1 :])
        assert slow.makefile("rb").readline() == b"HTTP/1.1 201 Created\r\n"
    assert process.wait(timeout=300) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"), [("RAG_QUEUE", "many"), ("RAG_ALLOWED_HOSTS", "http://x"), ("RAG_RATE", "-1")]
)
def test_a_setting_that_cannot_be_used_ends_the_start_with_2(tmp_path: Path, name: str, value: str) -> None:
    command = [str(RAG), "serve", "--port", "0", "--store", str(tmp_path / "store")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | {name: value})
    assert result.returncode == 2
    assert name in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_logs_are_json_lines_and_metrics_are_counted(serve: Callable[..., Server], connect: Connect) -> None:
    process, told = serve("--log-format", "json")
    with connect(told) as client:
        client.post("/v1/documents", json={"text": "The ferry waited nine hours."})
        asked = client.post("/v1/ask", json={"question": "How long did the ferry wait?"})
        metrics = client.get("/metrics").text
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=300)
    assert (process.returncode, output) == (0, "")
    errors = told["log"].read_text(encoding="utf-8")
    lines = [json.loads(line) for line in errors.splitlines()]
    assert told["url"] in lines[0]["message"]
    [request] = [line for line in lines if line.get("route") == "/v1/ask"]
    assert (request["status"], request["request_id"]) == (200, asked.headers["x-request-id"])
    assert "ferry" not in errors
    assert "footnote_store_documents 1.0\n" in metrics
    assert 'footnote_stage_seconds_count{stage="embed"} 1.0\n' in metrics
