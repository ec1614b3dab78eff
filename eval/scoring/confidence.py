"""How well ``confidence`` tells the questions that are positive from the others.

What positive means is the caller's: usually that the answer is right, which is what confidence claims to be likely.
Each function takes one value per question (positive: 1 or 0), in any order, and returns nan where it is not defined.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]

N_BINS = 15


def auroc(confidence: Values, positive: Values) -> float:
    """Probability that a positive question has more confidence than another, ties counting half. Higher is better.

    The Mann-Whitney statistic over the product of the two sizes; nan when there is only one class.
    """
    n_positive = float(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return math.nan
    ranks = stats.rankdata(confidence)
    return float((ranks @ positive - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def risk_curve(confidence: Values, positive: Values) -> Values:
    """Risk at coverage 1/n, 2/n, ..., 1: the share that is not positive among the most confident. Lower is better.

    Equal confidences share their errors evenly, which is the expectation over every order of theirs.
    """
    order = np.argsort(-confidence, kind="stable")
    _, first, counts = np.unique(-confidence[order], return_index=True, return_counts=True)
    errors = np.repeat(np.add.reduceat(1.0 - positive[order], first) / counts, counts)
    risks: Values = np.cumsum(errors) / np.arange(1, len(errors) + 1)
    return risks


def area_under_risk(confidence: Values, positive: Values) -> float:
    """Mean risk over all coverages (AURC; Geifman and El-Yaniv 2017). Lower is better."""
    return float(risk_curve(confidence, positive).mean())


def risk_at(coverage: float, confidence: Values, positive: Values) -> float:
    """Risk when only this share of the questions, the most confident, is answered. Lower is better."""
    return float(risk_curve(confidence, positive)[math.ceil(round(coverage * len(confidence), 9)) - 1])


def calibration_error(confidence: Values, positive: Values) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al. 2017). Lower is better.

    The mean over questions of how far, in their bin, mean confidence is from the share of positives.
    """
    bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    return float(np.abs(np.bincount(bins, weights=confidence - positive)).sum() / len(confidence))


def log_loss(confidence: Values, positive: Values) -> float:
    """Mean of ``-ln`` of the probability given to what was the case; confidence is kept 1e-9 from certainty. Lower is better."""
    sure = np.clip(confidence, 1e-9, 1 - 1e-9)
    return float(-np.log(np.where(positive > 0, sure, 1 - sure)).mean())


def brier_score(confidence: Values, positive: Values) -> float:
    """Mean squared difference of confidence and what was the case (Brier 1950). Lower is better."""
    return float(np.square(confidence - positive).mean())
