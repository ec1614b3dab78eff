"""``rag`` in a terminal of its own."""

import os
import pty
import re
import select
import sys
import time
from collections.abc import Callable, Sequence

import pytest

_PROGRAM = "from rag.cli.main import main; main()"
InTerminal = Callable[..., str]


def plain(screen: str) -> str:
    """What is on a screen, without colours and links."""
    return re.sub(r"\x1b\]8;[^\x1b]*\x1b\\|\x1b\[[0-9;?]*[A-Za-z]", "", screen).replace("\r\n", "\n")


@pytest.fixture
def in_terminal() -> InTerminal:
    """``in_terminal("ask", "why?", columns=80, typed=["..."])``: all that ``rag`` writes to a terminal of that width.

    typed: lines, each given once the prompt stands there.
    """

    def run(*arguments: object, columns: int = 80, typed: Sequence[str] = (), patience_s: float = 120) -> str:
        child, terminal = pty.fork()
        if child == 0:
            os.environ.update(TERM="xterm-256color", COLUMNS=str(columns), LINES="40")
            os.environ.pop("NO_COLOR", None)
            os.execv(sys.executable, [sys.executable, "-P", "-c", _PROGRAM, *map(str, arguments)])
        screen, lines, deadline = "", list(typed), time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 1.0)[0]:
                continue
            try:
                read = os.read(terminal, 65_536)
            except OSError:  # the other side has ended
                read = b""
            if not read:
                break
            screen += read.decode(errors="replace")
            if lines and plain(screen).endswith("? "):
                os.write(terminal, lines.pop(0).encode() + b"\n")
        else:
            os.kill(child, 9)
        os.close(terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code == 0, (code, screen)
        return screen

    return run
