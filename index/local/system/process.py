"""Work in a process of its own: a module of this folder in a fresh interpreter, behind what is asked of the one that started it.

Not forked: after FAISS has run that would hang.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def started(module: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """``python -m module arguments``, ended with the block; also when this process ends, if it calls ``end_with_parent``."""
    command = [sys.executable, "-P", "-m", module, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def outcome(process: "subprocess.Popen[bytes]") -> str:
    """Wait; what it said last when it failed, else nothing."""
    said = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
    status = process.wait()
    return "" if status == 0 else said.rpartition("\n")[2] or f"the process ended with {status}"


def end_with_parent() -> None:
    """To be called first in such a process: let others go first, and end when the input, which the parent holds, is closed."""
    os.nice(10)
    threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    os.read(0, 1)  # not through sys.stdin, whose lock the interpreter wants when it ends
    os._exit(3)
