"""A process that works on a new store and writes down each call to the file system and each acknowledgement.

``python -m tests.reliability.record PLACE SEED N [BUG]``; the trace goes to PLACE/trace.
"""

import pickle
import sys
from pathlib import Path

from tests.reliability import faults


def main(place: Path, seed: int, n_operations: int, bug: str) -> None:
    control = faults.Control(recording=True)
    faults.install(control)
    from index.local.store import Store
    from tests.reliability import bugs, world

    bugs.plant(bug)
    disk = place / "disk"
    disk.mkdir()

    def note(word: str, number: int) -> None:
        control.trace.append(faults.Event(word, str(disk), number))

    note("begin", -1)
    world.create(disk / "store")
    note("done", -1)
    store = Store.open(disk / "store")
    for number in range(n_operations):
        note("begin", number)
        store = world.perform(store, world.operation(seed, number), place / "saved")
        note("done", number)
    store.close()
    (place / "trace").write_bytes(pickle.dumps(control.trace))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "")
