"""A call to the file system that fails, whichever it is, takes nothing that was acknowledged and acknowledges nothing falsely."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.programs import ran

pytestmark = pytest.mark.medium

OPERATIONS = ("create", "open", "add", "change", "delete", "checkpoint", "snapshot", "restore", "repair", "ask")


def failures(
    place: Path, action: str, lasting: str, step: int, first: int, *operations: str, bug: str = ""
) -> list[Any]:
    """Broken promises, then how many calls failed in each operation."""
    place.mkdir()
    done = ran("errors", place, action, lasting, step, first, bug, *operations)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_any_call_may_fail(tmp_path: Path, long: bool) -> None:
    """Every call of every operation in the long form; here every second, and every fifth of the longest ones."""
    short = ("open", "add", "change", "checkpoint", "repair", "ask")
    for step, operations in ((1, OPERATIONS),) if long else ((2, short), (5, tuple({*OPERATIONS} - {*short}))):
        *broken, last = failures(tmp_path / str(step), "error", "once", step, (step + 1) // 2, *operations)
        print(last)
        assert broken == []
        assert all(last["failed"].values())


@pytest.mark.parametrize(
    ("action", "lasting"),
    [
        ("full", "lasting"),
        pytest.param("error", "lasting", marks=pytest.mark.slow),
        pytest.param("full", "once", marks=pytest.mark.slow),
    ],
)
def test_a_disk_may_fail_from_any_call_on(tmp_path: Path, long: bool, action: str, lasting: str) -> None:
    if not long and (action, lasting) != ("full", "lasting"):
        pytest.skip("a long form: run with --long")
    *broken, last = failures(tmp_path / "run", action, lasting, 1 if long else 5, 3, *OPERATIONS)
    print(last)
    assert broken == []


def test_the_test_finds_an_error_that_is_acknowledged_as_if_it_were_none(tmp_path: Path) -> None:
    *broken, _ = failures(tmp_path / "run", "error", "once", 9, 2, "add", bug="acknowledge_what_failed")
    assert broken and all(lie["operation"] == "add" and lie["what"].startswith("done, found") for lie in broken)
