"""What every command owes a person or a script: usage, exit codes, help, output wherever it goes. Runs the real default model."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.rag.conftest import QUESTION

pytestmark = pytest.mark.medium

Rag = Callable[..., Any]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ask", ""], "empty"),
        (["ask", "   "], "empty"),
        (["ask", "\x01\x02\x03"], "empty"),
        (["ask", "word " * 20_000], "2000"),
        (["ask", "what?", "-k", "0"], "1 to 100"),
        (["ask", "what?", "-k", "101"], "1 to 100"),
        (["ask", "what?", "-k", "many"], "-k"),
        (["ask", "what?", "--filter", "year"], "KEY=VALUE"),
        *((["ask", "what?", "--max-risk", risk], "max-risk") for risk in ("-0.1", "10", "nan", "one")),
        (["ask"], "QUESTION"),
        (["help", "frobnicate"], "frobnicate"),
        (["show", "article.txt", "--span", "abc"], "START:END"),
        (["show", "article.txt", "--span", "0:999999"], "within"),
        (["verify", "no-such-file.json"], "cannot be read"),
        (["frobnicate"], "frobnicate"),
        (["ask", "what?", "--nonsense"], "--nonsense"),
        (["list", "--store", "mysql://localhost/documents"], "postgresql://"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_usage_ends_with_2_and_says_what_to_do(seeded: Rag, arguments: list[str], says: str) -> None:
    result = seeded(*arguments)
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert len(result.err.strip().splitlines()) <= 2 and "Traceback" not in result.err


@pytest.mark.parametrize("arguments", [["ask", "what?"], ["list"], ["show", "x"], ["rm", "x"], ["verify"]])
def test_without_a_store_every_command_but_add_ends_with_3(rag: Rag, tmp_path: Path, arguments: list[str]) -> None:
    result = rag(*arguments)
    assert (result.code, result.out) == (3, "")
    assert "rag add" in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_place_with_other_files_is_no_store(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("Dear Anna.")
    for command in (["list"], ["add", "letters"]):
        result = rag(*command, "--store", "letters")
        assert result.code == 3 and "letters" in result.err, command
    served = run_apart("serve", "--port", "0", "--store", "letters")
    assert served.returncode == 3 and "letters is not a store" in served.stderr
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["one.txt"]


@pytest.mark.slow
def test_a_store_of_another_model_is_refused(seeded: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    from rag.model.cache import find_model

    other = tmp_path / "other-model"
    shutil.copytree(find_model(None), other)
    settings = json.loads((other / "sentence_bert_config.json").read_text())
    (other / "sentence_bert_config.json").write_text(json.dumps(settings | {"max_seq_length": 128}))
    monkeypatch.setenv("RAG_MODEL", str(other))
    result = seeded("ask", QUESTION)
    assert result.code == 3 and "model" in result.err


def test_help_is_printed_however_it_is_asked_for(rag: Rag) -> None:
    whole = rag("--help")
    assert whole.code == 0 and "Usage: rag" in whole.out and "  ask " in whole.out
    assert rag() == rag("-h") == rag("help") == whole
    assert rag("ask", "-h") == rag("help", "ask") == rag("ask", "--help")
    assert rag("help", "key", "add") == rag("key", "add", "-h")
    assert rag("help", "ask", "--json").json == {"command": "rag ask", "help": rag("help", "ask").out.rstrip("\n")}


def test_the_version_is_printed_however_it_is_asked_for(rag: Rag) -> None:
    number = rag("version", "--json").json["version"]
    assert rag("version").out == rag("--version").out == f"footnote {number}\n"


def test_an_empty_argument_is_taken_for_a_folder_only_where_folders_are_meant(rag: Rag) -> None:
    asked, added = rag("ask", ""), rag("add", "")
    assert (asked.code, added.code) == (2, 2)
    assert "empty" in asked.err and "folder" not in asked.err and "folder" in added.err


def run_apart(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Runs ``rag`` as a process of its own, whose output goes where the test says."""
    command = [sys.executable, "-P", "-c", "from rag.cli.main import main; main()", *arguments]
    options = {"stdout": subprocess.PIPE, **options}
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=600, check=False, **options)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is what /dev/full stands for")
@pytest.mark.parametrize(
    "arguments", [["list"], ["list", "--json"], ["show", "note.txt"], ["--help"]], ids=["list", "json", "show", "help"]
)
def test_output_that_cannot_be_written_is_told_in_one_line(rag: Rag, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "note.txt").write_text("The ferry waits.")
    rag("add", "note.txt")
    with open("/dev/full", "w") as full:
        result = run_apart(*arguments, stdout=full)
    assert (result.returncode, result.stderr) == (1, "rag: the output cannot be written: No space left on device\n")


def test_a_folder_that_was_removed_below_a_command_is_told_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    result = run_apart("list", cwd=folder, preexec_fn=folder.rmdir)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "rag: the current folder is no longer there: go to another one with cd\n"


def test_output_in_another_encoding_loses_no_json_and_ends_no_command(rag: Rag, tmp_path: Path) -> None:
    text = "Für den Bär ist “Tee” da: 🫖."
    (tmp_path / "note.txt").write_text(text, encoding="utf-8")
    rag("add", "note.txt")
    latin = {"env": os.environ | {"PYTHONIOENCODING": "latin-1"}, "encoding": "latin-1"}
    shown = run_apart("show", "note.txt", **latin)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "Für den Bär ist ?Tee? da: ?.\n", "")
    assert json.loads(run_apart("show", "note.txt", "--json", **latin).stdout)["text"] == text


def test_a_list_that_is_piped_has_one_line_a_document_whatever_the_width(rag: Rag, tmp_path: Path) -> None:
    folder = tmp_path / ("a folder with a name of some length " * 4).strip()
    folder.mkdir()
    (folder / "note.txt").write_text("The ferry waits.")
    rag("add", str(folder))
    result = run_apart("list", env=os.environ | {"COLUMNS": "40"})
    header, document = result.stdout.splitlines()
    assert header.split("\t") == ["id", "title", "source", "collection", "passages", "added"]
    assert document.split("\t")[1:5] == ["note", f"{folder.name}/note.txt", "default", "1"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="streams are closed before the program starts")
def test_closed_streams_neither_stop_a_command_nor_reach_the_store(rag: Rag, tmp_path: Path) -> None:
    def close_all() -> None:
        os.closerange(0, 3)

    (tmp_path / "note.txt").write_text("The ferry waits.")
    command = [sys.executable, "-P", "-c", "from rag.cli.main import main; main()", "add", "note.txt", "missing.txt"]
    assert subprocess.run(command, preexec_fn=close_all, timeout=600).returncode == 1
    assert rag("verify").code == 0
    [document] = cast(list[dict[str, object]], rag("list", "--json").json)
    assert document["source"] == "note.txt"


def test_a_list_in_a_narrow_terminal_has_every_id_and_source_whole(rag: Rag, tmp_path: Path) -> None:
    names = ["the minutes of the meeting about the bridge.txt", "short.txt"]
    for name in names:
        (tmp_path / name).write_text(f"The ferry waits for {name}.")
    rag("add", *names)
    listed = cast(list[dict[str, str]], rag("list", "--json").json)
    ours, theirs = os.openpty()
    run_apart("list", stdout=theirs, env=os.environ | {"COLUMNS": "40", "TERM": "xterm"})
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    for document in listed:
        assert document["id"] in shown and document["source"] in shown
