"""``rag train``: what it refuses. (Fitting on real sets takes minutes; its parts are tested by hand-computed cases.)"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("names", "says"), [(["one"], "two or more gold sets"), (["one", "missing"], "no gold set at"), ([], "GOLD")]
)
def test_gold_sets_that_cannot_be_used_end_with_2(
    names: list[str], says: str, run_rag: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    out = tmp_path / "ranking.json"
    result = run_rag("train", *(tmp_path / name for name in names), "--out", out)
    assert result.code == 2 and says in result.err and not out.exists()


@pytest.mark.parametrize(
    ("out", "says"),
    [("none/ranking.json", "a folder that exists"), (".", "a folder that exists"), ("r" * 300, "too long")],
)
def test_an_out_that_cannot_be_written_is_told_before_any_work(
    out: str, says: str, run_rag: Callable[..., Any], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()  # neither holds a gold set, which would be told next
    result = run_rag("train", tmp_path / "one", tmp_path / "two", "--out", tmp_path / out)
    assert result.code == 2 and "--out" in result.err and says in result.err
