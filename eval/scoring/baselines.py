"""This system beside dense, BM25 and their fusion by ranks, on the same passages with the same model, set by set."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from eval.scoring.comparison import Comparison, compare
from eval.scoring.runs import Run, StoreState
from eval.scoring.score import HEADLINES, run
from eval.sets.gold import Question
from rag.inspection.baselines import BASELINES
from rag.shared.types import Answer, Query

# Of answers and confidence, which baselines do not have.
_RETRIEVAL = (
    "Success@1",
    "Success@3",
    "Success@5",
    "Success@10",
    "RR@10",
    "document RR@10",
    "nDCG@10",
    "R@10",
    "R@100",
    "AP",
)


class Standing(NamedTuple):
    """How a set's answerable questions fared. ours, others: runs, those by the baseline's name.

    changes: baseline -> measure -> how much higher ours is.
    """

    ours: Run
    others: Mapping[str, Run]
    changes: Mapping[str, Mapping[str, Comparison]]

    @property
    def headline(self) -> str:
        """The measure that sums the set up: over passages where it has spans, else over documents."""
        return next(name for name in HEADLINES if name in self.ours.measures)


def stand(
    ask: Callable[[Query], Answer],
    ask_baseline: Callable[[str, Query], Answer],
    questions: Sequence[Question],
    *,
    gold: str,
    store: StoreState,
    progress: Callable[[int], None] | None = None,
) -> Standing:
    """Ask a set's answerable questions of this system and of each baseline. progress: called with how many are asked."""
    answerable = [question for question in questions if question.answerable]
    done = 0

    def asked(ask: Callable[[Query], Answer]) -> Run:
        nonlocal done
        before = done
        answered = run(
            ask,
            answerable,
            gold=gold,
            k=10,
            store=store,
            progress=(lambda n: progress(before + n)) if progress else None,
        )
        done += len(answerable)
        return answered

    ours = asked(ask)
    others = {name: asked(lambda query, name=name: ask_baseline(name, query)) for name in BASELINES}  # type: ignore[misc]
    return Standing(ours, others, {name: compare(ours, other) for name, other in others.items()})


def standing_json(standing: Standing) -> dict[str, object]:
    """A set's figures ready for json.dumps; only measures of retrieval, which all systems have."""
    ours = standing.ours
    names = [name for name in _RETRIEVAL if name in ours.measures]
    runs = {**standing.others, "this": ours}
    return {
        "gold": ours.gold,
        "queries": len(ours.results),
        "documents": ours.store.documents,
        "passages": ours.store.passages,
        "headline": standing.headline,
        "systems": {
            name: {
                "measures": {measure: of_run.measures[measure]._asdict() for measure in names},
                "seconds": round(of_run.seconds, 1),
            }
            for name, of_run in runs.items()
        },
        "compare": {
            name: {measure: changes[measure]._asdict() for measure in names}
            for name, changes in standing.changes.items()
        },
    }
