"""``rag add`` as it is typed: patterns, pipes, dry runs, more or less said. And documents picked by patterns, names and pages."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from msoffcrypto.format.ooxml import OOXMLFile
from reportlab.pdfgen.canvas import Canvas

from rag.cli import progress
from rag.model.devices.precision import PRECISIONS
from tests.rag.cli.conftest import InTerminal, plain

Rag = Callable[..., Any]
pytestmark = pytest.mark.model


@pytest.fixture
def notes(rag: Rag, tmp_path: Path) -> Rag:
    """``rag`` in a folder with notes/a.md, notes/b.txt and a picture, none of which is in a store."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# Ferry\n\nIt leaves at nine.")
    (tmp_path / "notes" / "b.txt").write_text("The mill was built in 1850.")
    (tmp_path / "notes" / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    return rag


def sources(rag: Rag, *arguments: str) -> list[str]:
    return [document["source"] for document in rag("list", "--json", *arguments).json]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(notes: Rag, tmp_path: Path) -> None:
    first = notes("add", "notes", "nowhere", "--dry-run")
    assert (
        first.out == ("fail nowhere: no such file or folder\nadd notes/a.md\nadd notes/b.txt\n1 to fail, 2 to add\n")
        and not (tmp_path / ".rag").exists()
    )
    assert notes("add", "notes").code == 0
    (tmp_path / "notes" / "a.md").write_text("# Ferry\n\nIt leaves at ten.")
    (tmp_path / "notes" / "b.txt").unlink()
    planned = notes("add", "notes", "--sync", "--dry-run", "--json").json
    assert planned["dry_run"] is True
    assert [(file["action"], Path(file["path"]).name) for file in planned["files"]] == [
        ("update", "a.md"),
        ("delete", "b.txt"),
    ]
    assert len(sources(notes)) == 2 and "nine" in notes("show", "a.md").out


@pytest.mark.slow
def test_pictures_in_a_folder_are_passed_over_and_one_that_is_named_is_not(notes: Rag) -> None:
    report = notes("add", "notes", "--json")
    assert report.code == 0 and report.json["added"] == 2 and report.json["failed"] == []
    assert "1 picture was passed over: with --ocr the text in pictures is read" in report.json["notes"]
    named = notes("add", "notes/logo.png")
    assert named.code == 1 and "this is an image" in named.err
    assert notes("add", "notes").code == 0
    assert notes("list", "--failed").out == "no file failed\n"


@pytest.mark.slow
def test_quoted_patterns_are_read_by_add_list_and_rm(notes: Rag) -> None:
    assert notes("add", "notes/*.md").code == 0 and sources(notes) == ["notes/a.md"]
    none = notes("add", "notes/*.rst")
    assert none.code == 2 and "no file matches 'notes/*.rst'" in none.err
    assert notes("add", "**/*.txt").code == 0
    assert sources(notes, "*.txt") == ["notes/b.txt"] and sources(notes, "notes/?.*") == ["notes/a.md", "notes/b.txt"]
    missing = notes("rm", "*.txt", "*.rst")
    assert missing.code == 1 and "no document matches '*.rst'" in missing.err and len(sources(notes)) == 2
    assert notes("rm", "*.txt", "notes/b.txt").out.startswith("removed notes/b.txt")
    assert sources(notes) == ["notes/a.md"]


@pytest.mark.slow
def test_quiet_says_what_failed_alone_and_verbose_a_line_for_each(notes: Rag, tmp_path: Path) -> None:
    (tmp_path / "notes" / "bad.pdf").write_bytes(b"%PDF-1.4 obj")
    quiet = notes("add", "notes", "--quiet")
    assert (quiet.code, quiet.out) == (1, "") and quiet.err.startswith("rag: notes/bad.pdf: ")
    assert len(quiet.err.splitlines()) == 1
    told = notes("add", "notes", "--verbose").err
    assert "rag: skipped notes/a.md\n" in told and "rag: failed notes/bad.pdf\n" in told


@pytest.mark.slow
def test_progress_off_a_terminal_is_lines_on_stderr(
    notes: Rag, monkeypatch: pytest.MonkeyPatch, in_terminal: InTerminal
) -> None:
    assert "adding" not in notes("add", "notes", "--json").err  # short work says nothing
    assert notes("rm", "notes/*").code == 0
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    long = notes("add", "notes", "--json")
    assert long.json["added"] == 2 and "rag: adding: 2 of 2 documents, 2 passages\n" in long.err
    assert notes("rm", "notes/*").code == 0
    assert "2 added; 2 passages" in plain(in_terminal("add", "notes"))


@pytest.mark.slow
def test_what_is_piped_in_goes_in_under_its_title(notes: Rag) -> None:
    assert notes("add", "-", "--title", "Mill 2.0", stdin="It was built in 1850.").out.startswith("1 added; 1 passages")
    assert notes("add", "-", "--title", "Mill 2.0", "--json", stdin="It burnt in 1870.").json["updated"] == 1
    assert notes("show", "Mill 2.0").out == "It burnt in 1870.\n"
    assert notes("add", "-", stdin="The first line.\nAnd more.").code == 0
    assert [document["title"] for document in notes("list", "--json").json] == ["Mill 2.0", "The first line."]
    page = b"<!doctype html><html><head><title>Fog</title></head><body><p>It is foggy.</p></body></html>"
    assert notes("add", "-", "--title", "fog.html", stdin=page).code == 0
    assert notes("show", "fog.html").out == "It is foggy.\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-"], "nothing was piped in"),
        (["-", "notes"], "stands alone"),
        (["-", "--sync"], "stands alone"),
        (["notes", "--title", "T"], "--title names what is piped in"),
        (["notes", "--password-file", "none"], "cannot be read"),
    ],
)
def test_what_goes_with_no_pipe_is_wrong_usage(notes: Rag, arguments: list[str], says: str) -> None:
    result = notes("add", *arguments)
    assert (result.code, result.out) == (2, "") and says in result.err


def test_a_pipe_that_is_no_text_needs_a_name(notes: Rag) -> None:
    unnamed = notes("add", "-", stdin=b"\x89PNG\r\n\x1a\n\x00\x00")
    assert unnamed.code == 2 and "--title report.pdf" in unnamed.err


@pytest.mark.slow
def test_show_takes_a_file_s_name_where_one_document_has_it(notes: Rag, tmp_path: Path) -> None:
    assert notes("add", "notes").code == 0
    assert notes("show", "b.txt").out == "The mill was built in 1850.\n"
    (tmp_path / "b.txt").write_text("Another mill.")
    assert notes("add", "b.txt").code == 0
    (tmp_path / "b.txt").unlink()
    assert notes("show", "b.txt").out == "Another mill.\n"  # the source says it whole
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.md").write_text("A third.")
    assert notes("add", "more").code == 0
    several = notes("show", "a.md")
    assert several.code == 2 and "notes/a.md" in several.err and "more/a.md" in several.err
    unknown = notes("show", "a.md", "--collection", "defualt")
    assert unknown.code == 1 and "there is no collection 'defualt': there is default" in unknown.err


def test_show_prints_a_page(rag: Rag) -> None:
    canvas = Canvas("timetable.pdf")
    for line in ("The ferry leaves at nine.", "The bus waits for it."):
        canvas.drawString(72, 700, line)
        canvas.showPage()
    canvas.save()
    assert rag("add", "timetable.pdf").code == 0
    assert rag("show", "timetable.pdf", "--page", "2").out == "The bus waits for it.\n"
    shown = rag("show", "timetable.pdf", "--page", "2", "--json").json
    assert rag("show", "timetable.pdf", "--span", f"{shown['start_char_index']}:{shown['end_char_index']}").out == (
        "The bus waits for it.\n"
    )
    beyond = rag("show", "timetable.pdf", "--page", "3")
    assert beyond.code == 2 and "its last page with text is 2" in beyond.err
    assert rag("show", "timetable.pdf", "--page", "1", "--span", "0:1").code == 2


@pytest.mark.slow
def test_a_protected_file_goes_in_with_its_password_and_is_then_unchanged(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "safe").mkdir()
    book = openpyxl.Workbook()
    for line in (["ferry", "leaves"], ["Arnes", "nine"], ["Osen", "ten"]):
        book.active.append(line)
    content, protected = io.BytesIO(), io.BytesIO()
    book.save(content)
    OOXMLFile(content).encrypt("winter", protected)
    (tmp_path / "safe" / "times.xlsx").write_bytes(protected.getvalue())
    refused = rag("add", "safe")
    assert refused.code == 1 and "--password-file" in refused.err
    (tmp_path / "passwords").write_text("summer\n\nwinter\n")
    assert rag("add", "safe", "--password-file", "passwords", "--json").json["added"] == 1
    assert rag("add", "safe", "--json").json["skipped"] == 1
    assert "winter" not in (tmp_path / ".rag" / "store.db").read_bytes().decode("latin-1")


def test_status_says_what_is_in_the_store(notes: Rag, tmp_path: Path) -> None:
    (tmp_path / "notes" / "bad.pdf").write_bytes(b"%PDF-1.4 obj")
    assert notes("add", "notes", "--collection", "harbour").code == 1
    state = notes("status", "--json").json
    assert (state["documents"], state["passages"], state["failures"]) == (2, 2, 1)
    assert state["collections"] == {"harbour": {"documents": 2, "passages": 2}} and state["bytes"] > 10_000
    assert state["model"] == "all-MiniLM-L6-v2" and state["precision"] in (*PRECISIONS, "auto")
    shown = notes("status").out
    assert "documents: 2\n" in shown and "collection harbour: 2 documents" in shown and "rag list --failed" in shown
