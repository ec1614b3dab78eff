"""Keys: kept as hashes, valid at once, worthless within a second, for reading or for writing."""

import json
import logging
import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.admission import keys
from api.admission.keys import Grant, KeyRing, KeysUnusable, add_key, path_from, read_keys, revoke_key
from api.cli.key import key as command
from api.settings import Settings
from index.local.system import files
from rag.shared.errors import BadInput
from rag.shared.setting_sources import Sources
from tests.api.conftest import ClientOf

READING = [
    ("POST", "/v1/ask", 200),
    ("POST", "/v1/verify", 200),
    ("GET", "/v1/documents", 200),
    ("GET", "/v1/documents/x", 404),
    ("GET", "/v1/documents/x/text", 404),
    ("GET", "/openapi.json", 200),
]
WRITING = [("POST", "/v1/documents", 201), ("DELETE", "/v1/documents/x", 404)]
BODIES = {"/v1/ask": {"question": "a"}, "/v1/verify": {"citations": []}, "/v1/documents": {"text": "a"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "keys.json"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# --- the file


def test_only_the_hash_is_kept_and_only_the_user_may_look(path: Path) -> None:
    key, secret = add_key(path, "laptop", "read")
    assert read_keys(path) == [key]
    assert secret not in path.read_text() and len(secret) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_key_is_revoked_also_after_a_loss_of_power(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    durable: list[list[keys.Key]] = []

    class Disk(files.System):
        def sync(self, fd: int) -> None:
            super().sync(fd)
            if os.path.samestat(os.fstat(fd), path.parent.stat()):
                durable.append(read_keys(path))

    add_key(path, "laptop", "read")
    monkeypatch.setattr(files, "system", Disk())
    revoke_key(path, "laptop")
    assert durable == [[]]


def test_no_two_keys_are_alike(path: Path) -> None:
    assert len({add_key(path, f"k{i}", "read")[1] for i in range(20)}) == 20


@pytest.mark.parametrize("name", ["", " ", "a b", "../x", "-a", "a" * 65, "é", "a\n", keys.ENVIRONMENT_KEY])
def test_a_name_is_short_and_plain(path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        add_key(path, name, "read")
    assert not path.exists()


def test_a_name_is_given_once_and_again_after_it_was_revoked(path: Path) -> None:
    add_key(path, "laptop", "read")
    with pytest.raises(BadInput, match="laptop"):
        add_key(path, "laptop", "write")
    assert revoke_key(path, "laptop").scope == "read"
    add_key(path, "laptop", "write")
    assert [(key.name, key.scope) for key in read_keys(path)] == [("laptop", "write")]


def test_a_key_that_is_not_there_cannot_be_revoked(path: Path) -> None:
    with pytest.raises(BadInput, match="list"):
        revoke_key(path, "laptop")


def test_keys_made_at_the_same_time_are_all_kept(path: Path) -> None:
    start = threading.Barrier(8)

    def add(number: int) -> None:
        start.wait()
        add_key(path, f"k{number}", "read")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert {key.name for key in read_keys(path)} == {f"k{number}" for number in range(8)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"version": 2, "keys": []}',
        b'{"version": 1, "keys": [{}]}',
        b'{"version": 1, "keys": [{"name": "a", "scope": "all", "sha256": "' + b"0" * 64 + b'", "added_at": ""}]}',
        b'{"version": 1, "keys": [{"name": "a", "scope": "read", "sha256": "secret", "added_at": ""}]}',
    ],
)
def test_a_file_that_is_no_key_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(KeysUnusable, match="rag key add"):
        KeyRing(None, path)
    with pytest.raises(KeysUnusable):
        add_key(path, "a", "read")
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(path: Path, mode: int) -> None:
    add_key(path, "a", "write")
    path.chmod(mode)
    with pytest.raises(KeysUnusable, match="chmod"):
        KeyRing(None, path)


def test_the_file_is_named_by_the_environment() -> None:
    assert path_from(Sources.of({"RAG_KEYS": "/run/keys.json"})) == Path("/run/keys.json")
    assert path_from(Sources.of({})).parent.name == "footnote"


# --- the ring


def test_a_revoked_key_opens_nothing_within_a_second(path: Path) -> None:
    _, secret = add_key(path, "laptop", "read")
    clock = Clock()
    ring = KeyRing(None, path, clock)
    assert ring.find([secret.encode()]) == Grant("laptop", "read")
    revoke_key(path, "laptop")
    clock.now += 1
    assert ring.find([secret.encode()]) is None
    assert ring.required


def test_a_new_key_opens_within_a_second_and_closes_an_open_service(path: Path) -> None:
    clock = Clock()
    ring = KeyRing(None, path, clock)
    assert not ring.required
    _, secret = add_key(path, "laptop", "write")
    clock.now += 1
    assert ring.required
    assert ring.find([secret.encode()]) == Grant("laptop", "write")


@pytest.mark.parametrize(
    "loss", [lambda path: path.unlink(), lambda path: path.write_text("{"), lambda path: path.chmod(0o666)]
)
def test_losing_the_file_opens_nothing(
    path: Path, loss: Callable[[Path], Any], caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = add_key(path, "laptop", "write")
    kept = path.read_bytes()
    clock = Clock()
    ring = KeyRing("environment", path, clock)
    loss(path)
    for _ in range(3):
        clock.now += 1
        assert ring.required
        assert ring.find([secret.encode()]) is None
        assert ring.find([b"environment"]) == Grant(keys.ENVIRONMENT_KEY, "write")
    assert len(caplog.records) <= 1
    path.unlink(missing_ok=True)
    path.write_bytes(kept)
    path.chmod(0o600)
    clock.now += 1
    assert ring.find([secret.encode()]) == Grant("laptop", "write")


def test_the_wider_of_two_keys_counts(path: Path) -> None:
    secrets = [add_key(path, scope, scope)[1].encode() for scope in keys.SCOPES]
    ring = KeyRing(None, path)
    assert ring.find(secrets) == ring.find(secrets[::-1]) == Grant("write", "write")
    assert ring.find([b"wrong", secrets[0]]) == Grant("read", "read")


# --- over HTTP


@pytest.mark.parametrize(("method", "route", "expected"), READING + WRITING)
def test_a_key_for_reading_reads_and_a_key_for_writing_does_both(
    client_of: ClientOf, path: Path, method: str, route: str, expected: int
) -> None:
    reading, writing = (add_key(path, scope, scope)[1] for scope in keys.SCOPES)
    client = client_of(Settings(keys_file=path))

    def status(secret: str) -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        return client.request(method, route, headers=headers, json=BODIES.get(route)).status_code

    assert status(writing) == expected
    assert status(reading) == (403 if (method, route, expected) in WRITING else expected)
    assert status(reading[:-1]) == 401


def test_what_a_key_may_not_do_is_a_problem_and_not_done(client_of: ClientOf, fake: Any, path: Path) -> None:
    _, secret = add_key(path, "laptop", "read")
    client = client_of(Settings(keys_file=path))
    fake.fail_with = AssertionError("the service was asked")
    response = client.post("/v1/documents", content=b"{", headers={"X-API-Key": secret})
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "/problems/forbidden"


def test_the_key_of_the_environment_works_beside_those_of_the_file(client_of: ClientOf, path: Path) -> None:
    add_key(path, "laptop", "read")
    client = client_of(Settings(api_key="environment", keys_file=path))
    assert client.post("/v1/documents", json={"text": "a"}, headers={"X-API-Key": "environment"}).status_code == 201
    assert client.get("/v1/documents").status_code == 401


# --- the commands


def test_the_commands_make_show_and_revoke_keys(path: Path) -> None:
    def run(*arguments: str, expected: int = 0) -> Any:
        result = CliRunner().invoke(command, [*arguments, "--json"], env={"RAG_KEYS": str(path)})
        assert result.exit_code == expected, result.output
        return json.loads(result.stdout) if expected == 0 else result.stderr

    made = run("add", "laptop", "--scope", "write")
    assert (made["name"], made["scope"]) == ("laptop", "write")
    assert KeyRing(None, path).find([made["key"].encode()]) == Grant("laptop", "write")
    assert run("add", "phone")["scope"] == "read"
    listed = run("list")
    assert [(key["name"], key["scope"]) for key in listed] == [("laptop", "write"), ("phone", "read")]
    assert made["key"] not in json.dumps(listed)
    assert run("revoke", "laptop")["revoked"] is True
    assert [key["name"] for key in run("list")] == ["phone"]
    assert "laptop" in run("revoke", "laptop", expected=2)
    assert "phone" in run("add", "phone", expected=2)
    assert run("add", "x", "--scope", "all", expected=2)


def test_the_secret_alone_is_on_stdout(path: Path) -> None:
    result = CliRunner().invoke(command, ["add", "laptop"], env={"RAG_KEYS": str(path)})
    assert KeyRing(None, path).find([result.stdout.strip().encode()]) == Grant("laptop", "read")
    assert str(path) in result.stderr


def test_every_command_has_help_with_an_example() -> None:
    for arguments in (["add"], ["list"], ["revoke"], []):
        assert "Example: rag key" in CliRunner().invoke(command, [*arguments, "--help"]).stdout


def test_no_secret_is_logged(client_of: ClientOf, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, secret = add_key(path, "laptop", "read")
    client = client_of(Settings(keys_file=path))
    with caplog.at_level(logging.DEBUG):
        client.get("/v1/documents", headers={"X-API-Key": secret})
        client.get("/v1/documents", headers={"X-API-Key": "wrong-" + secret})
    assert secret not in caplog.text


def test_a_pipe_in_the_place_of_the_key_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys.json")
    with pytest.raises(KeysUnusable, match="is not a file"):
        read_keys(tmp_path / "keys.json")
