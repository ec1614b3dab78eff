"""Saved runs: what is written is read again, and what is none is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.scoring.runs import CalibrationState, Listed, Result, Run, StoreState, load_run, run_json
from eval.scoring.statistics import Estimate
from rag.shared.errors import BadInput

RUN = Run(
    gold="tiny",
    k=10,
    results=(
        Result("q1", "who?", True, {"RR@10": 1.0}, 0.9, True, "Cats.", 1, (Listed("a.txt", 0, 5, 0.5),), True),
        Result("q2", "wer – 谁?", False, {"Answered unanswerable": 0.0}, 0.1, False, None, None, (), False),
    ),
    measures={"RR@10": Estimate(1.0, None, None), "AUROC": Estimate(1.0, 0.5, 1.0)},
    store=StoreState("abc", {"model": "m", "passage_characters": 600}, 3, 7),
    seconds=1.5,
)


CALIBRATION = CalibrationState("sha", 20, 30, "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize("run", [RUN, replace(RUN, store=replace(RUN.store, calibration=CALIBRATION))])
def test_a_saved_run_is_read_as_it_was(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run_json(run)), encoding="utf-8")
    assert load_run(path) == run


def test_a_run_of_version_0_1_is_read_with_what_it_says_of_its_answers(tmp_path: Path) -> None:
    saved: Any = run_json(RUN)
    for row in saved["per_query"]:
        del row["right"]
    del saved["store"]["calibration"]
    path = tmp_path / "run.json"
    path.write_text(json.dumps(saved), encoding="utf-8")
    assert load_run(path) == RUN


def test_the_json_has_the_fields_of_the_contract() -> None:
    saved: Any = run_json(RUN)
    assert {"gold", "queries", "measures", "per_query", "store", "seconds"} <= set(saved) and saved["queries"] == 2
    assert saved["measures"]["AUROC"] == {"mean": 1.0, "low": 0.5, "high": 1.0}
    assert saved["store"] == {
        "fingerprint": "abc",
        "settings": {"model": "m", "passage_characters": 600},
        "documents": 3,
        "passages": 7,
        "calibration": None,
    }
    assert saved["per_query"][0] == {
        "id": "q1",
        "question": "who?",
        "answerable": True,
        "measures": {"RR@10": 1.0},
        "confidence": 0.9,
        "answered": True,
        "answer": "Cats.",
        "rank": 1,
        "passages": [{"document": "a.txt", "start": 0, "end": 5, "score": 0.5}],
        "right": True,
    }


def broken(**changes: object) -> str:
    return json.dumps(run_json(RUN) | changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a saved run (Invalid JSON"),
        ("[]", "is not a saved run"),
        ('{"question": "who?"}', "is not a saved run (gold: Field required)"),
        (broken(k="10"), "(k: Input should be a valid integer)"),
        (broken(per_query={}), "(per_query: Input should be a valid array)"),
        (broken(per_query=[{"id": "q1"}]), "(per_query.0.question: Field required)"),
        (broken(measures={"RR@10": {"average": 1}}), "(measures.RR@10."),
    ],
)
def test_what_is_no_run_is_refused_with_how_to_make_one(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        load_run(path)
    assert message in str(refused.value) and "rag eval GOLD --out RUN.json" in str(refused.value)


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"run\.json cannot be read: No such file"):
        load_run(tmp_path / "run.json")
