"""Evaluation: gold sets, measures, runs and their comparison. Knows no HTTP and nothing inside the index, except in ``bench``:
some benchmarks are HTTP clients of a running service, and two of them make large stores and measure the index itself."""

__all__: list[str] = []
