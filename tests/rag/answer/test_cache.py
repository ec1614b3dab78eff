"""Answers that are kept: exact, of one generation, and never more than fit."""

from rag.answer.cache import AnswerCache
from rag.shared.types import Answer, IndexState, Timings


def answer(generation: int, question: str = "q") -> Answer:
    state, timings = IndexState(generation, "f"), Timings(0.0, 0.0, 0.0)
    return Answer(question, False, 0.0, False, "no_match", None, (), state, timings)


def test_an_answer_is_found_by_exactly_its_key_and_generation() -> None:
    cache = AnswerCache()
    cache.put(("q", 5), answer(3))
    assert cache.get(3, ("q", 5)) == answer(3)
    assert cache.get(3, ("q", 6)) is None
    assert cache.get(4, ("q", 5)) is None
    assert cache.get(2, ("q", 5)) is None


def test_a_later_generation_forgets_all_and_an_earlier_one_is_not_kept() -> None:
    cache = AnswerCache()
    cache.put("a", answer(3))
    cache.put("b", answer(4))
    assert cache.get(3, "a") is None and cache.get(4, "a") is None
    cache.put("a", answer(3))
    assert cache.get(3, "a") is None and cache.get(4, "b") == answer(4)


def test_the_answers_not_used_for_longest_go_first() -> None:
    cache = AnswerCache()
    for number in range(5_000):
        cache.put(number, answer(1, str(number)))
    assert cache.get(1, 0) is not None
    cache.put(5_000, answer(1))
    assert cache.get(1, 0) is not None and cache.get(1, 1) is None
