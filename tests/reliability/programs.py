"""What the reliability tests start as processes of their own: programs of this folder, and ``rag`` itself."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
RAG = [str(Path(sys.executable).parent / "rag")]


def ran(
    module: str, *arguments: object, may_be_killed: bool = False, before: Sequence[str] = ()
) -> "subprocess.CompletedProcess[str]":
    """``python -m tests.reliability.MODULE arguments``, behind the start of another command, when it has ended well.

    may_be_killed: or by ``kill -9``.
    """
    command = [*before, sys.executable, "-m", f"tests.reliability.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0 or may_be_killed and done.returncode == -signal.SIGKILL, done.stderr
    return done


def environment(place: Path) -> dict[str, str]:
    """In which ``rag`` has its store in ``place / "store"`` and no setting of anybody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    own = {"RAG_STORE": str(place / "store"), "RAG_KEYS": str(place / "keys"), "XDG_CONFIG_HOME": str(place)}
    return {**kept, **own, "RAG_DEADLINE": "600"}


def kill(process: "subprocess.Popen[str]") -> None:
    """End a process and what it started, at once; it may have ended by itself."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


@contextmanager
def served(place: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """``rag serve`` and its address, killed at the end of the block. What it says is in ``place / "log"``."""
    command = [*RAG, "serve", "--port", "0", "--json"]
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment(place),
            start_new_session=True,
            cwd=ROOT,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (place / "log").read_text()
        yield process, json.loads(line)["url"]
    finally:
        kill(process)
