"""Stores in memory: their processes are killed, and what a disk does is played by ``faults`` and ``disk``."""

from tests.conftest import tmp_path_in_memory as tmp_path

__all__ = ["tmp_path"]
