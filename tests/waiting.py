"""Waiting for what another thread or process does. The time allowed ends what hangs, on a machine however busy."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LONGEST_S = 300.0


def wait_until(condition: Callable[[], T], explain: Callable[[], object] = lambda: "it never came to be") -> T:
    """What a condition gives once it holds.  explain: what to say where it does not."""
    ends_at = time.monotonic() + LONGEST_S
    while not (met := condition()):
        assert time.monotonic() < ends_at, explain()
        time.sleep(0.01)
    return met


def is_running(process: int) -> bool:
    """Whether a process of this number runs or may run again: not one that has ended and that nobody has waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
