"""``rag`` in a process of its own that sends itself signals when so many documents are in.

Who watches it from another process may be too late: on a busy machine all documents are in before it looks.
"""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

# A signal that is ignored here, as in a job in the background, would be in the process too.
_PROGRAM = """
import importlib, os, signal, sys
module, name, after, numbers = sys.argv[1:5]
kind = getattr(importlib.import_module(module), name)
add, n_added = kind.add, 0

def add_and_send(self, *document):
    global n_added
    change = add(self, *document)
    n_added += 1
    if n_added == int(after):
        for number in numbers.split():
            os.kill(os.getpid(), int(number))
    return change

kind.add = add_and_send
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[1:] = sys.argv[5:]
from rag.cli.main import main
main()
"""


def signalled(
    *arguments: object, numbers: Sequence[int], after: int = 1, store: str = "index.local.store Store", **options: Any
) -> "subprocess.CompletedProcess[str]":
    """``rag`` with these arguments, when it has ended.

    numbers: of the signals that it sends itself, one behind the other, as soon as ``after`` documents have been written.
    store: module and name of the class that writes them.
    """
    command = [sys.executable, "-P", "-c", _PROGRAM, *store.split(), str(after), " ".join(str(int(n)) for n in numbers)]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False, **options
    )
