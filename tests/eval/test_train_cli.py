"""``rag train``: what it refuses. (Fitting on real sets takes minutes; its parts are tested by hand-computed cases.)"""

import sys
from pathlib import Path

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
