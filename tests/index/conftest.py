"""A Milvus, for the stores that have it as a view."""

import importlib.util
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import tmp_path_in_memory as tmp_path
from tests.ports import free_port

__all__ = ["tmp_path"]


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Milvus"]:
    """A Milvus that runs, and that is given more time than a busy machine takes."""
    with Milvus(tmp_path_factory.mktemp("milvus")) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("index.postgres.milvus._TIMEOUT_S", 120.0)
        yield server


def is_filled(view: Any) -> bool:
    """Whether a view is brought up to date now. Milvus Lite hangs up on clients that were silent; the next call reaches it."""
    from index.postgres.milvus import _FAILURES

    try:
        return bool(view.follow())
    except _FAILURES:
        return False


class Milvus:
    """The server of the wheel ``milvus-lite``, on one port of this machine."""

    def __init__(self, folder: Path) -> None:
        wheel = importlib.util.find_spec("milvus_lite")
        if wheel is None or wheel.origin is None or importlib.util.find_spec("pymilvus") is None:
            pytest.skip("no Milvus: pip install -e '.[test-postgres]'")
        self._programs = Path(wheel.origin).parent / "lib"
        self._folder = folder
        self._place = f"127.0.0.1:{free_port()}"
        self.address = f"http://{self._place}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._programs / "milvus", self._folder / "milvus.db", self._place, "ERROR"],
            env={**os.environ, "LD_LIBRARY_PATH": str(self._programs)},
            cwd=self._folder,
        )
        host, _, port = self._place.partition(":")
        while True:
            try:
                socket.create_connection((host, int(port))).close()
                return
            except ConnectionRefusedError:
                assert self._process.poll() is None
                time.sleep(0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def wipe(self) -> None:
        """Kill it, and begin again with nothing."""
        self.kill()
        for path in self._folder.iterdir():
            path.unlink()
        self.start()

    def __enter__(self) -> "Milvus":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
