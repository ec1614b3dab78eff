"""What is at a path is read as it is opened: no more than allowed, and nothing that blocks."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.intake.prepare import Cut
from rag.intake.reading import FileReader
from rag.parsing.sandbox.pool import Sandbox
from rag.shared.types import Failure


class Forgetful:
    """A store that keeps no failures."""

    def note_failures(self, failed: object) -> None: ...


@pytest.fixture
def content_of() -> Callable[..., bytes | Failure]:
    def content_of(path: Path, max_bytes: int = 1000) -> bytes | Failure:
        store: object = Forgetful()
        reader = FileReader(store, Sandbox(), "default", {}, Cut(600, 1), max_bytes)  # type: ignore[arg-type]
        return reader._content(path)

    return content_of


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_a_file_is_read_whole(content_of: Callable[..., bytes | Failure], tmp_path: Path, size: int) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * size)
    assert content_of(tmp_path / "a.txt") == b"x" * size


def test_one_byte_too_many_is_refused(content_of: Callable[..., bytes | Failure], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 1001)
    refused = content_of(tmp_path / "a.txt")
    assert isinstance(refused, Failure) and "larger than" in refused.reason


@pytest.mark.skipif(sys.platform != "linux", reason="such files are of Linux")
def test_a_file_that_holds_more_than_it_says_is_refused(content_of: Callable[..., bytes | Failure]) -> None:
    assert Path("/proc/self/maps").stat().st_size == 0
    refused = content_of(Path("/proc/self/maps"))
    assert isinstance(refused, Failure) and "larger than" in refused.reason


def test_a_pipe_that_takes_a_files_place_holds_nobody_up(
    content_of: Callable[..., bytes | Failure], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, plain_is_file = tmp_path / "a.txt", Path.is_file
    path.write_bytes(b"text")

    def is_file_no_longer(self: Path) -> bool:
        was_file = plain_is_file(self)
        path.unlink()
        os.mkfifo(path)
        return was_file

    monkeypatch.setattr(Path, "is_file", is_file_no_longer)
    release = threading.Timer(5, lambda: os.close(os.open(path, os.O_RDWR)))  # whoever waits for the other end
    release.start()
    refused = content_of(path)
    release.cancel()
    assert refused == Failure(str(path), "not a regular file")
