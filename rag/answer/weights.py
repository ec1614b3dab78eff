"""The weights by which units are chosen and their confidence told, in ``answering.json``."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("answering.json")


class Weights(NamedTuple):
    """unit: of what speaks for a unit, on the scale of log-odds.  confidence: a logistic model of ``evidence`` with "intercept"."""

    unit: Mapping[str, float]
    confidence: Mapping[str, float]


@cache
def load_weights() -> Weights:
    """The weights that are shipped."""
    return read_weights(FILE)


def read_weights(path: Path) -> Weights:
    """The weights in a file that ``python -m eval.training.answers`` wrote."""
    fitted = json.loads(path.read_text(encoding="utf-8"))
    return Weights(fitted["unit"], fitted["confidence"])
