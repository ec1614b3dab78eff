"""Passages that say the same are shown once; those that say something else are not."""

import numpy as np
import pytest

from rag.duplicates import group_duplicates, same_statement

BASE = (
    "The committee approved the plan for the new bridge over the river after a long debate in the spring of last year"
)


def test_case_punctuation_and_line_breaks_do_not_matter() -> None:
    assert same_statement(BASE, BASE.upper().replace(" ", "\n") + ".")


def test_a_word_more_does_not_matter() -> None:
    assert same_statement(BASE, BASE + " however")


@pytest.mark.parametrize(
    "changed", [BASE.replace("approved", "not approved"), BASE.replace("the spring", "2024"), BASE + " twice 2"]
)
def test_a_negation_or_a_number_makes_another_statement(changed: str) -> None:
    assert not same_statement(BASE, changed)


def test_a_half_shared_text_is_another_statement() -> None:
    assert not same_statement(
        BASE, BASE[: len(BASE) // 2] + " but something entirely different happened in the meantime here"
    )


def test_groups_keep_rank_order_and_are_cut_at_the_limit() -> None:
    texts = [BASE, "Another thing altogether happened", BASE.upper(), "A third thing came to pass"]
    vectors = np.eye(4, dtype=np.float16)
    vectors[2] = vectors[0]
    order = np.array([2, 1, 0, 3])
    assert group_duplicates(vectors, order, 5, texts.__getitem__) == [[2, 0], [1], [3]]
    assert group_duplicates(vectors, order, 2, texts.__getitem__) == [[2, 0], [1]]
