"""What was acknowledged survives the loss of power: states that the disk may be in then, worked out from a recorded run."""

import pickle
import random
import shutil
from pathlib import Path

import pytest

from index.errors import StoreError, StoreMissing
from index.local.store import Store
from tests.reliability import world
from tests.reliability.disk import Disk
from tests.reliability.faults import Event
from tests.reliability.programs import ran
from tests.reliability.world import Violation

pytestmark = pytest.mark.medium


def recorded(place: Path, seed: int, n_operations: int, bug: str = "") -> list[Event]:
    place.mkdir()
    ran("record", place, seed, n_operations, bug)
    trace: list[Event] = pickle.loads((place / "trace").read_bytes())
    return trace


def check_states(place: Path, trace: list[Event], seed: int, n_states: int) -> int:
    """Let the power go at so many places of the trace; how many of the states had a store."""
    rng = random.Random(seed)
    stops = sorted(rng.sample(range(len(trace)), min(n_states, len(trace))))
    disk = Disk(place / "disk")
    # What may be there, with what the last snapshot holds; the operation under way may have come to pass or not.
    before: tuple[world.State, world.State | None] = ({}, None)
    after = before
    created, n_stores = False, 0
    for at, event in enumerate(trace):
        if event.name == "begin":
            step = world.operation(seed, event.offset)
            state, saved = before
            if event.offset >= 0:
                after = world.apply(state, step, saved), dict(state) if step.kind == "snapshot" else saved
        elif event.name == "done":
            created, before = True, after
        else:
            disk.follow(event)
        if stops and at == stops[0]:
            stops.pop(0)
            state_path = place / "state"
            disk.write_to(state_path, rng)
            n_stores += check_state(state_path / "store", [before[0], after[0]], created, f"seed {seed}, call {at}")
            shutil.rmtree(state_path)
    return n_stores


def check_state(path: Path, allowed: list[world.State], created: bool, where: str) -> bool:
    try:
        with Store.open(path) as store:
            state, rebuilt = world.observed(store), store.rebuilt
            findings = store.verify()
    except StoreMissing:
        if created:
            raise Violation(f"{where}: the store is gone") from None
        return False
    except (StoreError, AssertionError) as error:
        raise Violation(f"{where}: {error}") from error
    if state not in allowed:
        raise Violation(f"{where}: {state} is none of {allowed}")
    if rebuilt or findings:
        raise Violation(f"{where}: {rebuilt} {findings}")
    return True


def test_no_state_after_a_power_loss_lacks_what_was_acknowledged(tmp_path: Path, seed: int, long: bool) -> None:
    n_runs, n_states = (10, 200) if long else (2, 40)
    n_stores = 0
    for run in range(n_runs):
        trace = recorded(tmp_path / str(run), seed + run, 40)
        n_stores += check_states(tmp_path / str(run), trace, seed + run, n_states)
    print(f"{n_runs * n_states} states, {n_stores} of them with a store")
    assert n_stores > n_runs * n_states * 0.7


@pytest.mark.slow
@pytest.mark.parametrize("bug", ["synchronous_off", "no_directory_sync", "manifest_in_place"])
def test_the_power_loss_test_finds_a_planted_bug(tmp_path: Path, bug: str) -> None:
    with pytest.raises(Violation):
        for run in range(3):
            trace = recorded(tmp_path / str(run), run, 40, bug)
            check_states(tmp_path / str(run), trace, run, 60)
