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
        os.kill(os.getpid(), int(numbers.split()[0]))
    elif n_added > int(after):
        for number in numbers.split()[1:]:
            os.kill(os.getpid(), int(number))
        # One that came just before the main thread began to wait is noticed with the next that comes.
        os.kill(os.getpid(), signal.SIGWINCH)
    return change

kind.add = add_and_send
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGWINCH, lambda *_: None)
sys.argv[1:] = sys.argv[5:]
from rag.cli.main import main
main()
"""


def signalled(
    *arguments: object, numbers: Sequence[int], after: int = 1, store: str = "index.local.store Store", **options: Any
) -> "subprocess.CompletedProcess[str]":
    """``rag`` with these arguments, when it has ended.

    numbers: of the signals that it sends itself, the first when ``after`` documents have been written, the others at each one more.
    store: module and name of the class that writes them.
    """
    command = [sys.executable, "-P", "-c", _PROGRAM, *store.split(), str(after), " ".join(str(int(n)) for n in numbers)]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False, **options
    )
