"""Passages that say the same are shown once; those that say something else are not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from index.candidates import Candidates
from rag.retrieval.duplicates import group_duplicates, same_statement

BASE = (
    "The committee approved the plan for the new bridge over the river after a long debate in the spring of last year"
)


def made(vectors: NDArray[np.float16], bodies: list[list[int]]) -> Candidates:
    """Candidates of one sentence, each with a context of as many terms as its number and these terms in its body."""
    n = len(bodies)
    return Candidates(
        ids=np.arange(n),
        vectors=np.repeat(vectors, 2, axis=0),
        sentence_counts=np.ones(n, dtype=np.int64),
        terms=np.array(
            [term for i, body in enumerate(bodies) for term in [*range(50, 50 + i), *body]], dtype=np.uint32
        ),
        term_counts=np.array([count for i, body in enumerate(bodies) for count in (i, len(body))], dtype=np.int64),
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


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (
            "In the final of the cup Adler defeated Brandt by 3 to 1.",
            "In the final of the cup Brandt defeated Adler by 3 to 1.",
        ),
        (
            "Room 1 costs 50 crowns and room 2 costs 80 crowns a night.",
            "Room 1 costs 80 crowns and room 2 costs 50 crowns a night.",
        ),
        (BASE + " on Monday at noon", BASE + " on Sunday at noon"),
        (BASE + " for the first time", BASE + " for the last time"),
    ],
    ids=["who", "which", "when", "how often"],
)
def test_a_word_in_the_place_of_another_makes_another_statement(text: str, other: str) -> None:
    assert not same_statement(text, other)
    assert same_statement(text, text)


def test_a_half_shared_text_is_another_statement() -> None:
    assert not same_statement(
        BASE, BASE[: len(BASE) // 2] + " but something entirely different happened in the meantime here"
    )


def test_groups_keep_rank_order_and_are_cut_at_the_limit() -> None:
    texts = [BASE, "Another thing altogether happened", BASE.upper(), "A third thing came to pass"]
    vectors = np.eye(4, dtype=np.float16)
    vectors[2] = vectors[0]
    candidates = made(vectors, [[1, 2], [1], [2, 1], [3]])
    order = np.array([2, 1, 0, 3])
    assert group_duplicates(candidates, order, 5, texts.__getitem__) == [[2, 0], [1], [3]]
    assert group_duplicates(candidates, order, 2, texts.__getitem__) == [[2, 0], [1]]


def test_the_same_words_under_another_title_are_a_copy_however_far_the_vectors_are_apart() -> None:
    texts = [BASE, BASE, BASE, "The plan approved the committee"]
    candidates = made(np.eye(4, dtype=np.float16), [[1, 2, 3], [1, 2, 3], [1, 2, 3], [3, 2, 1]])
    assert group_duplicates(candidates, np.arange(4), 5, texts.__getitem__) == [[0, 1, 2], [3]]


def test_equal_terms_are_no_copy_where_the_texts_differ() -> None:
    texts = [BASE, BASE.replace("approved", "not approved")]
    candidates = made(np.eye(2, dtype=np.float16), [[1, 2, 3], [1, 2, 3]])
    assert group_duplicates(candidates, np.arange(2), 5, texts.__getitem__) == [[0], [1]]
