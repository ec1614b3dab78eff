"""``rag snapshot``, ``restore``, ``repair`` and ``work`` as a person or a script meets them. No model is loaded."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.local.store import Store
from tests.conftest import Make
from tests.index.tampering import change_rows

pytestmark = pytest.mark.medium


Rag = Callable[..., Any]


@pytest.fixture
def rag(run_rag: Rag, empty_store: Store, make_document: Make, monkeypatch: pytest.MonkeyPatch) -> Rag:
    """Runs ``rag`` beside a store of four documents in ``store``."""
    for number in range(4):
        empty_store.add(*make_document(f"Text {number}. More of it.", key=str(number), source=f"s{number}"))
    empty_store.checkpoint()
    empty_store.close()
    monkeypatch.chdir(empty_store.path.parent)
    monkeypatch.setenv("RAG_STORE", "store")
    return run_rag


def test_a_snapshot_comes_back_as_a_store(rag: Rag) -> None:
    taken = rag("snapshot", "backup", "--json")
    assert (taken.code, taken.err) == (0, "")
    assert {key: taken.json[key] for key in ("snapshot", "store", "generation", "documents", "passages")} == {
        "snapshot": str(Path("backup").absolute()), "store": "store", "generation": 4, "documents": 4, "passages": 4,
    }  # fmt: skip
    assert rag("snapshot", "more/backup").out.startswith("copied 4 documents, 4 passages")
    assert rag("restore", "backup", "--store", "new").out == "restored 4 documents, 4 passages to new\n"
    assert rag("verify", "--store", "new").code == 0
    listed = [rag("list", "--json", "--store", place).json for place in ("store", "new", "more/backup")]
    assert listed[0] == listed[1] == listed[2]


def test_nothing_is_overwritten_unasked(rag: Rag) -> None:
    rag("snapshot", "backup")
    again = rag("snapshot", "backup")
    assert again.code == 1 and "choose a new place" in again.err and again.out == ""
    refused = rag("restore", "backup")
    assert refused.code == 1 and "--overwrite" in refused.err
    done = rag("restore", "backup", "--overwrite", "--json")
    assert done.code == 0 and done.json["documents"] == 4


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("Exception from core.cpp:117: std::bad_alloc"), ImportError("failed to map segment")],
)
def test_a_want_of_memory_is_told_in_a_line(rag: Rag, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(Store, "open", fail)
    told = rag("status")
    assert told.code == 1 and told.out == ""
    assert told.err == "rag: there is not enough memory: free some, or raise the limit that was set (ulimit -v)\n"


def test_what_cannot_be_restored_is_told_with_exit_code_3(rag: Rag) -> None:
    missing = rag("restore", "nowhere", "--store", "new")
    assert missing.code == 3 and "rag snapshot" in missing.err
    rag("snapshot", "backup")
    Path("backup/store.db").write_bytes(b"half")
    damaged = rag("restore", "backup", "--store", "new")
    assert damaged.code == 3 and "backup/store.db" in damaged.err
    assert not Path("new").exists()


def test_without_a_store_nothing_is_copied_or_mended(rag: Rag) -> None:
    for command in (("snapshot", "backup"), ("repair",)):
        result = rag(*command, "--store", "none")
        assert result.code == 3 and "no store at none" in result.err
    assert not Path("backup").exists()


def test_repair_mends_what_verify_says_it_does(rag: Rag) -> None:
    assert rag("repair").out == "nothing was to be mended\n"
    change_rows(Path("store"), "UPDATE collections SET n_terms = 1")
    verified = rag("verify", "--json")
    assert verified.code == 1
    assert [(finding["kind"], finding["mendable"]) for finding in verified.json["findings"]] == [("counters", True)]
    mended = rag("repair", "--json")
    assert mended.code == 0 and mended.json["left"] == [] and mended.json["mended"][0]["kind"] == "counters"
    assert rag("verify").code == 0
    shutil.rmtree("store/views")
    assert "made again" in rag("repair").err
    assert rag("verify").err == ""


def test_what_was_mended_when_the_store_was_opened_is_listed_and_holds(rag: Rag) -> None:
    shutil.rmtree("store/views")
    verified = rag("verify")
    assert verified.code == 0 and "has been rebuilt; nothing is left to do" in verified.out
    assert verified.out.endswith("4 documents, 4 passages: all is well\n")
    shutil.rmtree("store/views")
    verified = rag("verify", "--json")
    assert verified.code == 0 and {finding["kind"] for finding in verified.json["findings"]} == {"view-rebuilt"}


def test_what_repair_cannot_mend_is_listed_with_what_to_do(rag: Rag) -> None:
    change_rows(Path("store"), "UPDATE texts SET text = 'Else.' WHERE document = 1")
    result = rag("repair")
    assert result.code == 1 and "left text in document" in result.out and "rag rm" in result.out
    assert rag("repair", "--json").json["mended"] == []


def test_a_store_in_a_directory_has_no_queue(run_rag: Rag, tmp_path: Path) -> None:
    ran = run_rag("work", "--store", tmp_path / "store")
    assert ran.code == 2 and "--store postgresql://..." in ran.err
    assert not (tmp_path / "store").exists()


def test_a_database_that_is_not_there_is_one_line(run_rag: Rag) -> None:
    ran = run_rag("work", "--store", "postgresql://localhost:1/none")
    assert ran.code == 1 and "cannot be reached" in ran.err
