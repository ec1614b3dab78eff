"""The signals that end the service, while it starts as well as when it serves."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def signals() -> tuple[signal.Signals, ...]:
    """Those that end it: SIGINT, SIGTERM, and SIGHUP, which comes when the terminal is closed, unless ``nohup`` has it ignored."""
    heeds_hangup = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if heeds_hangup else []))


@contextmanager
def interruptible() -> Iterator[None]:
    """Each of these signals raises KeyboardInterrupt in the block, once, so that what is open by then is closed in order.

    Told twice, as supervisors and impatient people do, it goes on closing; only SIGINT interrupts that, too.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        ignore_further()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_further() -> None:
    """The end has begun: SIGTERM and SIGHUP change nothing any more, and SIGINT does what it does in every program."""
    for number in signals()[1:]:
        signal.signal(number, _nothing)  # SIG_IGN is a warning of Python for one that has come just before
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
