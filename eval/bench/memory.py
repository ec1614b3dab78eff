"""How much memory a process has held."""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_mb() -> int:
    """The most that this process had resident at a time, in megabytes.

    Not from ``getrusage`` where the system says it otherwise: on Linux a process that was started by another, as a benchmark starts
    those it measures, inherits there what that one had held.
    """
    try:
        [line] = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
        return round(int(line.split()[1]) * 1024 / 1e6)
    except (OSError, ValueError):
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS, else in KiB
        return round(held / 1e6 if sys.platform == "darwin" else held * 1024 / 1e6)
