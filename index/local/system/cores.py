"""Cores of this machine."""

import os


def usable_cores() -> int:
    """How many this process may run on: fewer than the machine has where it is bound to some of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
