"""What is done to a store behind its back: the end of the process at a chosen call, and rows that are changed."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from index.local.checkpoint.manifest import MANIFEST, VIEWS
from index.local.system import files

NAMES = ("rename", "unlink", "rmdir")
Damage = Callable[[Path], None]  # of the store at a place


class Stop(BaseException):
    """Stands for the end of the process: nothing that catches errors catches it, and what cleans up stops too."""


class Stopping(files.System):
    """The system, for so many of some calls; each later one ends everything, or fails where ``error`` says how."""

    def __init__(self, left: int, error: type[BaseException] = Stop, calls: Sequence[str] = NAMES) -> None:
        self.left = left
        for name in calls:
            setattr(self, name, self._counted(getattr(self, name), error))

    def _counted(self, call: Callable[..., Any], error: type[BaseException]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            if not self.left:
                raise error("no more")
            self.left -= 1
            return call(*arguments)

        return counted


def change_rows(store: Path, statements: str) -> int:
    """Change the database of a store; how many rows that changed. ``cksmvfs`` is known once a store was opened."""
    with closing(apsw.Connection(str(store / "store.db"), vfs="cksmvfs")) as connection:
        connection.execute(statements)
        return connection.total_changes()


def delete_views(store: Path) -> None:
    shutil.rmtree(store / VIEWS)


def delete_manifest(store: Path) -> None:
    (store / MANIFEST).unlink()


def flip_in(pattern: str) -> Damage:
    """Flips a bit in the first file of the checkpoint that fits."""

    def damage(store: Path) -> None:
        file = sorted(store.glob(f"{VIEWS}/*/{pattern}"))[0]
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 4
        file.write_bytes(content)

    return damage
