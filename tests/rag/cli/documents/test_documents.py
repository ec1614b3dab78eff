"""``rag add``, ``list``, ``show``, ``rm`` and ``watch`` as a person or a script meets them. Runs the real default model."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rag.conftest import QUESTION, SEED
from tests.signalled import signalled

pytestmark = pytest.mark.medium

Rag = Callable[..., Any]


@pytest.mark.slow
def test_copies_under_other_titles_are_shown_once(seeded: Rag, tmp_path: Path) -> None:
    for name in ("copy.txt", "Quarterly budget 2019.txt"):
        (tmp_path / name).write_bytes(SEED.read_bytes())
        assert seeded("add", name).code == 0
    passages = seeded("ask", QUESTION, "-k", "6", "--json").json["passages"]
    assert len({passage["text"] for passage in passages}) == len(passages) == 6
    assert all(len(passage["also_in"]) == 2 for passage in passages)


@pytest.mark.slow
def test_a_text_that_says_something_twice_is_no_other_document(rag: Rag, tmp_path: Path) -> None:
    block = "The bridge over the Ister was opened in 1931. It has seven arches of grey stone. " * 8
    (tmp_path / "twice.txt").write_text(f"{block}\n\n{block}", encoding="utf-8")
    assert rag("add", "twice.txt").code == 0
    passages = rag("ask", "When was the bridge opened?", "--json").json["passages"]
    assert passages and all(passage["also_in"] == [] for passage in passages)


def test_a_damaged_text_is_in_as_the_utf8_that_it_is_and_a_note_says_so(rag: Rag, tmp_path: Path) -> None:
    text = "L'été dernier, la mairie a rénové l'école. Le maître s'appelle Hervé Lefèvre. " * 30
    (tmp_path / "f.txt").write_bytes(text.encode() + b"\xff" + "Fin de l'été.".encode())
    report = rag("add", "f.txt", "--json")
    note = (
        "f.txt: a place is damaged and shown as \ufffd, the rest is in: save the file again as UTF-8 to have all of it"
    )
    assert report.code == 0 and report.json["notes"][0] == note
    assert rag("show", "f.txt").out == f"{text}\ufffdFin de l'été.\n"


def test_a_bad_file_is_reported_and_the_rest_goes_in(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Water boils at 100 degrees.", encoding="utf-8")
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (tmp_path / "empty.txt").write_bytes(b"")
    result = rag("add", "good.txt", "picture.txt", "missing.txt", "empty.txt", "--json")
    report = result.json
    assert result.code == 1
    assert report["added"] == 2
    assert {failure["path"] for failure in report["failed"]} == {"picture.txt", "missing.txt"}


def test_files_without_text_are_in_and_a_note_says_that_nothing_of_them_can_be_found(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Water boils at 100 degrees.", encoding="utf-8")
    blank = {
        "a.txt": b"",
        "b.md": b" \n\n\t\n",
        "c.txt": b"\xef\xbb\xbf\r\n",
        "d.html": b"<html><body> </body></html>",
        "e.csv": b"\n",
    }
    for name, content in blank.items():
        (tmp_path / name).write_bytes(content)
    report = rag("add", "good.txt", *blank, "--json")
    assert report.code == 0 and report.json["added"] == 6
    note = "a.txt, b.md, c.txt and 2 more: there is no text in them, so nothing of them can be found"
    assert report.json["notes"] == [note]
    (tmp_path / "good.txt").write_bytes(b"")
    changed = rag("add", "good.txt")
    assert changed.code == 0 and "good.txt: there is no text in it" in changed.err
    assert rag("ask", "when does water boil?", "--json").json["passages"] == []
    assert "note" not in rag("add", "good.txt").err


def test_show_prints_the_cited_characters(seeded: Rag) -> None:
    text = SEED.read_text(encoding="utf-8")
    assert seeded("show", "article.txt", "--span", "419:708").out == text[419:708] + "\n"
    shown = seeded("show", "article.txt", "--json").json
    assert shown["text"] == text


def test_a_healthy_store_verifies_and_removal_leaves_nothing(seeded: Rag) -> None:
    assert seeded("verify").code == 0
    receipt = seeded("rm", "article.txt", "--json").json[0]
    assert receipt["passages"] > 0 and receipt["remaining"] == 0
    assert seeded("list", "--json").json == []
    assert seeded("verify", "--json").json["findings"] == []


def test_a_missing_path_makes_no_store(rag: Rag, tmp_path: Path) -> None:
    result = rag("add", "missing.txt")
    assert result.code == 1 and "missing.txt" in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["show", "nothing"], ["rm", "nothing"], ["rm", "article.txt", "nothing"]])
def test_an_unknown_document_is_named_and_nothing_is_removed(seeded: Rag, arguments: list[str]) -> None:
    result = seeded(*arguments)
    assert result.code == 1 and "nothing" in result.err and "rag list" in result.err
    assert len(seeded("list", "--json").json) == 1


@pytest.mark.slow
def test_failed_files_are_listed_with_the_reason_until_they_are_taken_in(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 obj")
    assert rag("add", "bad.pdf").code == 1
    listed = rag("list", "--failed")
    assert listed.code == 0 and listed.out.startswith("bad.pdf: the PDF is damaged")
    listed_json = rag("list", "--failed", "--json").json
    assert len(listed_json) == 1
    failed = listed_json[0]
    assert (failed["path"], failed["collection"]) == ("bad.pdf", "default") and "damaged" in failed["reason"]
    (tmp_path / "bad.pdf").write_text("The mill was built in 1850.")
    assert rag("add", "bad.pdf").code == 0
    assert rag("list", "--failed").out == "no file failed\n"


@pytest.mark.slow
def test_fields_of_records_are_chosen(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"title": "Ship", "body": {"text": "It left Oslo."}, "id": 7}\n')
    assert rag("add", "a.jsonl", "--fields", "title, body").code == 0
    assert rag("show", "a.jsonl").out == "title: Ship\nbody.text: It left Oslo.\n"
    missing = rag("add", "a.jsonl", "--fields", "name")
    assert missing.code == 1 and "there are body.text, id, title" in missing.err
    assert rag("add", "a.jsonl", "--fields", ",").code == 2


def test_an_address_of_this_machine_is_not_fetched_unless_it_is_allowed(rag: Rag) -> None:
    refused = rag("add", "http://127.0.0.1:9/")
    assert refused.code == 1 and "--allow-private-addresses" in refused.err
    allowed = rag("add", "http://127.0.0.1:9/", "--allow-private-addresses")
    assert allowed.code == 1 and "cannot be reached" in allowed.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_add_says_how_many_documents_are_in(rag: Rag, tmp_path: Path, number: int) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "0.pdf").write_bytes(b"%PDF-1.4 obj")  # fails, and is none of the documents that are in
    for keeper in range(1000):
        (folder / f"{keeper}.txt").write_text(f"Keeper {keeper} of the lighthouse liked tea, and the sea was calm.")
    adding = signalled("add", "many", numbers=[number])
    lines = adding.stderr.splitlines()[-2:]  # behind what it says of its progress every ten seconds
    n_in = len(rag("list", "--json").json)
    assert 0 < n_in < 1000 and adding.returncode == 130
    assert lines == [
        f"rag: {n_in} documents are in the store and stay; the same command takes in the rest",
        "rag: stopped; what is done stays",
    ]
