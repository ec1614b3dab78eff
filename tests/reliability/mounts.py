"""File systems made for a test, by whoever may mount them: elsewhere these tests are skipped."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{command[0]} is not allowed here: {done.stderr.strip()}")


@contextmanager
def small_disk(place: Path, n_bytes: int, n_files: int = 10_000) -> Iterator[Path]:
    """An empty file system of so many bytes and files, within the block."""
    place.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={n_bytes},nr_inodes={n_files}", "tmpfs", place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Within the block nothing can be written below a directory, by root neither; what opens files there sees it as it is."""
    _run("mount", "--bind", directory, directory)
    try:
        _run("mount", "-o", "remount,ro,bind", directory)
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the space that is left; removing it gives it back."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    return ballast


def fill_with_files(disk: Path) -> Path:
    """A folder with all the files for which there is room; removing it gives that back."""
    ballast = disk / "files"
    ballast.mkdir()
    try:
        for number in count():
            (ballast / str(number)).touch()
    except OSError:
        pass
    return ballast
