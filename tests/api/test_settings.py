"""Settings: the environment before the file before the defaults, and `rag config` says which."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from api.settings import Settings
from rag.parsing.sandbox.confinement import measures
from rag.shared.config import NAMES, Config, store_from
from rag.shared.errors import BadInput
from rag.shared.setting_sources import SERVICE_NAMES
from tests.api.conftest import RAG, ReadSettings

pytestmark = pytest.mark.medium


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_environment_goes_before_the_file_and_the_file_before_the_defaults(
    read_settings: ReadSettings, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "c.toml", '[serve]\nqueue = 7\ndeadline = 2.5\nallowed_hosts = ["docs.example"]\nkeys = "k.json"'
    )
    settings = read_settings(RAG_CONFIG=file, RAG_QUEUE="9")
    assert (settings.queue, settings.deadline_s, settings.upload_deadline_s) == (9, 2.5, 600)
    assert settings.extra_hosts == ("docs.example",)
    assert settings.keys_file == tmp_path / "k.json"  # from the file's folder


def test_the_engine_reads_the_same_file(tmp_path: Path) -> None:
    file = write(tmp_path / "c.toml", 'precision = "f32"\nthreads = 3\nstore = "here"\ncache = "/var/cache/x"')
    config = Config.from_environment({"RAG_CONFIG": file, "RAG_THREADS": "1"})
    assert (config.precision, config.threads, config.cache) == ("f32", 1, Path("/var/cache/x"))
    assert store_from({"RAG_CONFIG": file}) == tmp_path / "here"
    assert store_from({"RAG_CONFIG": file, "RAG_STORE": "there"}) == Path("there")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[serve]\nquue = 7", "'quue'"),
        ("[serve]\nqueue = -1", "queue = -1"),
        ("[serve]\nqueue = []", "queue = []"),
        ('[serve]\nlog_format = "xml"', "log_format = 'xml'"),
        ('[serve]\nallowed_hosts = ["http://x"]', "'http://x'"),
        ("[serve]\nallowed_hosts = [5]", "allowed_hosts"),
        ("serve = 5", "[serve]"),
        ("[serve", "no TOML"),
        ("\xff", "no TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_told(
    read_settings: ReadSettings, tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput) as refusal:
        read_settings(RAG_CONFIG=str(path))
    assert told in str(refusal.value) and str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "told"), [("stoer = 1", "'stoer'"), ("threads = 0", "threads = 0"), ('precision = "x"', "precision")]
)
def test_a_file_that_the_engine_cannot_use_is_refused_and_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        Config.from_environment({"RAG_CONFIG": write(tmp_path / "c.toml", text)})


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "c.toml", "\ufeffthreads = 3")
    assert Config.from_environment({"RAG_CONFIG": file}).threads == 3


def test_a_variable_that_is_no_setting_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    Config.from_environment({"RAG_MODLE": "m", "RAG_WHATEVER": "1", "RAG_QUEUE": "7", "RAG_CONFIG": "/dev/null"})
    [line] = caplog.messages
    assert "RAG_MODLE (is RAG_MODEL meant?), RAG_WHATEVER;" in line
    caplog.clear()
    Config.from_environment({f"RAG_{name.upper()}": "" for name in (*NAMES, *SERVICE_NAMES)})
    assert caplog.messages == []


def test_the_engine_knows_the_names_of_the_service() -> None:
    assert sorted(SERVICE_NAMES) == sorted(Settings.names())


def test_a_file_that_is_named_and_not_there_is_refused(read_settings: ReadSettings, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="RAG_CONFIG"):
        read_settings(RAG_CONFIG=str(tmp_path / "none.toml"))


def run(tmp_path: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    environment |= {"XDG_CONFIG_HOME": str(tmp_path), **variables}
    return subprocess.run([str(RAG), *arguments], capture_output=True, text=True, timeout=120, env=environment)


@pytest.mark.skipif(not RAG.exists(), reason="the console command `rag` is not installed")
def test_the_command_shows_every_setting_with_its_source_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "footnote").mkdir()
    file = write(tmp_path / "footnote" / "config.toml", 'model = "m"\n[serve]\nqueue = 7')
    shown = run(tmp_path, "config", "--json", RAG_API_KEY="s3cret", RAG_THREADS="1")
    assert (shown.returncode, shown.stderr) == (0, "")
    told: dict[str, Any] = json.loads(shown.stdout)
    rows = {row["name"]: (row["value"], row["source"]) for row in told["settings"]}
    assert told["file"] == file
    assert rows["model"] == ("m", f"file ({file})") and rows["serve.queue"] == (7, f"file ({file})")
    assert rows["threads"] == (1, "environment (RAG_THREADS)")
    assert rows["serve.port"] == (8000, "default")
    assert {name.removeprefix("serve.") for name in rows} >= set(Settings.names())
    assert "s3cret" not in shown.stdout
    assert told["parsers_confined_by"] == list(measures())
    text = run(tmp_path, "config")
    assert text.returncode == 0 and "serve.queue" in text.stdout and file in text.stderr
    assert run(tmp_path, "config", RAG_PORT="70000").returncode == 2


def test_the_public_address_is_one_without_a_slash_at_its_end(read_settings: ReadSettings) -> None:
    assert (
        read_settings(RAG_PUBLIC_URL="https://docs.example.org/footnote/").public_url
        == "https://docs.example.org/footnote"
    )
    for wrong in ("docs.example.org", "ftp://docs.example.org", "https://docs.example.org/?a=b", "https://"):
        with pytest.raises(BadInput, match="RAG_PUBLIC_URL"):
            read_settings(RAG_PUBLIC_URL=wrong)
