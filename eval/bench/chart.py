"""A picture of saved results: per benchmark its main figure, one bar a case."""

from collections.abc import Sequence
from pathlib import Path

from eval.bench.results import Row
from rag.shared.errors import RagError

# Per benchmark the figure that is drawn, and how it is named; lower is better where the name says so.
_DRAWN = {
    "embed": [("passages_per_s", "embedding, passages/s")],
    "ingest": [("passages_per_s", "rag add, passages/s")],
    "ask": [("p50_ms", "answer over HTTP, p50 ms (lower is better)"), ("questions_per_s", "questions/s over HTTP")],
    "start": [("median_s", "cold start, s (lower is better)")],
    "scale": [("p50_ms", "one question by corpus size, p50 ms (lower is better)")],
    "peers": [
        ("ingest_s", "ingest, s (lower is better)"),
        ("p50_ms", "one question, p50 ms (lower is better)"),
        ("RR@10", "RR@10"),
    ],
}


def draw(rows: Sequence[Row], path: Path) -> list[str]:
    """Write the picture, whose format is that of the name (.svg or .png), and return its titles.

    Raises RagError when matplotlib is missing.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise RagError("drawing needs matplotlib: pip install 'footnote-rag[bench]'") from error
    matplotlib.use("agg")
    from matplotlib import pyplot

    panels = []
    for bench, figures in _DRAWN.items():
        for name, title in figures:
            bars = {
                row.case: value
                for row in rows
                if row.bench == bench and isinstance(value := row.figures.get(name), int | float)
            }
            if bars:
                panels.append((title, bars))
    if not panels:
        raise RagError("there is nothing to draw in these results")
    sizes = [len(bars) + 1 for _, bars in panels]
    figure, axes = pyplot.subplots(
        len(panels), 1, figsize=(8, 0.32 * sum(sizes) + 0.4 * len(panels)), height_ratios=sizes, squeeze=False
    )
    for axis, (title, bars) in zip(axes[:, 0], panels, strict=True):
        drawn = axis.barh(list(bars), list(bars.values()), color="#3b6ea5")
        axis.bar_label(drawn, fmt="{:,.4g}", padding=3, fontsize=8)
        axis.set_title(title, loc="left", fontsize=10)
        axis.invert_yaxis()
        axis.margins(x=0.12)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return [title for title, _ in panels]
