"""When a confidence is worth an answer, and how a store's own questions correct it.

The shipped confidence (answering.json) was fitted on public sets. ``rag eval GOLD --calibrate`` refits it for one store by Platt
scaling (Platt 1999) and keeps the refit with the store; it holds as long as everything that made the confidence stays the same.
"""

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Self

from index.types import JsonScalar
from rag.answer import weights

# Below this probability nothing is answered, and the nearest passages are shown instead. At 0.25 answerable questions of squad2,
# xquad and clapnq are answered in 97 to 98 %; of those that real files do not answer, two in three are not (eval/reports/LOG.md).
THRESHOLD = 0.25
# Of a part that is asked for by its number and is there, at least: signals of words and meaning say little of numbers. Not one,
# as several documents may have a part of that number.
OF_NAMED_PART = 0.8
# Of something in such a part, at least: it is there, and quoting it leaves little to doubt.
IN_NAMED_PART = 0.5
# Why nothing is answered, in the words of the contract, and what that means.
ABSTAIN_REASONS: Mapping[str, str] = {
    "no_documents": "the collection is empty",
    "no_match": "no document has the metadata that the filter asks for",
    "low_confidence": "no answer is likely enough to be right",
    "model_abstained": "the language model finds no answer in the passages (generated answers only)",
    "risk_too_high": "there may be an answer, but it is likelier to be wrong than the risk that was accepted",
}
# Log-odds beyond which a probability is as good as certain; the shipped confidence stays within.
_MOST_CERTAIN = 50.0
REFIT_NOTE = "confidence"  # name of the store's note

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refit:
    """Platt scaling of the shipped confidence: ``log-odds = slope * (given - centre) + centre + shift``, slope > 0.

    basis: what the confidence was made with, and so what this holds for (``basis_of``).
    gold: SHA-256 of the questions it was fitted on.  positives, negatives: how many are answered right, and the others.
    fitted_at: ISO 8601, UTC.
    """

    slope: float
    centre: float
    shift: float
    basis: Mapping[str, JsonScalar]
    gold: str
    positives: int
    negatives: int
    fitted_at: str

    def apply(self, confidence: float) -> float:
        """The corrected probability."""
        return _probability(self.slope * (log_odds(confidence) - self.centre) + self.centre + self.shift)

    def undo(self, confidence: float) -> float:
        """The probability that ``apply`` was given."""
        return _probability((log_odds(confidence) - self.centre - self.shift) / self.slope + self.centre)

    def to_note(self) -> str:
        """The text that a store keeps."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_note(cls, note: str) -> Self:
        """The refit that ``to_note`` wrote.  Raises ValueError for anything else."""
        try:
            return cls(**json.loads(note))
        except TypeError as error:
            raise ValueError(f"not a refit of confidence: {error}") from error


def answers(confidence: float, max_risk: float | None) -> bool:
    """Whether a confidence is enough to answer.

    max_risk: the accepted probability that an answer is wrong; None for the default threshold.
    """
    if max_risk is None:
        return confidence >= THRESHOLD
    return 1.0 - confidence <= max_risk + 1e-12  # so that 0.9 is enough for a risk of 0.1


def reason_to_abstain(confidence: float, max_risk: float | None) -> str:
    """Which of ``ABSTAIN_REASONS`` a confidence gives that is not enough."""
    return "low_confidence" if max_risk is None or not answers(confidence, None) else "risk_too_high"


def basis_of(settings: Mapping[str, JsonScalar], reranker: str | None = None) -> dict[str, JsonScalar]:
    """What decides a store's confidence: its model, its passage settings, the shipped weights and the cross-encoder.

    settings: of the store.  reranker: fingerprint of the cross-encoder, None without one.
    """
    return {
        **{name: settings[name] for name in ("model_fingerprint", "passage_characters", "overlap_sentences")},
        "weights": _weights_sha256(),
        "reranker": reranker,
    }


def kept_refit(note: str | None, basis: Mapping[str, JsonScalar]) -> Refit | None:
    """The refit in a store's note when it holds for this basis; one that does not is told once and not used."""
    if note is None:
        return None
    try:
        refit = Refit.from_note(note)
    except ValueError:
        _tell_unused("by another version")
        return None
    if refit.basis == basis:
        return refit
    changed = [name.replace("_", " ") for name, value in basis.items() if refit.basis.get(name) != value]
    _tell_unused(f"with other {' and '.join(changed)}")
    return None


@cache
def _tell_unused(how: str) -> None:
    _log.warning(
        "this store's calibration of confidence was made %s and is not used: make it again, rag eval GOLD --calibrate",
        how,
    )


def log_odds(probability: float) -> float:
    """``ln(p / (1 - p))``, within +-50."""
    if not 0.0 < probability < 1.0:
        return math.copysign(_MOST_CERTAIN, probability - 0.5)
    return max(-_MOST_CERTAIN, min(_MOST_CERTAIN, math.log(probability) - math.log1p(-probability)))


def _probability(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-_MOST_CERTAIN, min(_MOST_CERTAIN, odds))))


@cache
def _weights_sha256() -> str:
    ranking = Path(__file__).parents[1] / "retrieval" / "ranking.json"
    return hashlib.sha256(ranking.read_bytes() + weights.FILE.read_bytes()).hexdigest()
