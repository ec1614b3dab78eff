"""How the process's allocator keeps memory, and when it looks for garbage."""

import ctypes
import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from rag.shared.config import usable_cores

# New objects until the young ones are looked through, and how often until the middle ones are: 200,000 objects, some 20 ms.
_YOUNG, _MIDDLE, _NEVER = 10_000, 20, 1_000_000_000
_COLLECT_EVERY_S = 60
_COLLECT_AFTER_S = 600  # also while there is work
_M_ARENA_MAX = -8  # mallopt(3); glibc's malloc.h


def keep_few_arenas() -> None:
    """Give glibc one arena for each core at most, instead of eight; where the C library is another, nothing happens.

    A server's threads outlive what they allocated: each arena keeps the holes of its own thread's largest piece of work. It has
    to be called before the first thread that allocates.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, usable_cores())


@contextmanager
def collecting_when_idle(is_busy: Callable[[], bool]) -> Iterator[None]:
    """Look through all objects for garbage only between pieces of work, not in them.

    A large document in the making is millions of objects. Left to itself the collector goes through all of them again and again,
    a second each time, and no other thread runs meanwhile. What they leave goes without it: they hold no cycles.
    is_busy: whether there is such work now.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()  # modules and models stay for good
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    ended = Event()

    def collect() -> None:
        last = time.monotonic()
        while not ended.wait(_COLLECT_EVERY_S):
            if not is_busy() or time.monotonic() - last > _COLLECT_AFTER_S:
                gc.collect()
                last = time.monotonic()

    thread = Thread(target=collect, name="garbage", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        gc.set_threshold(*before)
        gc.unfreeze()
