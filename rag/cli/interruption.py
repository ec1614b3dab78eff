"""Signals that end a command."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # exit code


def set_when_ended() -> threading.Event:
    """Set by the first SIGINT or SIGTERM from now on; the second ends the process at once, which is no worse than a kill."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        if ended.is_set():
            os._exit(INTERRUPTED)
        ended.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    return ended


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt; the second of them ends the process at once.

    By the first a command ends in order, removing what it has made half: that may take until a batch is through. The second is no
    worse than a kill, after which nothing is lost. Signals that are ignored stay so (nohup), as does all outside the main thread.
    """
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            os._exit(INTERRUPTED)
        interrupted = True
        raise KeyboardInterrupt

    names = ("SIGINT", "SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]  # Windows has no SIGHUP
    before = {number: signal.getsignal(number) for number in numbers}
    taken = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        if not interrupted:  # else until the process has ended
            for number, handler in taken.items():
                signal.signal(number, handler)
