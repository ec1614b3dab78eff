"""How likely it is that a listed passage answers the question."""

import math

from rag.signals import Signals

# A first logistic model, set by hand on the scales of its two inputs and not calibrated: answers say so.
_INTERCEPT, _SIMILARITY, _COVERAGE = -7.0, 9.0, 5.0
THRESHOLD = 0.5


def confidence(signals: Signals, listed: list[int]) -> float:
    """Probability from the best sentence similarity and the best coverage of the question's terms among the listed candidates."""
    if not listed:
        return 0.0
    similarity = max(float(signals.sentence[position]) for position in listed)
    coverage = max(float(signals.coverage[position]) for position in listed)
    return _logistic(_INTERCEPT + _SIMILARITY * similarity + _COVERAGE * coverage)


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))
