"""Folders that are followed while they change. Runs the real default model; waits for what is to happen, not for a time."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.local.system.lock import WriterLock
from index.local.system.names import LOCK
from rag.intake.watch import watch
from rag.service import Service
from rag.shared.errors import BadInput, RagError
from rag.shared.types import IngestReport
from tests.signalled import signalled
from tests.waiting import LONGEST_S, wait_until

pytestmark = pytest.mark.medium

SHIP = "The ship Aurora left Oslo on 3 March."


def sources(service: Service) -> list[str]:
    return sorted(document.source or "" for document in service.documents(limit=1000))


class Watching:
    """``watch`` in a thread, and what it reported."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.reports: list[IngestReport] = []
        self.error: Exception | None = None
        self._stop = threading.Event()

        def run() -> None:
            try:
                watch(service.intake, [folder], on_report=self.reports.append, on_delay=print, stop=self._stop)
            except RagError as error:
                self.error = error

        self.thread = threading.Thread(target=run)
        self.thread.start()
        wait_until(lambda: bool(self.reports))

    def close(self) -> None:
        self._stop.set()
        self.thread.join(LONGEST_S)
        assert not self.thread.is_alive()


@pytest.fixture
def watching(service: Service, folder: Path) -> Iterator[Watching]:
    (folder / "a.txt").write_text(SHIP)
    made = Watching(service, folder)
    yield made
    made.close()


def test_what_is_there_is_taken_in_first(service: Service, watching: Watching) -> None:
    assert sources(service) == ["docs/a.txt"]


@pytest.mark.slow
def test_files_that_come_change_move_and_go_do_so_in_the_store(
    service: Service, folder: Path, watching: Watching
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "b.txt").write_text("The mill burnt.")
    wait_until(lambda: sources(service) == ["docs/a.txt", "docs/sub/b.txt"])
    (folder / "a.txt").write_text("The ship sank.")
    wait_until(lambda: service.text(service.find("docs/a.txt")[0].id) == "The ship sank.")
    (folder / "a.txt").rename(folder / "c.txt")
    wait_until(lambda: sources(service) == ["docs/c.txt", "docs/sub/b.txt"])
    (folder / "sub").rename(folder / "moved")
    wait_until(lambda: sources(service) == ["docs/c.txt", "docs/moved/b.txt"])
    (folder / "moved" / "b.txt").unlink()
    (folder / "moved").rmdir()
    wait_until(lambda: sources(service) == ["docs/c.txt"])


@pytest.mark.slow
def test_rules_hold_and_a_changed_rule_counts(service: Service, folder: Path, watching: Watching) -> None:
    (folder / ".hidden").write_text("no")
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "b.log").write_text("no")
    (folder / "c.txt").write_text("yes")
    wait_until(lambda: sources(service) == ["docs/a.txt", "docs/c.txt"])
    (folder / ".gitignore").write_text("c.txt\n")
    wait_until(lambda: sources(service) == ["docs/a.txt", "docs/b.log"])


@pytest.mark.slow
def test_a_file_that_fails_is_reported_and_tried_again_when_it_changes(
    service: Service, folder: Path, watching: Watching
) -> None:
    (folder / "b.pdf").write_bytes(b"%PDF-1.4 obj")
    wait_until(lambda: [failed.source for failed in service.failures()] == ["docs/b.pdf"])
    wait_until(lambda: any(report.failed for report in watching.reports))
    (folder / "b.pdf").write_text("It is a text by now.")
    wait_until(lambda: not service.failures())
    assert sources(service) == ["docs/a.txt", "docs/b.pdf"]


@pytest.mark.slow
def test_a_file_that_fails_is_reported_also_below_a_folder_whose_name_ends_like_an_archives_place(
    folder: Path, watching: Watching
) -> None:
    (folder / "new!").mkdir()
    (folder / "new!" / "b.pdf").write_bytes(b"%PDF-1.4 obj")
    wait_until(lambda: any(failed.path == "docs/new!/b.pdf" for one in watching.reports for failed in one.failed))


@pytest.mark.slow
def test_many_changes_at_once_are_few_rounds(service: Service, folder: Path, watching: Watching) -> None:
    with WriterLock(Path(service.place) / LOCK).held(LONGEST_S):  # no round ends before all are written
        for number in range(100):
            (folder / f"{number}.txt").write_text(f"Note {number}.")
    wait_until(lambda: len(sources(service)) == 101)
    assert len(watching.reports) < 10


@pytest.mark.slow
def test_a_folder_that_is_taken_away_ends_it_and_removes_nothing(
    service: Service, folder: Path, watching: Watching
) -> None:
    folder.rename("elsewhere")
    wait_until(lambda: not watching.thread.is_alive())
    assert "no longer there" in str(watching.error)
    assert sources(service) == ["docs/a.txt"]


def test_a_file_is_not_watched(service: Service, folder: Path) -> None:
    (folder / "a.txt").write_text(SHIP)
    with pytest.raises(BadInput, match="the folder that the file is in"):
        watch(service.intake, [folder / "a.txt"], on_report=print, on_delay=print, stop=threading.Event())


@pytest.mark.slow
def test_it_survives_a_kill_and_makes_up_for_what_it_missed(service: Service, folder: Path) -> None:
    for number in range(40):
        (folder / f"{number}.txt").write_text(f"Note {number} says that the ship left.")
    service.close()
    killed = signalled("watch", "docs", "--store", service.place, numbers=[signal.SIGKILL], after=10)
    assert killed.returncode == -signal.SIGKILL
    (folder / "0.txt").unlink()
    (folder / "1.txt").rename(folder / "renamed.txt")
    expected = sorted(f"docs/{file.name}" for file in folder.iterdir())
    command = [sys.executable, "-c", "from rag.cli.main import main; main()", "watch", "docs", "--json"]
    with Service.open(service.place) as other:
        assert 0 < len(sources(other)) < 40
        again = subprocess.Popen([*command, "--store", service.place], stdout=-1, stderr=-1, text=True)
        try:
            wait_until(lambda: sources(other) == expected)
        finally:
            again.send_signal(signal.SIGTERM)
            out, err = again.communicate(timeout=LONGEST_S)
        assert again.returncode == 0, err
        assert out.count("\n") >= 1
        assert not other.store.verify()


@pytest.mark.slow
def test_a_name_that_is_not_utf8_does_not_end_the_watch(watching: Watching, service: Service, folder: Path) -> None:
    (folder / os.fsdecode(b"bad\xff.txt")).write_text("Nobody can name this.")
    wait_until(lambda: any(report.failed for report in watching.reports))
    (folder / "later.txt").write_text("The ship Borealis left Bergen on 4 March.")
    wait_until(lambda: "docs/later.txt" in sources(service))


@pytest.mark.slow
def test_a_second_signal_ends_it_in_the_middle_of_a_round(service: Service, folder: Path) -> None:
    for number in range(1000):
        (folder / f"{number}.txt").write_text(f"Note {number} says that the ship left.")
    service.close()
    ended = signalled("watch", "docs", "--store", service.place, numbers=[signal.SIGINT, signal.SIGTERM])
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
    with Service.open(service.place) as other:
        assert 0 < other.counts()[0] < 1000 and not other.store.verify()
