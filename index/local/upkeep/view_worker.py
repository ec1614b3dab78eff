"""Building missing search files again, in a process of its own beside the one that answers: ``index.local.checkpoint.rebuild``."""

import sys
from pathlib import Path

from index.local.store import Store
from index.process import work_behind

_LOCK_TIMEOUT_S = 600.0


def _work() -> None:
    """In the process of its own, whose arguments are STORE and LARGE."""
    with Store.open(Path(sys.argv[2]), large=int(sys.argv[3]), views="none") as store:
        store.lock_timeout_s = _LOCK_TIMEOUT_S
        store.write_views()


if __name__ == "__main__":
    work_behind(_work)
