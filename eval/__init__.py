"""Evaluation: gold sets, measures, runs and their comparison. Knows no HTTP and nothing inside the index."""

__all__: list[str] = []
