"""A process that deletes documents and is killed: ``python -m tests.reliability.delete STORE KILL_AT ID...``.

KILL_AT is the number of the call to the file system before which it kills itself, 0 for never. It prints a line when there is a
receipt.
"""

import sys
from pathlib import Path

from tests.reliability import faults


def main(path: Path, kill_at: int, ids: list[str]) -> None:
    control = faults.Control(action="kill")
    faults.install(control)
    from index.local.store import Store

    with Store.open(path) as store:
        control.count, control.at = 0, kill_at
        receipts = store.delete_many(ids)
        print([receipt.remaining for receipt in receipts], flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
