"""What changed questions (eval/sets/perturbation.py) cost: each kind's questions against the same questions as they were."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from eval.scoring.comparison import Comparison, compare
from eval.scoring.runs import Run, run_json
from eval.sets.gold import Question
from eval.sets.perturbation import KINDS, perturb
from rag.shared.errors import BadInput


class Perturbed(NamedTuple):
    """A kind of change. run: of the questions that it changed.  changes: what differs from the same ones in the clean run."""

    kind: str
    run: Run
    changes: Mapping[str, Comparison]


def kinds_of(names: Sequence[str]) -> tuple[str, ...]:
    """The kinds that are meant, "all" being every one.  Raises BadInput for a name that is none."""
    for name in names:
        if name != "all" and name not in KINDS:
            raise BadInput(f"--perturb {name!r}: use one of {', '.join(KINDS)}, or all")
    return tuple(kind for kind in KINDS if "all" in names or kind in names)


def perturbed(
    clean: Run, questions: Sequence[Question], kinds: Sequence[str], seed: int, ask: Callable[[Sequence[Question]], Run]
) -> list[Perturbed]:
    """Ask the changed questions of each kind and compare. clean: the run of ``questions``; ask: gives the run of other ones.

    A kind that changes none of the questions is left out.
    """
    texts = {question.id: question.text for question in questions}
    results = []
    for kind in kinds:
        changed = perturb(questions, kind, seed)
        if changed:
            run = ask(changed)
            # Runs are compared by question: these are the same ones, in other words.
            as_clean = replace(run, results=tuple(replace(result, question=texts[result.id]) for result in run.results))
            results.append(Perturbed(kind, run, compare(as_clean, clean)))
    return results


def perturbed_json(kinds: Sequence[Perturbed]) -> dict[str, object]:
    """Kind -> its figures and questions, ready for json.dumps."""
    return {
        kind.kind: {
            "description": KINDS[kind.kind],
            **{
                name: value
                for name, value in run_json(kind.run).items()
                if name in ("queries", "measures", "per_query")
            },
            "compare": {name: change._asdict() for name, change in kind.changes.items()},
        }
        for kind in kinds
    }
