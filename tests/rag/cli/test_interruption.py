"""Signals that end a command, in a process of its own."""

import signal
import subprocess
import sys
import time

import pytest

# Signals that are ignored here (nohup, a job in the background) would be in the process too.
PROGRAM = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
{before}
from rag.cli.interruption import interruptible
try:
    with interruptible():
        print("ready", flush=True)
        time.sleep(600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    time.sleep(600)
"""


def started(before: str = "") -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-c", PROGRAM.format(before=before)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_interrupts_and_the_second_ends_at_once(number: signal.Signals) -> None:
    with started() as process:
        process.send_signal(number)
        assert process.stdout is not None and process.stdout.readline() == "interrupted\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=300) == ("", "")
        assert process.returncode == 130


def test_what_is_ignored_stays_so() -> None:
    with started("signal.signal(signal.SIGHUP, signal.SIG_IGN)") as process:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None
        process.kill()
