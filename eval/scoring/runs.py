"""A run: what a gold set's questions got, and the figures. Saved as JSON, it can be compared with later ones."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from eval.scoring.statistics import Estimate
from rag.shared.errors import BadInput


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
    right: whether the answer, also one that was held back, has what the gold set says (``eval.scoring.score.judge``). Version 0.1
    did not save it.
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
    right: Annotated[bool, Field(default_factory=lambda row: row["answer"] is not None and row["rank"] is not None)]


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
    results: Annotated[tuple[Result, ...], Field(validation_alias="per_query")]
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
        "per_query": [
            {**asdict(result), "passages": [passage._asdict() for passage in result.passages]} for result in run.results
        ],
        "store": asdict(run.store) | {"calibration": run.store.calibration and run.store.calibration._asdict()},
        "seconds": round(run.seconds, 3),
    }


_RUN: TypeAdapter[Run] = TypeAdapter(Run)


def load_run(path: Path) -> Run:
    """A run saved with ``--out`` or ``--json``.  Raises BadInput when it is not one."""
    try:
        return _RUN.validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in wrong["loc"])
        reason = f"{place}: {wrong['msg']}" if place else wrong["msg"]
        raise BadInput(f"{path} is not a saved run ({reason}); save one with rag eval GOLD --out RUN.json") from error
