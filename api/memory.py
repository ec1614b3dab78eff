"""How the process's allocator keeps memory."""

import ctypes
import os

_M_ARENA_MAX = -8  # mallopt(3); glibc's malloc.h


def keep_few_arenas() -> None:
    """Give glibc one arena for each core at most, instead of eight; where the C library is another, nothing happens.

    A server's threads outlive what they allocated: each arena keeps the holes of its own thread's largest piece of work. It has
    to be called before the first thread that allocates.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, os.cpu_count() or 1)
