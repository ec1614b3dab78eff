"""Retrieval measures on cases computed by hand and against their definitions."""

import math

import pytest

from eval.scoring.measures import document_measures, span_measures


def test_span_measures_of_a_hit_at_each_depth() -> None:
    values = span_measures({"first": [1, 4], "third": [3], "tenth": [10], "later": [11], "never": []})
    assert values["first"] == {"Success@1": 1, "Success@3": 1, "Success@5": 1, "Success@10": 1, "RR@10": 1}
    assert values["third"] == pytest.approx(
        {"Success@1": 0, "Success@3": 1, "Success@5": 1, "Success@10": 1, "RR@10": 1 / 3}
    )
    assert values["tenth"] == pytest.approx(
        {"Success@1": 0, "Success@3": 0, "Success@5": 0, "Success@10": 1, "RR@10": 0.1}
    )
    assert set(values["later"].values()) == set(values["never"].values()) == {0}
    assert list(values) == ["first", "third", "tenth", "later", "never"]


def test_document_measures_of_a_case_by_hand() -> None:
    # Relevant: a (grade 2) at rank 2, b (grade 1) at rank 4, c never found; x is judged and not relevant.
    values = document_measures({"q": ["x", "a", "y", "b"]}, {"q": {"a": 2, "b": 1, "c": 1, "x": 0}})["q"]
    gained = 2 / math.log2(3) + 1 / math.log2(5)
    ideal = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert values == pytest.approx(
        {"nDCG@10": gained / ideal, "R@10": 2 / 3, "R@100": 2 / 3, "RR@10": 1 / 2, "AP": (1 / 2 + 2 / 4) / 3}
    )


def test_a_question_that_found_nothing_scores_zero() -> None:
    values = document_measures({"q": [], "r": ["y"]}, {"q": {"a": 1}, "r": {"a": 1}})
    assert list(values) == ["q", "r"]
    assert {value for by_measure in values.values() for value in by_measure.values()} == {0.0}


def test_no_questions_give_no_values() -> None:
    assert span_measures({}) == document_measures({}, {}) == {}
