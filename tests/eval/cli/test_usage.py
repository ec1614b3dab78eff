"""``rag eval`` with options that do not go together or files that cannot be written: refused before any work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SEED_QUESTIONS = Path(__file__).parents[3] / "eval" / "data" / "seeds.jsonl"
Evaluate = Callable[..., Any]


@pytest.mark.parametrize(
    "ignored",
    [
        ["--fail-under", "RR@10=0.9"],
        ["--compare", "before.json"],
        ["--calibrate"],
        ["--perturb", "lower"],
        ["--html", "report.html"],
        ["--foreign", SEED_QUESTIONS],
    ],
)
@pytest.mark.parametrize("mode", [["--baselines"], ["--why", "1"]])
def test_an_option_that_a_mode_would_ignore_ends_with_2_and_both_names(
    evaluate: Evaluate, mode: list[str], ignored: list[object]
) -> None:
    result = evaluate(SEED_QUESTIONS, *mode, *ignored)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"rag: {mode[0]} would ignore {ignored[0]}: give one of the two\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no gold set at nowhere"),
        ([SEED_QUESTIONS, "-k", "0"], "-k 0: list 1 to 1000 passages"),
        ([SEED_QUESTIONS, "--corpus", "a", "--store", "b"], "--corpus and --store are two places"),
        ([SEED_QUESTIONS, SEED_QUESTIONS], "with --baselines"),
        ([SEED_QUESTIONS, "--html", "no/r.html"], "--html no/r.html: name a file in a folder that exists"),
        ([SEED_QUESTIONS, "--perturb", "tyop"], "use one of typo, two-typos, lower"),
        ([SEED_QUESTIONS, "--fail-under", "RR@10"], "write it as MEASURE=NUMBER"),
        ([SEED_QUESTIONS, "--fail-under", "=0.5"], "write it as MEASURE=NUMBER"),
        ([SEED_QUESTIONS, "--fail-under", "R@100=nan"], "'R@100=nan': write it as MEASURE=NUMBER"),
        ([SEED_QUESTIONS, "--fail-under", "RR@10=-inf"], "write it as MEASURE=NUMBER"),
        ([SEED_QUESTIONS, "--compare", "before.json"], "before.json cannot be read"),
        ([SEED_QUESTIONS, "--limit", "0"], "limit"),
        ([SEED_QUESTIONS, "--why", "1", "--baselines"], "--baselines would ignore --why"),
        ([SEED_QUESTIONS, "--why", "1", "--out", "run.json"], "--why would ignore --out"),
        ([SEED_QUESTIONS, "--why", "1", "--limit", "5"], "--why would ignore --limit"),
        ([SEED_QUESTIONS, "--baselines", "-k", "10"], "--baselines would ignore --top-k"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_message_before_any_work(
    evaluate: Evaluate, arguments: list[object], message: str, tmp_path: Path
) -> None:
    result = evaluate(*arguments)
    assert result.code == 2 and message in result.err and result.out == ""
    assert result.err.count("\n") <= 3 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [[], ["--baselines"]])
@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("no/such/run.json", "name a file in a folder that exists"),
        ("/dev/null", "name a file in a folder that exists"),
        ("r" * 300, "File name too long"),
        ("r" * 254, "File name too long"),  # not of the file itself, but of what is written beside it
    ],
)
def test_an_out_that_cannot_be_written_is_told_before_any_work(
    evaluate: Evaluate, mode: list[str], out: str, message: str, tmp_path: Path
) -> None:
    result = evaluate(SEED_QUESTIONS, *mode, "--out", out)
    assert result.code == 2 and f"--out {out}" in result.err and message in result.err
    assert not list(tmp_path.iterdir())


def test_a_table_that_cannot_be_written_is_told_before_any_work(evaluate: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "table.json.txt").mkdir()
    result = evaluate(SEED_QUESTIONS, "--baselines", "--out", "table.json")
    assert result.code == 2 and "--out table.json.txt: name a file in a folder that exists" in result.err
    assert not (tmp_path / "table.json").exists()
