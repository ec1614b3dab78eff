"""What this project asks of its own processes."""

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def forbid_inspection() -> None:
    """Let no other process of the same user read this one's memory, environment or open files, as debuggers do (Linux).

    There is no core dump of it either. The system's administrator still may.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
