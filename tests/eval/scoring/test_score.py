"""A gold set asked of a small engine: what is a hit, which measures there are, and what they come to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from eval.scoring.runs import Run, StoreState
from eval.scoring.score import LOWER_IS_BETTER, measure_names, run
from eval.sets.gold import GoldSet, Place, Question
from eval.sets.quotes import locate, read_jsonl
from rag.shared.errors import BadInput
from rag.shared.types import Answer, AnswerText, IndexState, Query, Timings

Search = Callable[[Mapping[str, str]], Any]

DOCUMENTS = {
    "cats.txt": "Cats purr when they are happy. Cats sleep sixteen hours a day. Nobody knows why.",
    "dogs.txt": "Dogs bark at strangers. Dogs sleep half of the day. Nobody knows why.",
}
STORE = StoreState("fake", {}, 2, 5)


def place(source: str, quote: str) -> Place:
    start = DOCUMENTS[source].index(quote)
    return Place(source, start, start + len(quote))


def question(id: str, text: str, *places: Place, answerable: bool = True, **relevance: int) -> Question:  # noqa: A002
    answers = tuple(DOCUMENTS[place.document][place.start : place.end] for place in places)
    return Question(id, text, answerable, answers, places, {f"{name}.txt": grade for name, grade in relevance.items()})


BARK = question("bark", "which animals bark at people?", place("dogs.txt", "Dogs bark"))
SLEEP = question("sleep", "do dogs sleep all of the day?", place("cats.txt", "sixteen hours"))
FISH = question("fish", "how deep can whales dive?", answerable=False)


def scored(search: Search, *questions: Question, k: int = 10) -> Run:
    return run(search(DOCUMENTS).ask, questions, gold="tiny", k=k, store=STORE)


def test_a_run_lists_ranks_places_and_figures(search: Search) -> None:
    result = scored(search, BARK, SLEEP, FISH, k=2)
    bark, sleep, fish = result.results
    assert (bark.rank, sleep.rank, fish.rank) == (1, 2, None)
    assert bark.measures["RR@10"] == 1 and sleep.measures["RR@10"] == 0.5
    assert fish.measures == {"Answered unanswerable": 0.0}
    assert [passage.document for passage in sleep.passages] == ["dogs.txt", "cats.txt"]
    first = bark.passages[0]
    assert DOCUMENTS["dogs.txt"][first.start : first.end] == "Dogs bark at strangers."
    means = {name: figure.mean for name, figure in result.measures.items()}
    assert means["Success@1"] == 0.5 and means["Success@3"] == 1.0 and means["RR@10"] == 0.75
    assert means["Answer"] == 0.5 and means["Answered"] == 1.0 and means["Answered unanswerable"] == 0.0
    assert means["AUROC"] == 0.5 and means["AUROC answerable"] == 1.0
    assert tuple(result.measures) == measure_names([BARK, SLEEP, FISH])


def test_measures_look_ten_deep_whatever_is_listed(search: Search) -> None:
    result = scored(search, SLEEP, k=1)
    (sleep,) = result.results
    assert sleep.rank == 2 and sleep.measures["RR@10"] == 0.5 and len(sleep.passages) == 1


def test_confidence_is_right_only_when_the_answer_is(search: Search) -> None:
    # The passage that answers "sleep" is listed second, and the first one is quoted: its confidence counts as wrong.
    result = scored(search, BARK, SLEEP, FISH, k=2)
    assert [outcome.right for outcome in result.results] == [True, False, False]
    assert result.measures["Risk@80%"].mean == pytest.approx(2 / 3)


def test_an_answer_that_is_held_back_is_right_when_it_has_the_gold_answer() -> None:
    asked = Question("q", "who?", True, ("a dog",), (Place("d.txt", 0, 5),))

    def ask(query: Query) -> Answer:
        text = AnswerText(("It is a dog.",), (0,)) if query.max_risk == 1.0 else None
        return Answer("who?", text is not None, 0.1, True, None, text, (), IndexState(1, "f"), Timings(0, 0, 0))

    result = run(ask, [asked], gold="tiny", k=3, store=STORE).results[0]
    assert result.right and not result.answered and result.measures["Answer"] == 0.0


def test_where_a_set_gives_no_answers_a_listed_hit_is_right(search: Search) -> None:
    asked = question("q", "how long do cats sleep a day?", dogs=1)
    assert [scored(search, asked, k=k).results[0].right for k in (1, 2)] == [False, True]


@pytest.mark.parametrize(
    ("gold", "rank"),
    [
        (Place("dogs.txt", 0, 23), 1),  # the passage itself
        (Place("dogs.txt", 5, 9), 1),
        (Place("dogs.txt", 0, 24), None),  # one character more than any passage
        (Place("cats.txt", 5, 9), 3),  # the same positions in another document
    ],
)
def test_a_hit_contains_the_whole_answer_in_its_document(search: Search, gold: Place, rank: int | None) -> None:
    asked = Question("q", "do dogs bark at strangers?", True, ("x",), (gold,))
    (result,) = scored(search, asked).results
    assert result.rank == rank


def test_any_one_answer_is_enough(search: Search) -> None:
    asked = Question("q", "who barks at strangers?", True, ("x",), (Place("cats.txt", 0, 70), *BARK.places))
    (result,) = scored(search, asked).results
    assert result.rank == 1


def test_a_near_duplicate_shown_with_a_passage_is_a_hit_and_a_found_document(search: Search) -> None:
    why = question("why", "why does nobody know?", place("dogs.txt", "Nobody knows why"), dogs=1)
    (result,) = scored(search, why).results
    assert result.passages[0].document == "cats.txt"
    assert result.rank == 1 and result.measures["document RR@10"] == 0.5


def test_a_question_without_a_hit_scores_zero_and_counts(search: Search) -> None:
    lost = Question("q", "who barks?", True, ("x",), (Place("birds.txt", 0, 5),))
    result = scored(search, BARK, lost)
    assert result.results[1].rank is None and result.results[1].measures["RR@10"] == 0.0
    assert result.measures["RR@10"].mean == 0.5


def test_documents_rank_by_their_best_passage(search: Search) -> None:
    asked = question("q", "how long do cats sleep a day?", dogs=1)
    (result,) = scored(search, asked).results
    assert result.measures["RR@10"] == 0.5 and result.measures["R@10"] == 1.0
    assert result.rank == 2  # without places, of the first passage of a relevant document


def test_each_set_has_the_measures_that_it_allows() -> None:
    spans, documents = BARK, question("q", "who?", dogs=1)
    assert measure_names([spans])[:5] == ("Success@1", "Success@3", "Success@5", "Success@10", "RR@10")
    assert measure_names([documents]) == ("nDCG@10", "R@10", "R@100", "RR@10", "AP", "Answered")
    both = measure_names([spans, documents])
    assert "RR@10" in both and "document RR@10" in both and len(set(both)) == len(both)
    assert "AUROC" not in both and {"AUROC", "ECE", "Answered unanswerable"} <= set(measure_names([spans, FISH]))
    assert set(measure_names([FISH])) >= LOWER_IS_BETTER and "Answered" not in measure_names([FISH])


def test_only_unanswerable_questions_leave_what_needs_both_kinds_undefined(search: Search) -> None:
    result = scored(search, FISH)
    assert result.measures["AUROC"] == (None, None, None)


def test_the_answer_is_looked_for_in_its_first_sentences() -> None:
    asked = Question("q", "who?", True, ("a dog",), (Place("d.txt", 0, 5),))

    def ask(query: Query) -> Answer:
        answer = AnswerText(("Nobody\nbarks.", "It is  A DOG.", "Or a cat."), (0,))
        return Answer("who?", True, 0.5, True, None, answer, (), IndexState(1, "f"), Timings(0, 0, 0))

    result = run(ask, [asked], gold="tiny", k=3, store=STORE).results[0]
    assert [result.measures[name] for name in ("Answer@1", "Answer@2", "Answer")] == [0.0, 1.0, 1.0]


def test_documents_are_asked_for_deeply_and_progress_is_told() -> None:
    asked: list[Query] = []
    told: list[int] = []

    def ask(query: Query) -> Answer:
        asked.append(query)
        raise BadInput("too long")

    for questions, depth in (((BARK,), 10), ((question("q", "who?", dogs=1),), 200)):
        with pytest.raises(BadInput, match="of tiny: too long"):
            run(ask, questions, gold="tiny", k=3, store=STORE, progress=told.append)
        assert asked[-1].k == depth
    assert not told


def counted(ask: Callable[[Query], Answer], depths: list[int]) -> Callable[[Query], Answer]:
    def asking(query: Query) -> Answer:
        depths.append(query.k)
        return ask(query)

    return asking


LONG = {"long.txt": " ".join(f"Cats number {n} sleep." for n in range(260)), "short.txt": "Dogs bark."}


def test_a_document_of_many_passages_does_not_hide_the_others(search: Search) -> None:
    depths: list[int] = []
    asked = question("q", "how do cats sleep?", long=1, short=1)
    result = run(counted(search(LONG).ask, depths), [asked], gold="tiny", k=3, store=STORE)
    assert {result.measures[name].mean for name in ("R@10", "R@100", "AP", "nDCG@10")} == {1.0}
    assert depths == [200, 800] and len(result.results[0].passages) == 3


def test_no_more_passages_are_asked_for_when_they_cannot_change_a_measure(search: Search) -> None:
    many = {f"{n}.txt": f"Cats number {n} sleep." for n in range(300)}
    for documents, relevant, expected in (
        (LONG, "long.txt", [200]),  # all that is relevant is found
        (LONG, "lost.txt", [200, 800]),  # every passage is listed
        (many, "lost.txt", [200]),  # R@100 looks at a hundred documents
    ):
        depths: list[int] = []
        asked = Question("q", "how do cats sleep?", True, relevance={relevant: 1})
        run(counted(search(documents).ask, depths), [asked, BARK], gold="tiny", k=3, store=STORE)
        assert sorted(depths) == sorted(
            [*expected, 200, 200]
        )  # two threads ask: the other question comes at any time, and again at any risk


def test_questions_of_a_file_are_asked_in_order(
    search: Search, write_lines: Callable[[str, list[object]], Path]
) -> None:
    rows = [
        {"id": "b", "question": "which animals bark?", "quotes": ["Dogs bark"], "document": "dogs.txt"},
        {"id": "a", "question": "how deep can whales dive?", "answerable": False},
    ]
    path = write_lines("gold.jsonl", list(rows))
    gold: GoldSet = locate(path, read_jsonl(path), DOCUMENTS.items())
    told: list[int] = []
    result = run(search(DOCUMENTS).ask, gold.questions, gold=str(path), k=5, store=STORE, progress=told.append)
    assert [(row.id, row.rank) for row in result.results] == [("b", 1), ("a", None)] and told == [1, 2]
