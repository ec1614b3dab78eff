"""Two runs against each other."""

from dataclasses import replace

import pytest

from eval.scoring.comparison import compare
from eval.scoring.runs import Result, Run, StoreState
from eval.scoring.statistics import Estimate
from rag.shared.errors import BadInput

pytestmark = pytest.mark.medium

NOT_USED = Estimate(None, None, None)


def result(number: int, rr: float, *, answerable: bool = True, confidence: float = 0.5, rank: int | None = 1) -> Result:
    measures = {"RR@10": rr} if answerable else {}
    return Result(
        f"q{number}",
        f"question {number}?",
        answerable,
        measures,
        confidence,
        True,
        None,
        rank,
        (),
        answerable and rank is not None,
    )


def run(*results: Result, measures: tuple[str, ...] = ("RR@10",)) -> Run:
    return Run("tiny", 10, results, dict.fromkeys(measures, NOT_USED), StoreState("f", {}, 1, 1), 0.0)


def test_a_run_does_not_differ_from_itself() -> None:
    same = run(*(result(number, number / 20) for number in range(20)))
    assert compare(same, same) == {"RR@10": (0.0, 0.0, 0.0, 1.0, 20, None, 0, 0)}


def test_the_difference_is_how_much_higher_this_run_is() -> None:
    before = run(*(result(number, 0.5) for number in range(12)))
    after = run(*(result(number, 1.0 if number % 4 else 0.5) for number in range(12)))
    change = compare(after, before)["RR@10"]
    assert change.difference == pytest.approx(0.375) and change.n == 12
    assert change.low is not None and change.high is not None and 0 < change.low < 0.375 < change.high <= 0.5
    assert change.p == pytest.approx(2 / 2**9)
    assert compare(before, after)["RR@10"].difference == pytest.approx(-0.375)


def test_effect_and_counts_say_how_the_difference_is_spread() -> None:
    before = run(*(result(number, 0.5) for number in range(4)))
    after = run(*(result(number, value) for number, value in enumerate((1.0, 1.0, 0.25, 0.5))))
    change = compare(after, before)["RR@10"]
    # Differences .5, .5, -.25, 0: mean .1875, deviation sqrt(.421875 / 3) = .375.
    assert (change.higher, change.lower) == (2, 1) and change.effect == pytest.approx(0.1875 / 0.375)


def test_only_questions_of_both_runs_count() -> None:
    same = run(*(result(number, 1.0) for number in range(5)))
    other = run(*(result(number, 0.0) for number in range(3, 9)))
    assert compare(same, other)["RR@10"].n == 2
    reworded = run(replace(result(0, 0.0), question="another?"), *other.results)
    assert compare(same, reworded)["RR@10"].n == 2


def test_only_measures_of_both_runs_are_compared() -> None:
    single = run(result(0, 1.0), result(1, 1.0), measures=("RR@10", "AP"))
    assert list(compare(single, run(result(0, 1.0), result(1, 0.0)))) == ["RR@10"]


def test_runs_without_a_common_question_are_refused() -> None:
    with pytest.raises(BadInput, match="no question in common"):
        compare(run(result(0, 1.0)), run(result(1, 1.0)))


def test_confidence_is_compared_over_whole_questions() -> None:
    def asked(right: float, wrong: float) -> Run:
        return run(
            *(result(number, 1.0, confidence=right + number / 1000) for number in range(10)),
            *(
                result(number, 0.0, answerable=False, confidence=wrong + number / 1000, rank=None)
                for number in range(10, 20)
            ),
            measures=("AUROC", "ECE"),
        )

    good, bad = asked(0.9, 0.1), asked(0.1, 0.9)
    changes = compare(good, bad)
    assert changes["AUROC"].difference == pytest.approx(1.0) and changes["AUROC"].n == 20
    assert changes["AUROC"].p is not None and changes["AUROC"].p < 0.05
    assert changes["ECE"].difference is not None and changes["ECE"].difference < 0
    assert compare(good, good)["AUROC"].p == 1.0
