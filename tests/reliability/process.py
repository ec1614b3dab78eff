"""A process that works on a store until it is killed: ``python -m tests.reliability.process STORE SEED FIRST LAST KILL_AT [BUG]``.

It first says, as one line of JSON, what it found in the store; then before and after each operation "begin N" and "done N".
KILL_AT is the number of the call to the file system before which the process kills itself, 0 for never. With BUG, a fault is
planted, so that the tests which use this can be seen to fail.
"""

import json
import sys
from pathlib import Path

from tests.reliability import faults


def main(place: Path, seed: int, first: int, last: int, kill_at: int, bug: str) -> None:
    control = faults.Control(action="kill")
    faults.install(control)
    from index.local.store import Store
    from tests.reliability import bugs, world

    bugs.plant(bug)
    store = Store.open(place / "store")
    seen = {"state": world.observed(store), "rebuilt": store.rebuilt, "findings": [f.kind for f in store.verify()]}
    print(json.dumps(seen), flush=True)
    control.count, control.at = 0, kill_at
    for number in range(first, last):
        print("begin", number, flush=True)
        bugs.current[:] = [f"done {number}"]
        store = world.perform(store, world.operation(seed, number), place / "saved")
        if bugs.current:
            print("done", number, flush=True)
    store.close()


if __name__ == "__main__":
    given_seed, given_first, given_last, given_kill_at = map(int, sys.argv[2:6])
    main(Path(sys.argv[1]), given_seed, given_first, given_last, given_kill_at, "".join(sys.argv[6:]))
