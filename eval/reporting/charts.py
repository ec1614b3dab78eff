"""Plots of confidence as SVG for a page, whose style sheet gives the colours.

These are its custom properties ``--chart-1``, ``--chart-2``, ``--ink``, ``--faint`` and ``--line``. Two plots of lines and dots are
less than a charting library brings: matplotlib installs 40 MB and knows no dark page, pygal hooks into every later import.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from eval.scoring.confidence import risk_curve
from eval.scoring.statistics import Values

_MOST_POINTS = 200  # of a curve
_BINS = 10
_SMALLEST_DOT, _LARGEST_DOT = 3.0, 12.0  # radius
# The plot within its picture, in the picture's units.
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 520, 380, 62, 34, 26, 48
_STEPS = 5


class Labelled(NamedTuple):
    """Confidence and whether the answer is right (1 or 0), one value per question."""

    confidence: Values
    positive: Values


class _Series(NamedTuple):
    """x, y and radius of each point, 0 for no dot; hints: what to say of each dot."""

    points: Sequence[tuple[float, float, float]]
    hints: Sequence[str] = ()


def risk_coverage_chart(runs: Mapping[str, Labelled]) -> str:
    """Share of wrong among the questions answered, against the share answered when the surest come first. runs: by name."""
    series = {}
    top = 0.1
    for name, outcomes in runs.items():
        risks = risk_curve(*outcomes)
        top = max(top, float(risks.max()))
        chosen = np.unique(np.linspace(0, len(risks) - 1, min(len(risks), _MOST_POINTS)).astype(int))
        series[name] = _Series([((at + 1) / len(risks), float(risks[at]), 0.0) for at in chosen])
    top = min(math.ceil(round(top * 10, 6)) / 10, 1.0)
    return _drawn(series, "share of questions answered", "of these, the answer is wrong", top, diagonal=False)


def reliability_chart(runs: Mapping[str, Labelled]) -> str:
    """Share of questions that are answered right against mean confidence, ten bins; a larger dot is more questions."""
    most = max(len(outcomes.confidence) for outcomes in runs.values())
    series = {}
    for name, outcomes in runs.items():
        filled = bins(*outcomes)
        sizes = [_SMALLEST_DOT + (_LARGEST_DOT - _SMALLEST_DOT) * math.sqrt(n / most) for _, _, n in filled]
        series[name] = _Series(
            [(sure, share, size) for (sure, share, _), size in zip(filled, sizes, strict=True)],
            [f"{n} questions: confidence {sure:.0%}, answered right {share:.0%}" for sure, share, n in filled],
        )
    return _drawn(series, "confidence", "the answer is right", 1.0, diagonal=True)


def bins(confidence: Values, positive: Values) -> Sequence[tuple[float, float, int]]:
    """Mean confidence, share of positives and number of questions of each of ten equal bins that is not empty."""
    number = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    filled = []
    for number_of_bin in np.unique(number):
        inside = number == number_of_bin
        filled.append((float(confidence[inside].mean()), float(positive[inside].mean()), int(inside.sum())))
    return filled


def _drawn(series: Mapping[str, _Series], x_title: str, y_title: str, top: float, *, diagonal: bool) -> str:
    """The plot of shares from 0 to 1 against shares from 0 to ``top``."""
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def x(value: float) -> float:
        return round(_LEFT + value * (right - _LEFT), 1)

    def y(value: float) -> float:
        return round(bottom - value / top * (bottom - _TOP), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-size="13" fill="var(--ink)"'
        f' aria-label="{escape(y_title)}, against {escape(x_title)}">'
    ]
    for step in range(_STEPS + 1):
        share = step / _STEPS
        level = y(share * top)
        parts.append(f'<path d="M{_LEFT} {level}H{right}" stroke="var(--line)"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{level + 4}" text-anchor="end">{share * top:.0%}</text>')
        parts.append(f'<text x="{x(share)}" y="{bottom + 20}" text-anchor="middle">{share:.0%}</text>')
    parts.append(f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(x_title)}</text>')
    middle = (_TOP + bottom) / 2
    parts.append(f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(y_title)}</text>')
    if diagonal:
        parts.append(f'<path d="M{x(0)} {y(0)}L{x(1)} {y(1)}" stroke="var(--faint)" stroke-dasharray="5 5"/>')
    for number, (name, points) in enumerate(series.items(), 1):
        colour = f"var(--chart-{number})"
        line = "L".join(f"{x(across)} {y(up)}" for across, up, _ in points.points)
        parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round"/>')
        for (across, up, radius), hint in zip(points.points, points.hints, strict=False):
            parts.append(
                f'<circle cx="{x(across)}" cy="{y(up)}" r="{radius:.1f}" fill="{colour}" fill-opacity=".85">'
                f"<title>{escape(hint)}</title></circle>"
            )
        start = _LEFT + (number - 1) * 150
        parts.append(f'<rect x="{start}" y="8" width="12" height="12" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{start + 18}" y="19">{escape(name)}</text>')
    return "".join(parts) + "</svg>"
