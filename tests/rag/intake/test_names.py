"""Names, titles and arguments that are no plain text: told as they can be, and never a reason for the rest not to go in."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag.shared.printable import as_utf8, is_utf8, visible, visible_line

pytestmark = pytest.mark.medium

Rag = Callable[..., Any]
BAD = os.fsdecode(b"bad\xff.txt")


def test_what_is_not_utf8_is_shown_as_bytes() -> None:
    assert as_utf8(BAD) == "bad\\xff.txt" and not is_utf8(BAD)
    assert as_utf8("Übersicht.txt") == "Übersicht.txt" and is_utf8("Übersicht.txt")


def test_what_a_terminal_would_obey_is_made_visible() -> None:
    assert visible("\x1b]0;owned\x07red\x9b1m\nnext\tline") == "\\x1b]0;owned\\x07red\\x9b1m\nnext\tline"
    assert visible_line("two\nlines\tand ü") == "two\\x0alines\\x09and ü"
    assert visible_line("fdp\u202etxt.exe") == "fdp\\u202etxt.exe"


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_name_that_is_not_utf8_costs_no_other_file(rag: Rag, tmp_path: Path, as_folder: bool) -> None:
    folder = tmp_path / "notes"
    (folder / os.fsdecode(b"old\xe9")).mkdir(parents=True)
    (folder / os.fsdecode(b"old\xe9") / "inner.txt").write_text("Inner text.", encoding="utf-8")
    (folder / BAD).write_text("Nobody can name this.", encoding="utf-8")
    (folder / "good.txt").write_text("Water boils at 100 degrees.", encoding="utf-8")
    paths = [folder] if as_folder else [folder / BAD, folder / "good.txt"]
    result = rag("add", *paths, "--json")
    assert result.code == 1 and result.json["added"] == 1
    failed = {Path(one["path"]).name: one["reason"] for one in result.json["failed"]}
    assert failed.keys() == ({"bad\\xff.txt", "inner.txt"} if as_folder else {"bad\\xff.txt"})
    assert all("not UTF-8: rename it" in reason for reason in failed.values())
    assert [document["title"] for document in rag("list", "--json").json] == ["good"]


def test_members_of_an_old_archive_keep_their_names(rag: Rag, tmp_path: Path) -> None:
    contents = {
        "Übersicht.txt": b"Water boils at 100 degrees.",
        "gebrochen-ß.pdf": b"%PDF-1.4 and no more",
        "ok.txt": b"A lamp.",
    }
    with tarfile.open(tmp_path / "old.tar", "w", encoding="latin1", format=tarfile.GNU_FORMAT) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    result = rag("add", "old.tar", "--json")
    assert [one["path"] for one in result.json["failed"]] == ["old.tar!/gebrochen-ß.pdf"]
    listed = rag("list", "--json").json
    assert [document["source"] for document in listed] == ["old.tar!/Übersicht.txt", "old.tar!/ok.txt"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["show", BAD],
        ["rm", BAD],
        ["snapshot", BAD],
        ["ask", "who?", "--filter", f"k={BAD}"],
        ["add", "note.txt", "--meta", f"k={BAD}"],
        ["add", "note.txt", "--meta", f"{BAD}=v"],
        ["list", "--store", BAD],
        ["add", "note.txt", "--store", BAD],
        ["show", ""],
        ["rm", ""],
        ["add", ""],
        ["add", "", "--sync"],
        ["snapshot", ""],
        ["list", "--store", ""],
        ["list", "--store="],
    ],
)
def test_arguments_that_nobody_means_are_told_in_a_line(rag: Rag, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "note.txt").write_text("Water boils at 100 degrees.", encoding="utf-8")
    assert rag("add", "note.txt").code == 0
    (tmp_path / "other.txt").write_text("Not asked for.", encoding="utf-8")
    result = rag(*arguments)
    assert result.code == 2 and "Traceback" not in result.err and len(result.err.splitlines()) <= 2
    assert [document["source"] for document in rag("list", "--json").json] == ["note.txt"]


@pytest.mark.slow
def test_a_title_is_listed_as_it_is(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "t.html").write_text("<title>BBCode [/b] tag</title><p>Some words.</p>", encoding="utf-8")
    (tmp_path / "report [draft].txt").write_text("Water boils at 100 degrees.", encoding="utf-8")
    (tmp_path / "a\x1b[31m\nb.txt").write_text("A lamp has a wick.", encoding="utf-8")
    assert rag("add", ".").code == 0
    lines = rag("list").out.splitlines()
    assert len(lines) == 4 and not any("\x1b" in line for line in lines)
    assert any("BBCode [/b] tag" in line for line in lines)
    assert any("report [draft].txt" in line for line in lines)
    assert any("a\\x1b[31m\\x0ab.txt" in line for line in lines)


@pytest.mark.slow
def test_an_answer_sends_no_escape_sequence_to_a_terminal(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "gate.txt").write_text(
        "The gate code is \x1b]0;owned\x07\x1b[31mred 4471. " + "Water boils at 100 degrees. " * 9, encoding="utf-8"
    )
    assert rag("add", "gate.txt").code == 0
    shown = rag("ask", "What is the gate code?").out
    assert "\x1b" not in shown and "\\x1b[31mred 4471" in shown
    assert "\x1b[31mred" in rag("ask", "What is the gate code?", "--json").json["passages"][0]["text"]


@pytest.mark.slow
def test_a_path_means_the_file_that_is_there_from_here(
    rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    for name in ("one", "two"):
        (tmp_path / name / "notes").mkdir(parents=True)
        (tmp_path / name / "notes" / "x.txt").write_text(f"This is number {name}.", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "two")
    assert rag("add", "notes", "--store", store).code == 0
    monkeypatch.chdir(tmp_path / "one")
    # The other folder's document has the same source, but this file was never taken in.
    assert rag("rm", tmp_path / "one" / "notes" / "x.txt", "--store", store).code == 1
    assert rag("add", "notes", "--store", store).code == 0
    assert "number one" in rag("show", "notes/x.txt", "--store", store).out
    monkeypatch.chdir(tmp_path)
    assert "number two" in rag("show", "two/notes/x.txt", "--store", store).out
    assert rag("rm", tmp_path / "one" / "notes" / "x.txt", "--store", store).code == 0
    assert "number two" in rag("show", "notes/x.txt", "--store", store).out


@pytest.mark.slow
def test_stores_and_snapshots_in_a_folder_are_no_documents(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Water boils at 100 degrees.", encoding="utf-8")
    assert rag("add", "note.txt").code == 0
    assert rag("add", "note.txt", "--store", "other").code == 0
    assert rag("snapshot", "backups/monday").code == 0
    result = rag("add", ".", "--json")
    assert result.code == 0 and (result.json["added"], result.json["skipped"]) == (0, 1)


def test_a_path_that_cannot_be_looked_at_costs_no_other(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Water boils at 100 degrees.", encoding="utf-8")
    result = rag("add", "n" * 300, "good.txt", "--json")
    assert result.code == 1 and result.json["added"] == 1
    assert result.json["failed"][0]["reason"].startswith("cannot be read: File name too long")
