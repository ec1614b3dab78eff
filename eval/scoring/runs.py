"""A run: what a gold set's questions got, and the figures. Saved as JSON, it can be compared with later ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from eval.scoring.statistics import Estimate
from rag.shared.errors import BadInput

_HOW_TO_SAVE = "save one with rag eval GOLD --out RUN.json"
_Wanted = TypeVar("_Wanted")


class Listed(NamedTuple):
    """A passage of an answer: its document (source, or id when it has none), place and score."""

    document: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Result:
    """What one question got.

    rank: of the first hit, 1-based, None without one; it may be past the k listed.  passages: the k listed.
    right: whether the answer, also one that was held back, has what the gold set says (``eval.scoring.score.judge``).
    measures: the values of the measures that have one per question.
    """

    id: str
    question: str
    answerable: bool
    measures: Mapping[str, float]
    confidence: float
    answered: bool
    answer: str | None
    rank: int | None
    passages: tuple[Listed, ...]
    right: bool


class CalibrationState(NamedTuple):
    """The refit of confidence that a store answered with: SHA-256 of its gold set, questions of either kind, when (ISO 8601)."""

    gold: str
    positives: int
    negatives: int
    fitted_at: str


@dataclass(frozen=True, slots=True)
class StoreState:
    """What was asked: the store's fingerprint of model and settings, the settings, and how much is in it.

    calibration: None where confidence is as shipped.
    """

    fingerprint: str
    settings: Mapping[str, object]
    documents: int
    passages: int
    calibration: CalibrationState | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A scored run. k: passages listed per question.  seconds: spent asking."""

    gold: str
    k: int
    results: tuple[Result, ...]
    measures: Mapping[str, Estimate]
    store: StoreState
    seconds: float


def run_json(run: Run) -> dict[str, object]:
    """The run as in the contract, ready for json.dumps; with k, without which its figures cannot be read."""
    return {
        "gold": run.gold,
        "queries": len(run.results),
        "k": run.k,
        "measures": {name: estimate._asdict() for name, estimate in run.measures.items()},
        "per_query": [_result_json(result) for result in run.results],
        "store": {
            "fingerprint": run.store.fingerprint,
            "settings": dict(run.store.settings),
            "documents": run.store.documents,
            "passages": run.store.passages,
            "calibration": run.store.calibration._asdict() if run.store.calibration else None,
        },
        "seconds": round(run.seconds, 3),
    }


def _result_json(result: Result) -> dict[str, object]:
    return {
        "id": result.id,
        "question": result.question,
        "answerable": result.answerable,
        "measures": dict(result.measures),
        "confidence": result.confidence,
        "answered": result.answered,
        "answer": result.answer,
        "rank": result.rank,
        "passages": [passage._asdict() for passage in result.passages],
        "right": result.right,
    }


def load_run(path: Path) -> Run:
    """A run saved with ``--out`` or ``--json``.  Raises BadInput when it is not one."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise BadInput(f"{path} is not JSON ({error}): {_HOW_TO_SAVE}") from error
    try:
        store = saved["store"]
        calibration = store.get("calibration")  # runs saved by earlier versions have none
        return Run(
            gold=_typed(saved["gold"], str),
            k=_typed(saved["k"], int),
            results=tuple(_result_from_json(row) for row in _typed(saved["per_query"], list)),
            measures={name: Estimate(**values) for name, values in _typed(saved["measures"], dict).items()},
            store=StoreState(
                store["fingerprint"],
                store["settings"],
                store["documents"],
                store["passages"],
                CalibrationState(**calibration) if calibration else None,
            ),
            seconds=float(saved["seconds"]),
        )
    except KeyError as error:
        raise BadInput(f"{path} is not a saved run: {error} is missing; {_HOW_TO_SAVE}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise BadInput(f"{path} is not a saved run ({error}); {_HOW_TO_SAVE}") from error


def _result_from_json(row: Mapping[str, object]) -> Result:
    rank, answer = row["rank"], row["answer"]
    return Result(
        id=_typed(row["id"], str),
        question=_typed(row["question"], str),
        answerable=_typed(row["answerable"], bool),
        measures={name: float(value) for name, value in _typed(row["measures"], dict).items()},
        confidence=_typed(row["confidence"], float),
        answered=_typed(row["answered"], bool),
        answer=None if answer is None else _typed(answer, str),
        rank=None if rank is None else _typed(rank, int),
        passages=tuple(Listed(**passage) for passage in _typed(row["passages"], list)),
        right=_typed(
            row.get("right", answer is not None and rank is not None), bool
        ),  # earlier versions did not save it
    )


def _typed(value: Any, kind: type[_Wanted]) -> _Wanted:
    """The value, when it is what a saved run has there; JSON writes a whole number of a float without its point."""
    if type(value) is int and kind is float:
        return float(value)  # type: ignore[return-value]
    if type(value) is not kind:
        raise TypeError(f"{str(value)[:40]!r} where {kind.__name__} is expected")
    return value
