"""What was acknowledged survives ``kill -9``, whole, and nothing else appears."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest

from tests.reliability import world
from tests.reliability.programs import ROOT
from tests.reliability.world import Violation


class Run:
    """A store, and what must be in it; one process after another works on it and is killed."""

    def __init__(self, place: Path, seed: int, bug: str = "") -> None:
        self.place, self.seed, self.bug = place, seed, bug
        self.next = 0
        self.possible: list[tuple[world.State, world.State | None]] = [({}, None)]  # with what the last snapshot holds
        self.under_way: Counter[str] = Counter()
        place.mkdir()
        world.create(place / "store")

    def kill_one(self, kill_at: int, delay_s: float | None) -> None:
        """Start a process, let it be killed at a call or after some lines and a delay, and check what the next one finds."""
        arguments = [str(self.place), str(self.seed), str(self.next), str(self.next + 400), str(kill_at), self.bug]
        command = [sys.executable, "-m", "tests.reliability.process", *arguments]
        with (self.place / "errors").open("w+") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT)
            assert process.stdout is not None
            with process.stdout as output:
                first = output.readline()
                lines: list[str] = []
                if delay_s is not None:
                    lines = [output.readline() for _ in range(random.Random(self.seed + self.next).randrange(1, 12))]
                    time.sleep(delay_s)
                    process.kill()
                lines += output.readlines()
            code = process.wait(300)
            errors.seek(0)
            self.check(first, errors.read())
            if code != -9:
                raise Violation(f"ended by itself with {code}: {errors.read()}")
        whole = [line.split() for line in lines if line.endswith("\n")]
        self.account([(word, int(number)) for word, number in whole])

    def check(self, line: str, errors: str) -> None:
        """The process has opened what the one before it left."""
        if not line:
            raise Violation(f"could not use the store: {errors}")
        seen: dict[str, Any] = json.loads(line)
        states = [state for state, _ in self.possible]
        if seen["state"] not in states:
            raise Violation(f"seed {self.seed}, operation {self.next}: {seen['state']} is none of {states}")
        if seen["rebuilt"] or seen["findings"]:
            raise Violation(f"seed {self.seed}, operation {self.next}: {seen}")
        self.possible = [pair for pair in self.possible if pair[0] == seen["state"]]

    def account(self, told: list[tuple[str, int]]) -> None:
        """Work out what the store may hold from what the process said."""
        begun = [number for word, number in told if word == "begin"]
        done = {number for word, number in told if word == "done"}
        for number in begun:
            step = world.operation(self.seed, number)
            after = []
            for state, saved in self.possible:
                after.append((world.apply(state, step, saved), dict(state) if step.kind == "snapshot" else saved))
                if number not in done:  # it may have come to pass all the same
                    after.append((state, saved))
            self.possible = [pair for at, pair in enumerate(after) if pair not in after[:at]]
            self.next = number + 1
        if begun and begun[-1] not in done:
            self.under_way[world.operation(self.seed, begun[-1]).kind] += 1


def kill_many(
    place: Path, seed: int, n_kills: int, bug: str = "", *, under_way: Set[str] = frozenset()
) -> Counter[str]:
    """What was under way at each of so many kills, and at more of them until some kinds are among it, if it is not for ever."""
    rng = random.Random(seed)
    run = Run(place, seed, bug)
    for number in range(10 * n_kills):
        if number >= n_kills and under_way <= run.under_way.keys():
            break
        if number % 4 == 3:
            run.kill_one(0, rng.random() * 0.03)
        else:
            run.kill_one(rng.randrange(1, 500), None)
    return run.under_way


@pytest.mark.slow
def test_killed_processes_lose_nothing_and_leave_nothing_half_done(tmp_path: Path, seed: int, long: bool) -> None:
    n_kills = 1000 if long else 75
    wanted = {"add", "delete", "checkpoint", "snapshot"}
    under_way = kill_many(tmp_path / "run", seed, n_kills, under_way=wanted)
    print(f"{n_kills} kills at least, in the middle of {dict(under_way)}")
    assert wanted <= under_way.keys()


@pytest.mark.slow
@pytest.mark.parametrize("bug", ["acknowledge_before_commit", "checkpoint_one_too_high", "replay_by_operation"])
def test_the_kill_test_finds_a_planted_bug(tmp_path: Path, bug: str) -> None:
    with pytest.raises(Violation):
        kill_many(tmp_path / "run", 7, 40, bug)
