"""A process that lets the n-th call to the file system fail, for every n until none is hit, in each operation of a store.

``python -m tests.reliability.errors PLACE ACTION LASTING STEP FIRST BUG OPERATION...`` with ACTION "error" or "full"; of the calls
each STEP-th fails in turn, from the FIRST on. BUG: one to be planted, or "". It prints one line of JSON a broken promise, and at
last how many calls failed.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.reliability import faults

CALLS = frozenset({"open", "read", "write", "sync", "truncate", "rename", "link", "unlink", "mkdir", "rmdir"})


def main(place: Path, action: str, lasting: bool, step: int, first: int, bug: str, names: list[str]) -> None:
    control = faults.Control(action=action, lasting=lasting, names=CALLS)
    faults.install(control)
    from index.errors import StoreError, StoreMissing
    from index.local.database.rows import document_id
    from index.local.store import Store
    from index.local.upkeep import snapshot
    from index.local.upkeep.repair import repair
    from tests.reliability import bugs, world

    bugs.plant(bug)
    template, copy, work = place / "template", place / "copy", place / "work"
    world.create(template)
    with Store.open(template) as store:
        for number in range(6):
            store.add(*world.document(f"k{number}", f"w{number}", 1 + number % 3))
        snapshot.take(store, copy)
        store.checkpoint()
        store.add(*world.document("k2", "w12", 2))
        store.add(*world.document("k9", "w9", 1))
        before = world.observed(store)
    restored = {f"k{number}": f"w{number}" for number in range(6)}

    def add(store: Store) -> None:
        store.add(*world.document("new", "w99", 3))

    def change(store: Store) -> None:
        store.add(*world.document("k1", "w98", 2))

    def delete(store: Store) -> None:
        assert store.delete(document_id("default", "k2")).remaining == 0

    def take(store: Store) -> None:
        snapshot.take(store, work / "taken")

    def restore(store: Store) -> None:
        snapshot.restore(copy, store.path, overwrite=True)

    def mend(store: Store) -> None:
        repair(store, store.verify())

    operations: dict[str, tuple[Callable[[Store], object], world.State]] = {
        "open": (lambda store: None, before),
        "add": (add, {**before, "new": "w99"}),
        "change": (change, {**before, "k1": "w98"}),
        "delete": (delete, {key: word for key, word in before.items() if key != "k2"}),
        "checkpoint": (Store.checkpoint, before),
        "snapshot": (take, before),
        "restore": (restore, restored),
        "repair": (mend, before),
        "ask": (world.observed, before),
    }

    def attempt(name: str, at: int) -> bool:
        """Let one call fail; whether one did."""
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        shutil.copytree(template, work / "store")
        if name == "repair":
            with (
                Store.open(work / "store") as planted,
                planted.writers_waiting(),
                planted._database.writing() as connection,
            ):
                connection.execute("UPDATE collections SET n_terms = 1")
        operation, after = operations.get(name, (None, {}))
        control.count, control.hit, control.at = 0, [], 0
        done = False
        store: Store | None = None
        try:
            if name == "open":
                control.at = at
            if operation is None:
                control.at = at
                Store.create(work / "new", dim=world.DIM, fingerprint="fake", settings={"model": "fake"}).close()
            else:
                store = Store.open(work / "store")
                control.count, control.at = 0, at
                operation(store)
            done = True
        except StoreError:
            pass
        except Exception as error:
            report(name, at, f"{type(error).__name__}: {error}", control.hit)
        finally:
            control.at = 0
            if store is not None:
                store.close()
        hit = control.hit
        try:
            with Store.open(work / ("new" if operation is None else "store")) as again:
                state, findings = world.observed(again), again.verify()
            if state != after and (done or state != before):
                report(name, at, f"{'done' if done else 'failed'}, found {state}", hit)
            # A view that is rebuilt is no loss: a checkpoint that could not be read must not be used.
            excused = {"view-rebuilt"} | ({"counters"} if name == "repair" and not done else set())
            if bad := [finding for finding in findings if finding.kind not in excused]:
                report(name, at, f"{bad}", hit)
        except StoreMissing:
            if operation is not None or done:
                report(name, at, "the store is gone", hit)
        except (StoreError, AssertionError) as error:
            report(name, at, f"not usable afterwards: {error}", hit)
        if (work / "taken").exists():
            try:
                snapshot.restore(work / "taken", work / "from-taken")
            except StoreError as error:
                report(name, at, f"snapshot not usable: {error}", hit)
        elif name == "snapshot" and done:
            report(name, at, "no snapshot", hit)
        return bool(hit)

    def report(name: str, at: int, what: str, hit: list[faults.Event]) -> None:
        print(json.dumps({"operation": name, "at": at, "what": what, "call": str(hit[:1])[:200]}), flush=True)

    counts = {}
    for name in names:
        at = first
        while attempt(name, at):
            at += step
        counts[name] = (at - first) // step
    print(json.dumps({"failed": counts}), flush=True)


if __name__ == "__main__":
    place, action, lasting, step, first, bug, *rest = sys.argv[1:]
    main(Path(place), action, lasting == "lasting", int(step), int(first), bug, rest)
