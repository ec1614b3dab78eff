"""``rag train``: what it refuses. (Fitting on real sets takes minutes; its parts are tested by hand-computed cases.)"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag.cli.main import main


@pytest.mark.parametrize(
    ("names", "says"), [(["one"], "two or more gold sets"), (["one", "missing"], "no gold set at"), ([], "GOLD")]
)
def test_gold_sets_that_cannot_be_used_end_with_2(
    names: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").mkdir()
    out = tmp_path / "ranking.json"
    folders = [str(tmp_path / name) for name in names]
    monkeypatch.setattr(sys, "argv", ["rag", "train", *folders, "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
    assert not out.exists()


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
