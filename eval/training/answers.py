"""Fits the confidence of ``rag/answer/answering.json``: the probability that the units chosen as the answer are right.

Reads files of JSON lines ``{"set", "right", "features"}``, one for each question asked of a collection: the features of
``rag.answer.evidence``, and whether the answer held what the gold set says; of a question that has no answer it never does.
Every set counts alike, or by the weight given for it; each is also judged by a fit on the others.

Example: python -m eval.training.answers squad2.jsonl clapnq.jsonl files.jsonl=2 --out rag/answer/answering.json
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.files import write_text
from eval.scoring.confidence import auroc, calibration_error
from rag.answer.evidence import FEATURES
from rag.answer.weights import FILE

Values = NDArray[np.float64]

# What speaks against an answer must not raise its confidence, and what speaks for it must not lower it.
_AGAINST = frozenset(
    ("lacking", "names_missing", "names_unsaid", "names_unknown", "unknown", "heaviest_missing", "periods_missing")
)
_RIDGE = 1e-3  # on weights of features scaled to unit deviation


class AnsweredSet(NamedTuple):
    """The questions of one set. features: float64 (n, len(FEATURES)).  right: (n,), 1 or 0.  weight: of the set among all."""

    name: str
    features: Values
    right: Values
    weight: float


class LeftOutSet(NamedTuple):
    """What a fit on the other sets is worth on one: area under the ROC curve of "right", and calibration error."""

    name: str
    auroc: float
    calibration_error: float


def read_set(path: Path, weight: float) -> AnsweredSet:
    """The questions in one file."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    features = np.array([[line["features"][name] for name in FEATURES] for line in lines])
    return AnsweredSet(lines[0]["set"], features, np.array([float(line["right"]) for line in lines]), weight)


def fit(sets: Sequence[AnsweredSet]) -> dict[str, float]:
    """Intercept and weights of a logistic model in which no feature counts against what it stands for."""
    from scipy.optimize import minimize

    features = np.concatenate([each.features for each in sets])
    right = np.concatenate([each.right for each in sets])
    share = np.concatenate([np.full(len(each.right), each.weight / len(each.right)) for each in sets])
    share /= share.sum()
    spread = features.std(axis=0) + 1e-9
    scaled = features / spread

    def loss(weights: Values) -> tuple[float, Values]:
        odds = weights[0] + scaled @ weights[1:]
        misses = share * (1.0 / (1.0 + np.exp(-odds)) - right)
        value = float(share @ (np.logaddexp(0.0, odds) - right * odds) + _RIDGE * weights[1:] @ weights[1:])
        slope = np.concatenate([[misses.sum()], scaled.T @ misses + 2 * _RIDGE * weights[1:]])
        return value, slope

    bounds = [(None, None), *((None, 0.0) if name in _AGAINST else (0.0, None) for name in FEATURES)]
    weights = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    slopes = dict(zip(FEATURES, map(float, weights[1:] / spread), strict=True))
    return {"intercept": float(weights[0]), **slopes}


def probabilities(weights: Mapping[str, float], features: Values) -> Values:
    """The confidence of each question: float64 (n,)."""
    odds = weights["intercept"] + features @ np.array([weights[name] for name in FEATURES])
    return np.asarray(1.0 / (1.0 + np.exp(-odds)), dtype=np.float64)


def judge_left_out(sets: Sequence[AnsweredSet]) -> list[LeftOutSet]:
    """For each set the figures of a fit on all others."""
    judged = []
    for each in sets:
        sure = probabilities(fit([other for other in sets if other is not each]), each.features)
        judged.append(LeftOutSet(each.name, auroc(sure, each.right), calibration_error(sure, each.right)))
    return judged


def main() -> None:
    """Reads the sets, prints what each is worth left out, and writes the file."""
    parser = argparse.ArgumentParser(prog="python -m eval.training.answers", description=__doc__)
    parser.add_argument("sets", nargs="+", metavar="FILE[=WEIGHT]")
    parser.add_argument("--out", type=Path, default=FILE)
    arguments = parser.parse_args()
    sets = [read_set(Path(name), float(weight or 1)) for name, _, weight in (s.partition("=") for s in arguments.sets)]
    judged = judge_left_out(sets) if len(sets) > 1 else []
    for line in judged:
        sys.stdout.write(f"{line}\n")
    rounded = {name: float(f"{value:.4g}") for name, value in fit(sets).items()}
    parts = {
        "command": "python -m eval.training.answers " + " ".join(Path(name).name for name in arguments.sets),
        "fitted_on": {each.name: len(each.right) for each in sets},
        "unit": json.loads(FILE.read_text(encoding="utf-8"))["unit"],
        "confidence": rounded,
        "left_out": [[line.name, round(line.auroc, 3), round(line.calibration_error, 3)] for line in judged],
    }
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in parts.items())
    write_text("--out", arguments.out, "{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
