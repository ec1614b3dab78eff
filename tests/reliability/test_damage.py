"""Damage to any file of a store is never answered from: the same answers, or an error that says what to do."""

import json
import random
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.reliability import bugs, world
from tests.reliability.programs import ran


def prepared(place: Path) -> Path:
    """A store with a checkpoint, changes since then in its write-ahead log, and an older generation of each of its files."""
    from index.local.store import Store

    template = place / "template"
    world.create(template)
    with Store.open(template) as store:
        for number in range(8):
            store.add(*world.document(f"k{number}", f"w{number}", 1 + number % 3))
        store.checkpoint()
        shutil.copytree(template, place / "older")
        for number in range(8, 14):
            store.add(*world.document(f"k{number}", f"w{number}", 2))
        store.checkpoint()
        store.add(*world.document("k1", "w99", 2))
        shutil.copytree(template, place / "store")  # as it is while it is used, with its log
    return place / "store"


def damage(rng: random.Random, work: Path, older: Path) -> str:
    """Damage one file, and say how."""
    path = rng.choice(sorted(path for path in work.rglob("*") if path.is_file() and not path.name.endswith("-shm")))
    content = path.read_bytes()
    kind = rng.choice(["flip", "flip", "truncate", "delete", "swap"])
    if kind == "flip" and content:
        changed = bytearray(content)
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
    elif kind == "truncate" and content:
        path.write_bytes(content[: rng.randrange(len(content))])
    elif kind == "swap":
        others = [*older.rglob("*"), *work.rglob("*")]
        same = (file for file in others if file.is_file() and file.suffix == path.suffix and file != path)
        other = rng.choice(sorted(same))
        path.write_bytes(other.read_bytes())
        return f"{path.name} swapped for {other.relative_to(work.parent)}"
    else:
        path.unlink()
        kind = "delete"
    return f"{path.name} {kind}"


def attempts(place: Path, seed: int, n_cases: int, bug: str = "") -> None:
    """Damage a fresh copy of the store again and again, and print what came of each."""
    from index.errors import StoreError
    from index.local.store import Store

    healthy = prepared(place)
    shutil.copytree(healthy, place / "work")
    with Store.open(place / "work") as store:
        expected = world.observed(store)
    bugs.plant(bug)
    for case in range(n_cases):
        rng = random.Random(f"{seed} {case}")
        shutil.rmtree(place / "work")
        shutil.copytree(healthy, place / "work")
        how = damage(rng, place / "work", place / "older")
        try:
            # Every other time it is answered before anything is built again.
            with Store.open(place / "work", views="none" if case % 2 else "first") as store:
                state = world.observed(store)
                what = "right" if state == expected else f"WRONG: {state}"
                if store.rebuilt and what == "right":
                    what = "rebuilt"
        except StoreError as error:
            what = "refused" if len(str(error)) > 40 else f"UNCLEAR: {error}"
        except Exception as error:
            what = f"WRONG: {type(error).__name__}: {error}"
        print(json.dumps({"case": case, "how": how, "what": what}), flush=True)


def run(place: Path, seed: int, n_cases: int, bug: str = "") -> list[dict[str, Any]]:
    place.mkdir()
    done = ran("test_damage", place, seed, n_cases, bug)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_damage_is_never_answered_from(tmp_path: Path, seed: int, long: bool) -> None:
    cases = run(tmp_path / "run", seed, 3000 if long else 300)
    print(Counter(case["what"].split(":")[0] for case in cases))
    wrong = [case for case in cases if case["what"] not in ("right", "rebuilt", "refused")]
    assert wrong == []
    assert {case["what"] for case in cases} == {"right", "rebuilt", "refused"}


@pytest.mark.slow
def test_the_damage_test_finds_missing_checksums(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        cases = run(tmp_path / "run", 3, 200, "no_checksum")
        assert [case for case in cases if case["what"] not in ("right", "rebuilt", "refused")] == []


if __name__ == "__main__":
    attempts(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
