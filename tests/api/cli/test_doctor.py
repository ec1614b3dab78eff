"""``rag doctor``, ``rag config set`` and ``unset``."""

import json
import platform
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.cli.config import edit
from rag.shared.errors import BadInput
from tests.api.conftest import RAG
from tests.embedding_stub import serve_embeddings, words_vector
from tests.ports import free_port
from tests.stub_server import Handler, serving

pytestmark = pytest.mark.medium

Rag = Callable[..., Any]


@pytest.fixture
def rag(run_rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rag:
    """``rag`` in an empty folder, with a settings file of its own that is not there yet and a free port."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAG_CONFIG", str(tmp_path / "settings" / "config.toml"))
    monkeypatch.setenv("RAG_PORT", str(free_port()))
    monkeypatch.setattr("api.cli.doctor._PATIENCE_S", 300)
    for name in ("RAG_STORE", "RAG_LLM_URL", "RAG_MODEL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "config.toml").touch()
    return run_rag


def checks(result: Any) -> dict[str, Any]:
    return {check["name"]: check for check in result.json["checks"]}


def test_a_sound_set_up_has_a_line_for_each_part_and_ends_with_0(rag: Rag) -> None:
    result = rag("doctor", "--json")
    seen = checks(result)
    assert result.code == 0 and result.json["ok"] is True
    names = ["versions", "settings", "sandbox", "model", "store", "cache", "disk", "port", "keys", "ocr"]
    assert list(seen) == names and "rag add PATH" in seen["store"]["detail"]
    shown = rag("doctor")
    assert shown.code == 0 and all(line.startswith(("ok    ", "      ")) for line in shown.out.splitlines())


@pytest.mark.slow
def test_the_password_of_a_database_is_shown_nowhere(
    rag: Rag, databases: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = databases().replace("@", ":secret@")
    monkeypatch.setenv("RAG_STORE", address)
    assert "secret" not in rag("config").out and address.replace(":secret", "") in rag("config").out
    said = checks(rag("doctor", "--json"))["store"]["detail"]
    assert said.startswith("none at postgresql://") and "secret" not in said
    said = rag("list", "--store", "postgresql+psycopg://me:secret@host/documents")
    assert said.code == 2 and "postgresql://..." in said.err and "secret" not in said.err


def test_each_thing_that_is_wrong_says_what_to_do_and_ends_with_1(
    rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_MODLE", "x")
    monkeypatch.setenv("RAG_LLM_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("RAG_VERIFIER", "nowhere")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("Dear Anna.")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0.1)
        monkeypatch.setenv("RAG_PORT", str(taken.getsockname()[1]))
        monkeypatch.setattr("api.cli.doctor._PATIENCE_S", 0.2)
        result = rag("doctor", "--store", "letters", "--json")
    seen = checks(result)
    wrong = [name for name, check in seen.items() if not check["ok"]]
    assert result.code == 1 and wrong == ["settings", "store", "port", "model server", "verifier"]
    assert "RAG_MODLE (is RAG_MODEL meant?)" in seen["settings"]["detail"]
    assert "RAG_VERIFIER=nowhere: it cannot be loaded" in seen["verifier"]["detail"]
    assert all(seen[name]["advice"] for name in wrong)
    shown = rag("doctor", "--store", "letters")
    assert shown.code == 1 and "MEND  store: " in shown.out
    command = [str(RAG), "serve", "--port", "0", "--workers", "0", "--store", "other"]  # apart: it says where logs go
    served = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert served.returncode == 1 and "RAG_VERIFIER=nowhere: it cannot be loaded" in served.stderr


def test_a_setting_that_cannot_be_read_hides_nothing_else(rag: Rag, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_THREADS", "many")
    seen = checks(rag("doctor", "--json"))
    assert not seen["settings"]["ok"] and "RAG_THREADS" in seen["settings"]["detail"] and seen["disk"]["ok"]


@pytest.fixture
def server() -> Iterator[str]:
    """Where a server answers GET /v1/models and GET /livez with 200, everything else with 404."""

    class Answering(Handler):
        def do_GET(self) -> None:
            self.reply(b"", 200 if self.path in ("/v1/models", "/livez") else 404)

    with serving(Answering) as url:
        yield url.removesuffix("/v1")


def test_servers_that_answer_are_told_from_those_that_do_not(
    rag: Rag, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_LLM_URL", f"{server}/v1/")
    monkeypatch.setenv("RAG_PORT", server.rpartition(":")[2])
    seen = checks(rag("doctor", "--json"))
    assert seen["model server"]["ok"] and "a service answers there" in seen["port"]["detail"]
    monkeypatch.delenv("RAG_LLM_URL")
    assert rag("config", "set", "llm_url", f"{server}/other").code == 0
    wrong = checks(rag("doctor", "--json"))["model server"]
    assert not wrong["ok"] and "404" in wrong["detail"]


def test_a_setting_is_written_shown_and_taken_out_again(
    rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAG_PORT")
    file = tmp_path / "settings" / "config.toml"
    file.write_text("# mine\nthreads = 2\n\n[serve] # for the service\nqueue = 10\n")

    def value(name: str) -> object:
        return {row["name"]: row["value"] for row in rag("config", "--json").json["settings"]}[name]

    assert rag("config", "set", "serve.port", "8080").code == 0 and value("serve.port") == 8080
    assert rag("config", "set", "precision", "int8", "--json").json["value"] == "int8" and value("precision") == "int8"
    assert rag("config", "set", "queue", "11").code == 0 and value("serve.queue") == 11
    assert file.read_text() == (
        '# mine\nthreads = 2\nprecision = "int8"\n\n[serve] # for the service\nqueue = 11\nport = 8080\n'
    )
    assert rag("config", "unset", "port").code == 0 and value("serve.port") == 8000
    assert file.stat().st_mode & 0o077 == 0 and len(list(file.parent.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("prot", "1", "'prot' is no setting"), ("port", "99999", "0 to 65535"), ("threads", "many", "whole number")],
)
def test_what_cannot_be_set_changes_nothing(rag: Rag, tmp_path: Path, name: str, value: str, says: str) -> None:
    file = tmp_path / "settings" / "config.toml"
    file.write_text("threads = 2\n")
    result = rag("config", "set", name, value)
    assert (result.code, result.out) == (2, "") and says in result.err and ".config-" not in result.err
    assert file.read_text() == "threads = 2\n" and len(list(file.parent.iterdir())) == 1


@pytest.mark.parametrize(
    ("content", "table", "name", "line", "edited"),
    [
        ("", "", "threads", "threads = 2", "threads = 2\n"),
        ("", "serve", "port", "port = 1", "[serve]\nport = 1\n"),
        ("a = 1\n", "serve", "port", "port = 1", "a = 1\n\n[serve]\nport = 1\n"),
        ("[serve]\nport = 2\n", "", "port", "port = 1", "port = 1\n[serve]\nport = 2\n"),
        (
            "[serve]\nport = 2\n[other]\nx = 1\n",
            "serve",
            "rate",
            "rate = 1",
            "[serve]\nport = 2\nrate = 1\n[other]\nx = 1\n",
        ),
        ("[serve]\n'port' = 2 # why\n", "serve", "port", None, "[serve]\n"),
        ("a = 1\n", "serve", "port", None, "a = 1\n"),
    ],
)
def test_a_line_goes_where_it_belongs(content: str, table: str, name: str, line: str | None, edited: str) -> None:
    assert edit(content, table, name, line) == edited


def test_what_is_written_over_several_lines_is_left_to_its_writer() -> None:
    with pytest.raises(BadInput, match="by hand"):
        edit('[serve]\nallowed_hosts = [\n  "a",\n]\n', "serve", "allowed_hosts", 'allowed_hosts = "b"')


def test_a_model_behind_a_server_is_asked_for_a_sign_of_life(rag: Rag, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_embeddings() as stub:
        monkeypatch.setenv("RAG_MODEL", f"openai:tiny@{stub.url}")
        assert "vectors of 64 components" in checks(rag("doctor", "--json"))["model"]["detail"]
        Path("one.txt").write_text("One sentence.")
        assert rag("add", "one.txt").code == 0
        monkeypatch.delenv("RAG_MODEL")
        assert "vectors of 64 components" in checks(rag("doctor", "--json"))["model"]["detail"]
        stub.embed = lambda text: words_vector(text, seed="another")
        other = checks(rag("doctor", "--json"))["model"]
        assert not other["ok"] and "another model than the store's" in other["detail"] and "reindex" in other["advice"]
    monkeypatch.setattr("api.cli.doctor._PATIENCE_S", 3)
    gone = rag("doctor", "--json")
    assert gone.code == 1 and "cannot be reached" in checks(gone)["model"]["detail"]


_REFUSED = """
import ctypes, os, struct, sys
code = struct.pack("=HBBI HBBI HBBI HBBI", 0x20, 0, 0, 0, 0x15, 0, 1, int(sys.argv[1]), 0x06, 0, 0, 0x50001, 0x06, 0, 0, 0x7FFF0000)
held = ctypes.create_string_buffer(code)
assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0
assert ctypes.CDLL(None).prctl(22, 2, struct.pack("=H6xQ", 4, ctypes.addressof(held))) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64", reason="of one kind of machine"
)
def test_a_system_that_lets_no_process_be_confined_is_told(rag: Rag) -> None:
    seccomp = "317"
    command = [sys.executable, "-c", _REFUSED, seccomp, str(RAG), "doctor", "--json"]
    seen = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)["checks"]
    [sandbox] = [check for check in seen if check["name"] == "sandbox"]
    assert not sandbox["ok"] and "cannot be confined" in sandbox["detail"] and sandbox["advice"]
