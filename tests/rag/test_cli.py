"""The command line as a person or a script meets it: output, exit codes, messages. Runs the real default model."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

ROOT = Path(__file__).parent.parent.parent
SEED = ROOT / "seeds" / "us-ukraine-minerals-deal.txt"
QUESTION = "why did Zelensky refuse to sign?"


Rag = Callable[..., Any]


@pytest.fixture
def rag(run_rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rag:
    """Runs ``rag`` in an empty folder whose store is ``./.rag``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAG_STORE", raising=False)
    return run_rag


@pytest.fixture
def seeded(rag: Rag, tmp_path: Path) -> Rag:
    """The same with the seed article, copied to ``article.txt``, in the store."""
    (tmp_path / "article.txt").write_bytes(SEED.read_bytes())
    assert rag("add", "article.txt").code == 0
    return rag


def test_the_first_question_is_answered_with_citations_that_hold(seeded: Rag) -> None:
    result = seeded("ask", QUESTION, "--json")
    answer = result.json
    assert isinstance(answer, dict)
    text = SEED.read_text(encoding="utf-8")
    assert result.code == 0 and answer["answered"] is True
    assert "security guarantees" in answer["answer"]["text"]
    assert [passage["rank"] for passage in answer["passages"]] == [1, 2, 3, 4, 5]
    scores = [passage["score"] for passage in answer["passages"]]
    assert scores == sorted(scores, reverse=True)
    highlighted = []
    for passage in answer["passages"]:
        citation = passage["citation"]
        place = slice(citation["start_char_index"], citation["end_char_index"])
        assert text[place] == citation["cited_text"] == passage["text"]
        assert passage["document"]["source"] == "article.txt"
        highlighted += [text[mark["start_char_index"] : mark["end_char_index"]] for mark in passage["highlights"]]
    rest = answer["answer"]["text"]
    for sentence in highlighted:
        rest = rest.replace(sentence, "", 1)
    assert not rest.strip()
    cited = {number for number, passage in enumerate(answer["passages"]) if passage["highlights"]}
    assert set(answer["answer"]["citations"]) == cited


def test_the_answer_reads_well_in_a_terminal(seeded: Rag) -> None:
    result = seeded("ask", QUESTION)
    assert result.code == 0
    assert "security guarantees" in result.out.splitlines()[0]
    assert "[1] article.txt:" in result.out


def test_explain_says_how_each_passage_did_by_each_signal(seeded: Rag) -> None:
    answer = seeded("ask", QUESTION, "--explain", "--json").json
    assert isinstance(answer, dict)
    explained = [passage["explain"] for passage in answer["passages"]]
    assert all({"dense", "sentence", "lexical"} <= set(signals) for signals in explained)
    assert sorted(signals["dense"]["rank"] for signals in explained) == sorted(
        {signals["dense"]["rank"] for signals in explained}
    )
    plain = seeded("ask", QUESTION, "--json").json
    assert isinstance(plain, dict) and "explain" not in plain["passages"][0]


def test_what_the_documents_do_not_hold_is_said_and_is_no_failure(seeded: Rag) -> None:
    result = seeded("ask", "how do I replace the battery of a wristwatch?", "--json")
    answer = result.json
    assert isinstance(answer, dict)
    assert result.code == 0
    assert (answer["answered"], answer["answer"], answer["abstain_reason"]) == (False, None, "low_confidence")
    assert len(answer["passages"]) == 5
    assert 0 < answer["confidence"] < 0.01
    assert "(<1% sure)" in seeded("ask", "how do I replace the battery of a wristwatch?").out


def test_an_answer_that_is_riskier_than_accepted_is_not_given(seeded: Rag) -> None:
    sure = seeded("ask", QUESTION, "--json").json
    assert isinstance(sure, dict) and 0.3 <= sure["confidence"] < 0.99
    risk = 1 - sure["confidence"]
    given = seeded("ask", QUESTION, "--max-risk", risk + 0.01, "--json").json
    assert isinstance(given, dict) and given["answered"] is True and given["answer"] == sure["answer"]
    refused = seeded("ask", QUESTION, "--max-risk", risk - 0.01, "--json")
    answer = refused.json
    assert isinstance(answer, dict) and refused.code == 0
    assert (answer["answered"], answer["answer"], answer["abstain_reason"]) == (False, None, "risk_too_high")
    assert "riskier than you accept" in seeded("ask", QUESTION, "--max-risk", 0).out
    unknown = seeded("ask", "how do I replace the battery of a wristwatch?", "--max-risk", 1, "--json").json
    assert isinstance(unknown, dict) and unknown["answered"] is True


@pytest.mark.parametrize("risk", ["-0.1", "10", "nan", "one"])
def test_a_risk_that_is_no_probability_is_wrong_usage(seeded: Rag, risk: str) -> None:
    result = seeded("ask", QUESTION, "--max-risk", risk)
    assert result.code == 2 and "max-risk" in result.err and result.out == ""


def test_adding_again_skips_and_a_changed_file_is_replaced(seeded: Rag, tmp_path: Path) -> None:
    again = seeded("add", "article.txt", "--json").json
    assert isinstance(again, dict)
    assert (again["added"], again["updated"], again["skipped"]) == (0, 0, 1)
    (tmp_path / "article.txt").write_text("The talks ended. Nobody signed anything at all.", encoding="utf-8")
    changed = seeded("add", "article.txt", "--json").json
    assert isinstance(changed, dict)
    assert (changed["added"], changed["updated"], changed["passages"]) == (0, 1, 1)
    answer = seeded("ask", "who signed?", "--json").json
    assert isinstance(answer, dict)
    assert [passage["text"] for passage in answer["passages"]] == ["The talks ended. Nobody signed anything at all."]


def test_one_text_at_two_places_is_two_documents_shown_once(seeded: Rag, tmp_path: Path) -> None:
    (tmp_path / "copy.txt").write_bytes(SEED.read_bytes())
    assert seeded("add", "copy.txt").code == 0
    listed = seeded("list", "--json").json
    assert isinstance(listed, list) and [document["source"] for document in listed] == ["article.txt", "copy.txt"]
    answer = seeded("ask", QUESTION, "--json").json
    assert isinstance(answer, dict)
    texts = [passage["text"] for passage in answer["passages"]]
    assert len(set(texts)) == len(texts) == 5
    for passage in answer["passages"]:
        assert {passage["document"]["source"], *(place["source"] for place in passage["also_in"])} == {
            "article.txt",
            "copy.txt",
        }


def test_sync_removes_documents_whose_file_is_gone(rag: Rag, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("Alpha is the first letter.", encoding="utf-8")
    (folder / "deep" / "b.md").write_text("# Beta\n\nBeta is the second letter.", encoding="utf-8")
    assert rag("add", folder).code == 0
    (folder / "deep" / "b.md").unlink()
    assert rag("add", folder, "--json").json["deleted"] == 0
    synced = rag("add", folder, "--sync", "--json")
    assert synced.code == 0 and synced.json["deleted"] == 1
    assert [document["title"] for document in rag("list", "--json").json] == ["a"]


def test_a_bad_file_is_reported_and_the_rest_goes_in(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("Water boils at 100 degrees.", encoding="utf-8")
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (tmp_path / "empty.txt").write_bytes(b"")
    result = rag("add", "good.txt", "picture.txt", "missing.txt", "empty.txt", "--json")
    report = result.json
    assert isinstance(report, dict)
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


def test_metadata_and_collections_narrow_the_search_itself(rag: Rag, tmp_path: Path) -> None:
    for year in (2023, 2024):
        (tmp_path / f"report{year}.txt").write_text(
            f"The yearly revenue report. Revenue in {year} was good.", encoding="utf-8"
        )
        assert rag("add", f"report{year}.txt", "--meta", f"year={year}").code == 0
    (tmp_path / "other.txt").write_text("Revenue of the other company was bad.", encoding="utf-8")
    assert rag("add", "other.txt", "--collection", "other").code == 0

    def sources(*options: str) -> set[str]:
        answer = rag("ask", "how was the revenue?", "--json", *options).json
        assert isinstance(answer, dict)
        return {passage["document"]["source"] for passage in answer["passages"]}

    assert sources() == {"report2023.txt", "report2024.txt"}
    assert sources("--filter", "year=2024") == {"report2024.txt"}
    assert sources("--collection", "other") == {"other.txt"}
    nothing = rag("ask", "how was the revenue?", "--filter", "year=1999", "--json").json
    assert isinstance(nothing, dict) and nothing["abstain_reason"] == "no_match"
    empty = rag("ask", "how was the revenue?", "--collection", "none", "--json").json
    assert isinstance(empty, dict) and empty["abstain_reason"] == "no_documents"


def test_show_prints_the_cited_characters(seeded: Rag) -> None:
    text = SEED.read_text(encoding="utf-8")
    assert seeded("show", "article.txt", "--span", "419:708").out == text[419:708] + "\n"
    shown = seeded("show", "article.txt", "--json").json
    assert isinstance(shown, dict) and shown["text"] == text


def test_citations_follow_a_document_through_change_and_removal(seeded: Rag, tmp_path: Path) -> None:
    saved = seeded("ask", QUESTION, "--json").out

    def statuses() -> tuple[int, set[str]]:
        result = seeded("verify", "-", "--json", stdin=saved)
        assert isinstance(result.json, list)
        return result.code, {check["status"] for check in result.json}

    assert statuses() == (0, {"valid"})
    (tmp_path / "article.txt").write_text("A new first line.\n" + SEED.read_text(encoding="utf-8"), encoding="utf-8")
    assert seeded("add", "article.txt").code == 0
    code, found = statuses()
    assert code == 1 and found <= {"moved", "changed"} and "moved" in found
    assert seeded("rm", "article.txt").code == 0
    assert statuses() == (1, {"gone"})


def test_a_healthy_store_verifies_and_removal_leaves_nothing(seeded: Rag) -> None:
    assert seeded("verify").code == 0
    receipt = seeded("rm", "article.txt", "--json").json[0]
    assert receipt["passages"] > 0 and receipt["remaining"] == 0
    assert seeded("list", "--json").json == []
    assert seeded("verify", "--json").json["findings"] == []


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
        (["ask"], "QUESTION"),
        (["show", "article.txt", "--span", "abc"], "START:END"),
        (["show", "article.txt", "--span", "0:999999"], "within"),
        (["verify", "no-such-file.json"], "cannot be read"),
        (["frobnicate"], "frobnicate"),
        (["ask", "what?", "--nonsense"], "--nonsense"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_usage_ends_with_2_and_says_what_to_do(seeded: Rag, arguments: list[str], says: str) -> None:
    result = seeded(*arguments)
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert len(result.err.strip().splitlines()) <= 2 and "Traceback" not in result.err


@pytest.mark.parametrize(
    "question",
    ["почему Зеленский отказался?", "なぜ署名しなかったのですか", "لماذا رفض التوقيع؟", "🙂🙂", "a\x00b?", "WHY???"],
)
def test_questions_in_any_script_get_an_answer_or_an_abstention(seeded: Rag, question: str) -> None:
    result = seeded("ask", question, "--json")
    if "\x00" in question:
        assert result.code == 2
    else:
        assert result.code == 0 and isinstance(result.json, dict) and len(result.json["passages"]) == 5


@pytest.mark.parametrize("arguments", [["ask", "what?"], ["list"], ["show", "x"], ["rm", "x"], ["verify"]])
def test_without_a_store_every_command_but_add_ends_with_3(rag: Rag, tmp_path: Path, arguments: list[str]) -> None:
    result = rag(*arguments)
    assert (result.code, result.out) == (3, "")
    assert "rag add" in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_path_makes_no_store(rag: Rag, tmp_path: Path) -> None:
    result = rag("add", "missing.txt")
    assert result.code == 1 and "missing.txt" in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["show", "nothing"], ["rm", "nothing"], ["rm", "article.txt", "nothing"]])
def test_an_unknown_document_is_named_and_nothing_is_removed(seeded: Rag, arguments: list[str]) -> None:
    result = seeded(*arguments)
    assert result.code == 1 and "nothing" in result.err and "rag list" in result.err
    assert len(seeded("list", "--json").json) == 1


def test_a_store_that_lost_its_database_is_not_replaced(seeded: Rag, tmp_path: Path) -> None:
    for path in (tmp_path / ".rag").glob("store.db*"):
        path.unlink()
    for arguments in (["ask", QUESTION], ["add", "article.txt"], ["verify"]):
        result = seeded(*arguments)
        assert result.code == 3 and "store.db" in result.err
    assert not (tmp_path / ".rag" / "store.db").exists()


def test_a_store_of_another_model_is_refused(seeded: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    from rag.models import find_model

    other = tmp_path / "other-model"
    shutil.copytree(find_model(None), other)
    settings = json.loads((other / "sentence_bert_config.json").read_text())
    (other / "sentence_bert_config.json").write_text(json.dumps(settings | {"max_seq_length": 128}))
    monkeypatch.setenv("RAG_MODEL", str(other))
    result = seeded("ask", QUESTION)
    assert result.code == 3 and "model" in result.err


def test_help_has_an_example_for_every_command(rag: Rag) -> None:
    for command in ("add", "ask", "list", "show", "rm", "serve", "eval", "verify"):
        result = rag(command, "--help")
        assert result.code == 0 and "Example: rag" in result.out and "--json" in result.out


def test_asking_does_not_import_torch(seeded: Rag) -> None:
    script = """
import atexit, sys
atexit.register(lambda: print("torch" in sys.modules, file=sys.stderr))
sys.argv = ["rag", "ask", "why?", "--json"]
from rag.cli.main import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["passages"] and done.stderr.strip() == "False"


def test_failed_files_are_listed_with_the_reason_until_they_are_taken_in(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 obj")
    assert rag("add", "bad.pdf").code == 1
    listed = rag("list", "--failed")
    assert listed.code == 0 and listed.out.startswith("bad.pdf: the PDF is damaged")
    listed_json = rag("list", "--failed", "--json").json
    assert isinstance(listed_json, list) and len(listed_json) == 1
    failed = listed_json[0]
    assert (failed["path"], failed["collection"]) == ("bad.pdf", "default") and "damaged" in failed["reason"]
    (tmp_path / "bad.pdf").write_text("The mill was built in 1850.")
    assert rag("add", "bad.pdf").code == 0
    assert rag("list", "--failed").out == "no file failed\n"


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


def test_a_file_is_not_watched(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert rag("watch", "a.txt").code == 2


def run_apart(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Runs ``rag`` as a process of its own, whose output goes where the test says."""
    command = [sys.executable, "-P", "-c", "from rag.cli.main import main; main()", *arguments]
    options = {"stdout": subprocess.PIPE, **options}
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=600, check=False, **options)


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


def test_a_list_that_is_piped_has_one_line_a_document_whatever_the_width(rag: Rag, tmp_path: Path) -> None:
    folder = tmp_path / ("a folder with a name of some length " * 4).strip()
    folder.mkdir()
    (folder / "note.txt").write_text("The ferry waits.")
    rag("add", str(folder))
    result = run_apart("list", env=os.environ | {"COLUMNS": "40"})
    header, document = result.stdout.splitlines()
    assert header.split() == ["id", "title", "source", "collection", "passages", "added"]
    assert f"{folder.name}/note.txt" in document


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
