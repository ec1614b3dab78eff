"""What a benchmark measured: rows of figures, kept as JSON lines that say on what machine, and a picture of them."""

import json
import math
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rag.shared.config import usable_cores
from rag.shared.errors import BadInput, RagError

_ROOT = Path(__file__).parent.parent.parent
_VERSIONS = ("openvino", "faiss-cpu", "tantivy", "apsw", "tokenizers", "numpy")

Figure = float | int | str | bool | None
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


@dataclass(frozen=True, slots=True)
class Row:
    """One measured case. bench: the question that was measured.  case: what was measured, as "footnote bf16".

    figures: name -> value. The name ends in the unit where there is one (``p50_ms``, ``memory_mb``, ``passages_per_s``).
    """

    bench: str
    case: str
    figures: Mapping[str, Figure]


def line_of(row: Row) -> str:
    """A row as one line of JSON, with machine, versions and commit: only lines of one machine may be compared."""
    return json.dumps(
        {
            "bench": row.bench,
            "case": row.case,
            **row.figures,
            "machine": machine(),
            "versions": versions(),
            "commit": commit(),
        },
        ensure_ascii=False,
    )


def read_rows(path: Path) -> list[Row]:
    """Rows saved as JSON lines.  Raises BadInput when the file holds anything else."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            saved = json.loads(line)
            about = ("bench", "case", "machine", "versions", "commit")
            rows.append(Row(saved["bench"], saved["case"], {k: v for k, v in saved.items() if k not in about}))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadInput(f"{path}:{number} is no result line of rag bench ({error})") from error
    return rows


def percentiles(milliseconds: Sequence[float]) -> dict[str, Figure]:
    """p50, p95 and p99 of some durations, each a duration that occurred (nearest rank)."""
    ordered = sorted(milliseconds)
    return {
        f"p{share}_ms": round(ordered[max(math.ceil(share / 100 * len(ordered)), 1) - 1], 3) for share in (50, 95, 99)
    }


@cache
def machine() -> str:
    """Processor and how many of its cores this process may use."""
    name = platform.processor() or platform.machine()
    flags: set[str] = set()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            elif key.strip() == "flags":
                flags = set(value.split())
    except OSError:
        pass  # not Linux
    wide = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if flag in flags]
    return f"{name}, {usable_cores()} cores" + (f" ({', '.join(wide)})" if wide else "")


@cache
def versions() -> dict[str, str]:
    """Of Python and of the engines."""
    return {"python": platform.python_version(), **{name: version(name) for name in _VERSIONS}}


@cache
def commit() -> str | None:
    """The commit that is checked out, "+" behind it when files differ from it; None outside a repository."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


class Table(NamedTuple):
    """Results of one benchmark as text. cases: the heads of the columns.  lines: each a figure's name and its value per case."""

    bench: str
    cases: list[str]
    lines: list[list[str]]


def tables(rows: Iterable[Row]) -> list[Table]:
    """Rows as text, one table for each run of rows of one benchmark; "" where a case lacks a figure."""
    shown = []
    for bench, group in groupby(rows, key=lambda row: row.bench):
        cases = list(group)
        names = dict.fromkeys(name for row in cases for name in row.figures)
        lines = [[name.replace("_", " "), *(_shown(row.figures.get(name)) for row in cases)] for name in names]
        shown.append(Table(bench, [row.case for row in cases], lines))
    return shown


def _shown(value: Figure) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else value


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
