"""This system beside dense, BM25 and their fusion by ranks, on the same passages with the same model, set by set."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from eval.scoring.comparison import Comparison, compare
from eval.scoring.measures import DOCUMENT_MEASURES, SPAN_MEASURES
from eval.scoring.runs import Run, StoreState
from eval.scoring.score import DOCUMENT_RR, HEADLINES, run
from eval.sets.gold import Question
from rag.inspection.baselines import BASELINES
from rag.shared.types import Answer, Query


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
    progress: Callable[[int], None],
) -> Standing:
    """Ask a set's answerable questions of this system and of each baseline. progress: called with how many are asked."""
    answerable = [question for question in questions if question.answerable]

    def asked(before: int, ask: Callable[[Query], Answer]) -> Run:
        n_asked = before * len(answerable)
        return run(ask, answerable, gold=gold, k=10, store=store, progress=lambda done: progress(n_asked + done))

    ours = asked(0, ask)
    others = {name: asked(before, partial(ask_baseline, name)) for before, name in enumerate(BASELINES, 1)}
    return Standing(ours, others, {name: compare(ours, other) for name, other in others.items()})


def standing_json(standing: Standing) -> dict[str, object]:
    """A set's figures ready for json.dumps; only measures of retrieval, which all systems have."""
    ours = standing.ours
    # Baselines have no answers and no confidence.
    names = [name for name in ours.measures if name in (*SPAN_MEASURES, *DOCUMENT_MEASURES, DOCUMENT_RR)]
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
