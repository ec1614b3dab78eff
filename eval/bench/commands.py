"""Commands as people start them, in processes of their own, and the memory of a process.

A command that fails ends the measurement with its reason.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rag.shared.errors import RagError

_MOST_TO_STOP_S = 60
_STATUS = Path("/proc/self/status")


class Server(NamedTuple):
    """A running ``rag serve``. documents, passages: in its store.  start_s: seconds until it listened."""

    url: str
    pid: int
    documents: int
    passages: int
    start_s: float


def rag_command() -> list[str]:
    """How people start ``rag``: the console script beside this interpreter."""
    script = Path(sys.executable).with_name("rag")
    return [str(script)] if script.exists() else [sys.executable, "-c", "from rag.cli.start import main; main()"]


def run(what: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What a command prints on stdout. what: its name in the error.  Raises RagError when it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RagError(
            f"{what}, which the measurement needs, ended with {done.returncode} ({reason_of(done.stderr)}): "
            "mend that and measure again"
        )
    return done.stdout


@contextmanager
def serving(store: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server of the store on a free port of this machine, stopped at the end of the block.

    Raises RagError when it does not start.
    """
    command = [*rag_command(), "serve", "--store", str(store), "--port", "0", "--json"]
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log,  # a full pipe would stop the server
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            start_s = round(time.perf_counter() - started, 2)
            if not line:
                log.seek(0)
                raise RagError(
                    f"the server to be measured did not start ({reason_of(log.read())}): "
                    f"see that `rag serve --store {store}` does"
                )
            told = json.loads(line)
            yield Server(told["url"], process.pid, told["documents"], told["passages"], start_s)
        finally:
            process.terminate()
            try:
                process.wait(_MOST_TO_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def reason_of(stderr: str) -> str:
    """The last line that a process said on stderr, which tells why it failed."""
    lines = stderr.strip().splitlines()
    return lines[-1].removeprefix("rag: ") if lines else "it said nothing"


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
