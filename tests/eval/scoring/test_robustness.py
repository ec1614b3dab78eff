"""Changed questions asked and compared with the same questions as they were."""

import json
from collections.abc import Callable, Mapping, Sequence

import pytest

from eval.scoring.robustness import kinds_of, perturbed, perturbed_json
from eval.scoring.runs import Run, StoreState
from eval.scoring.score import run
from eval.sets.gold import Place, Question
from rag.shared.errors import BadInput

DOCUMENTS = {"cats": "Cats purr happily. They sleep a lot.", "dogs": "Dogs bark loudly. They run about."}
QUESTIONS = (
    Question("1", "When do Cats purr?", True, ("Cats purr",), (Place("cats", 0, 9),)),
    Question("2", "what bark loudly", True, ("Dogs bark",), (Place("dogs", 0, 9),)),
)


def test_a_kind_is_compared_over_the_questions_that_it_changes(search: Callable[[Mapping[str, str]], object]) -> None:
    engine = search(DOCUMENTS)

    def ask(questions: Sequence[Question]) -> Run:
        return run(engine.ask, questions, gold="g", k=10, store=StoreState("f", {}, 2, 4))  # type: ignore[attr-defined]

    clean = ask(QUESTIONS)
    [lower, bare] = perturbed(clean, QUESTIONS, ("lower", "numbers", "unpunctuated"), 0, ask)
    assert (lower.kind, bare.kind) == ("lower", "unpunctuated")  # none of the questions has a number
    assert [result.question for result in lower.run.results] == ["when do cats purr?"]
    assert lower.changes["RR@10"].n == 1 and lower.changes["RR@10"].difference == 0.0
    saved = perturbed_json([lower])
    assert json.loads(json.dumps(saved)) == saved
    assert set(saved) == {"lower"}


def test_kinds_are_given_by_name_or_all_together() -> None:
    assert kinds_of(["lower", "typo"]) == ("typo", "lower")
    assert kinds_of([]) == () and len(kinds_of(["all"])) == 9
    with pytest.raises(BadInput, match="'tyop': use one of typo, two-typos, .*, or all"):
        kinds_of(["tyop"])
