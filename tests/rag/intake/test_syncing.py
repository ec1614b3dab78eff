"""Folders that live: what is added, changed, renamed, removed, what failed and is tried again. Runs the real default model."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from index.local.reader import Reader
from index.types import FailedFile
from rag.intake.reading import places_of
from rag.service import Service
from rag.shared.types import Failure, IngestReport, ParseOptions
from tests.rag.parsing.containers import tarred, zipped

pytestmark = pytest.mark.medium

BRIDGE = "The bridge was closed in May 2024 because of rust."
SHIP = "The ship Aurora left Oslo on 3 March."
MILL = "The mill was built by Anna Berg in 1850."
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(30)


def sources(service: Service) -> list[str]:
    return sorted(document.source or "" for document in service.documents(limit=1000))


def counts(report: IngestReport) -> tuple[int, int, int, int, int]:
    """Added, updated, unchanged, deleted, failed."""
    return report.added, report.updated, report.skipped, report.deleted, len(report.failed)


def test_a_folder_is_kept_in_step(service: Service, folder: Path) -> None:
    (folder / "a.txt").write_text(BRIDGE)
    (folder / "b.txt").write_text(SHIP)
    assert counts(service.intake.add_paths([folder], sync=True)) == (2, 0, 0, 0, 0)
    (folder / "b.txt").write_text(MILL)
    (folder / "c.txt").write_text(SHIP)
    assert counts(service.intake.add_paths([folder], sync=True)) == (1, 1, 1, 0, 0)
    (folder / "a.txt").rename(folder / "renamed.txt")
    (folder / "c.txt").unlink()
    assert counts(service.intake.add_paths([folder], sync=True)) == (1, 0, 1, 2, 0)
    assert sources(service) == ["docs/b.txt", "docs/renamed.txt"]
    assert not service.store.verify()


def test_a_file_that_becomes_a_folder_is_gone(service: Service, folder: Path) -> None:
    (folder / "ship").write_text(SHIP)
    service.intake.add_paths([folder])
    (folder / "ship").unlink()
    (folder / "ship").mkdir()
    (folder / "ship" / "mill.txt").write_text(MILL)
    assert counts(service.intake.add_paths([folder], sync=True)) == (1, 0, 0, 1, 0)
    assert sources(service) == ["docs/ship/mill.txt"]


def test_without_sync_nothing_is_removed(service: Service) -> None:
    Path("a.txt").write_text(BRIDGE)
    service.intake.add_paths([Path("a.txt")])
    Path("a.txt").rename("b.txt")
    assert counts(service.intake.add_paths([Path("b.txt")])) == (1, 0, 0, 0, 0)
    assert sources(service) == ["a.txt", "b.txt"]


def test_what_an_ignore_rule_names_by_now_is_removed_but_not_what_is_named(service: Service, folder: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (folder / name).write_text(f"{name}: {BRIDGE}")
    service.intake.add_paths([folder])
    (folder / ".gitignore").write_text("a.txt\nb.txt\n")
    report = service.intake.add_paths([folder, folder / "b.txt"], sync=True)
    assert counts(report) == (0, 0, 2, 1, 0)
    assert sources(service) == ["docs/b.txt", "docs/c.txt"]


def test_only_documents_below_what_is_named_are_removed(service: Service) -> None:
    for folder in ("one", "one-more"):
        Path(folder).mkdir()
        Path(folder, "a.txt").write_text(f"{folder}: {BRIDGE}")
    service.intake.add_paths([Path("one"), Path("one-more")])
    Path("one/a.txt").unlink()
    Path("one-more/a.txt").unlink()
    assert counts(service.intake.add_paths([Path("one")], sync=True))[3] == 1
    assert sources(service) == ["one-more/a.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root can look everywhere")
def test_a_file_is_below_its_folders_and_archives_alone() -> None:
    assert set(places_of("/notes/a.zip!/b/c.txt")) == {
        *("/notes/a.zip!/b/c.txt", "/notes/a.zip!/b", "/notes/a.zip!", "/notes/a.zip", "/notes", ""),
    }
    assert "/notes/a" not in places_of("/notes/a!") and "/notes/a" not in places_of("/notes/ab/c")


def test_a_file_that_cannot_be_looked_at_is_not_taken_for_gone(service: Service) -> None:
    Path("docs/in").mkdir(parents=True)
    Path("docs/in/a.txt").write_text(BRIDGE)
    service.intake.add_paths([Path("docs")])
    Path("docs/in").chmod(0)
    try:
        assert counts(service.intake.add_paths([Path("docs")], sync=True))[3] == 0
    finally:
        Path("docs/in").chmod(0o700)


def test_files_of_an_archive_are_documents_of_their_own(service: Service) -> None:
    inner = tarred({"deep/mill.txt": MILL.encode()}, mode="w:gz")
    Path("a.zip").write_bytes(zipped({"notes/ship.txt": SHIP, "inner.tgz": inner, "pic.png": IMAGE, ".DS_Store": "x"}))
    Path("log.txt.gz").write_bytes(gzip.compress(BRIDGE.encode()))
    report = service.intake.add_paths([Path("a.zip"), Path("log.txt.gz")])
    assert sources(service) == ["a.zip!/inner.tgz!/deep/mill.txt", "a.zip!/notes/ship.txt", "log.txt.gz"]
    assert [failure.path for failure in report.failed] == ["a.zip!/pic.png"]
    [mill] = service.find("a.zip!/inner.tgz!/deep/mill.txt")
    assert (service.text(mill.id), mill.title) == (MILL, "mill")
    assert counts(service.intake.add_paths([Path("a.zip"), Path("log.txt.gz")])) == (0, 0, 3, 0, 1)


@pytest.mark.slow
def test_a_changed_archive_replaces_adds_and_removes(service: Service) -> None:
    Path("a.zip").write_bytes(zipped({"keep.txt": SHIP, "change.txt": MILL, "go.txt": BRIDGE}))
    service.intake.add_paths([Path("a.zip")])
    Path("a.zip").write_bytes(zipped({"keep.txt": SHIP, "change.txt": MILL + " It burnt down.", "come.txt": BRIDGE}))
    assert counts(service.intake.add_paths([Path("a.zip")])) == (1, 1, 1, 1, 0)
    assert sources(service) == ["a.zip!/change.txt", "a.zip!/come.txt", "a.zip!/keep.txt"]


def test_a_damaged_archive_removes_nothing(service: Service) -> None:
    Path("a.tar").write_bytes(tarred({"one.txt": SHIP.encode(), "two.txt": MILL.encode()}))
    service.intake.add_paths([Path("a.tar")])
    Path("a.tar").write_bytes(tarred({"one.txt": SHIP.encode(), "two.txt": MILL.encode()})[:1100])
    report = service.intake.add_paths([Path("a.tar")])
    assert report.deleted == 0 and "cut off" in report.failed[0].reason
    assert sources(service) == ["a.tar!/one.txt", "a.tar!/two.txt"]


def test_sync_keeps_the_files_of_an_archive_that_is_there_and_removes_those_of_one_that_is_gone(
    service: Service,
    folder: Path,
) -> None:
    (folder / "a.zip").write_bytes(zipped({"one.txt": SHIP}))
    (folder / "b.zip").write_bytes(zipped({"two.txt": MILL}))
    service.intake.add_paths([folder])
    (folder / "b.zip").unlink()
    assert counts(service.intake.add_paths([folder], sync=True)) == (0, 0, 1, 1, 0)
    assert sources(service) == ["docs/a.zip!/one.txt"]


def test_an_archive_that_becomes_a_file_and_a_file_that_becomes_an_archive(service: Service) -> None:
    Path("a").write_text(BRIDGE)
    Path("b").write_bytes(zipped({"one.txt": SHIP}))
    service.intake.add_paths([Path("a"), Path("b")])
    Path("a").write_bytes(zipped({"two.txt": MILL}))
    Path("b").write_text(BRIDGE)
    service.intake.add_paths([Path("a"), Path("b")])
    assert sources(service) == ["a!/two.txt", "b"]


def test_failures_are_remembered_until_the_file_is_taken_in(service: Service, folder: Path) -> None:
    (folder / "a.pdf").write_bytes(b"%PDF-1.4 obj")
    (folder / "b.txt").write_text(SHIP)
    service.intake.add_paths([folder])
    [failed] = service.failures()
    assert (failed.source, failed.key) == ("docs/a.pdf", os.path.abspath("docs/a.pdf"))
    assert "damaged" in failed.reason and failed.at
    (folder / "a.pdf").write_text(BRIDGE)
    assert counts(service.intake.add_paths([folder])) == (1, 0, 1, 0, 0)
    assert service.failures() == []


def test_a_failure_is_forgotten_when_its_file_is_gone(service: Service, folder: Path) -> None:
    (folder / "a.pdf").write_bytes(b"%PDF-1.4 obj")
    (folder / "b.zip").write_bytes(zipped({"c.png": IMAGE, "d.png": IMAGE, "e.txt": SHIP}))
    service.intake.add_paths([folder])
    assert len(service.failures()) == 3
    (folder / "a.pdf").unlink()
    (folder / "b.zip").write_bytes(zipped({"d.png": IMAGE, "e.txt": SHIP}))
    service.intake.add_paths([folder], sync=True)
    assert [failed.source for failed in service.failures()] == ["docs/b.zip!/d.png"]


def test_a_damaged_archive_is_no_failure_once_it_can_be_read(service: Service) -> None:
    whole = zipped({"one.txt": SHIP})
    Path("a.zip").write_bytes(whole[: len(whole) // 2])
    service.intake.add_paths([Path("a.zip")])
    assert [failed.source for failed in service.failures()] == ["a.zip"]
    Path("a.zip").write_bytes(whole)
    assert counts(service.intake.add_paths([Path("a.zip")])) == (1, 0, 0, 0, 0)
    assert service.failures() == []


def test_what_failed_elsewhere_is_not_read_for_each_file(
    service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.store.note_failures(
        [FailedFile("default", os.path.abspath(f"docs/{n}.png"), f"docs/{n}.png", None, "bad") for n in range(100)]
    )
    read: list[FailedFile] = []
    plain_failures = Reader.failures

    def counted(*arguments: Any, **named: Any) -> list[FailedFile]:
        found = plain_failures(*arguments, **named)
        read.extend(found)
        return found

    monkeypatch.setattr(Reader, "failures", counted)
    for n in range(3):
        (folder / f"{n}.txt").write_text(SHIP)
    for n_added, n_unchanged in ((3, 0), (0, 3)):
        assert counts(service.intake.add_paths([folder])) == (n_added, 0, n_unchanged, 0, 0)
    assert read == []
    with service.store.read() as reader:
        assert isinstance(reader, Reader)
        assert len(plain_failures(reader, "default", prefix=os.path.abspath("docs/9"))) == 11
        for asked in ({"key": "a"}, {"prefix": "a"}):
            plan = read_plan(reader, asked)
            assert "USING PRIMARY KEY" in plan and "SCAN" not in plan


def read_plan(reader: Reader, asked: dict[str, str]) -> str:
    """How SQLite goes about finding these failures."""
    connection = reader._connection
    lines: list[str] = []

    def explain(cursor: Any, statement: str, bindings: Any) -> bool:
        connection.exec_trace = None
        lines.extend(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", bindings))
        return True

    connection.exec_trace = explain
    reader.failures("default", **asked)
    return "\n".join(lines)


@pytest.mark.slow
def test_an_unchanged_failure_is_reported_again_without_parsing_and_tried_when_it_is_named(
    service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.pdf").write_bytes(b"%PDF-1.4 obj")
    first = service.intake.add_paths([folder])
    read: list[str] = []
    plain_read = service.intake._sandbox.read

    def counted(name: str, *rest: object) -> object:
        read.append(name)
        return plain_read(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(service.intake._sandbox, "read", counted)
    assert service.intake.add_paths([folder]).failed == first.failed
    assert read == []
    service.intake.add_paths([folder / "a.pdf"])
    assert read == ["a.pdf"]


def test_a_file_that_changes_into_something_bad_and_back_is_no_failure(service: Service) -> None:
    Path("a.txt").write_text(BRIDGE)
    service.intake.add_paths([Path("a.txt")])
    Path("a.txt").write_bytes(IMAGE)
    assert counts(service.intake.add_paths([Path("a.txt")]))[4] == 1
    assert sources(service) == ["a.txt"], "what was there stays until there is something to replace it"
    Path("a.txt").write_text(BRIDGE)
    assert counts(service.intake.add_paths([Path("a.txt")])) == (0, 0, 1, 0, 0)
    assert service.failures() == []


def test_chosen_fields_are_read_again_when_the_choice_changes(service: Service) -> None:
    Path("a.jsonl").write_text('{"title": "Ship", "body": "It left Oslo.", "id": 7}\n')
    service.intake.add_paths([Path("a.jsonl")], options=ParseOptions(fields=("body",)))
    [document] = service.documents()
    assert service.text(document.id) == "body: It left Oslo."
    assert counts(service.intake.add_paths([Path("a.jsonl")], options=ParseOptions(fields=("body",)))) == (
        0,
        0,
        1,
        0,
        0,
    )
    assert counts(service.intake.add_paths([Path("a.jsonl")])) == (0, 1, 0, 0, 0)
    assert "id: 7" in service.text(document.id)


def test_an_upload_of_an_archive_gives_its_files(service: Service) -> None:
    changes, failed = service.intake.add_upload("a.zip", zipped({"one.txt": SHIP, "two.png": IMAGE}))
    assert [(change.document.source, change.outcome) for change in changes] == [("a.zip!/one.txt", "added")]
    assert [failure.path for failure in failed] == ["a.zip!/two.png"]
    changes, failed = service.intake.add_upload("a.zip", zipped({"one.txt": SHIP, "two.png": IMAGE}))
    assert [(change.document.source, change.outcome) for change in changes] == [("a.zip!/one.txt", "skipped")]
    assert [failure.path for failure in failed] == ["a.zip!/two.png"]
    changes, _ = service.intake.add_upload("a.zip", zipped({"three.txt": MILL}))
    assert sources(service) == ["a.zip!/three.txt"]
    changes, failed = service.intake.add_upload("b.txt", BRIDGE.encode())
    assert [change.outcome for change in changes] == ["added"] and failed == []
    changes, failed = service.intake.add_upload("b.txt", BRIDGE.encode())
    assert [change.outcome for change in changes] == ["skipped"]
    assert service.intake.add_upload("c.png", IMAGE)[1][0].path == "c.png"
    assert isinstance(service.intake.add_upload("c.png", IMAGE)[1][0], Failure)


@pytest.mark.parametrize("n_bad", [3, 250])
def test_what_failed_of_an_upload_is_told_at_once_and_not_kept(service: Service, n_bad: int) -> None:
    _, failed = service.intake.add_upload("a.zip", zipped({f"{n}.png": IMAGE for n in range(n_bad)}))
    assert len(failed) == n_bad
    assert service.failures() == []


def test_a_kept_failure_is_forgotten_when_an_upload_of_its_name_does_not_hold_it(service: Service) -> None:
    service.store.note_failures([FailedFile("default", "a.zip!/two.png", "a.zip!/two.png", None, "bad")])
    service.intake.add_upload("a.zip", zipped({"one.txt": SHIP}))
    assert service.failures() == []
