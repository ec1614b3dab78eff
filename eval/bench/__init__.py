"""Benchmarks, one question each: a module measures, its ``rows`` are printed and kept; no benchmark imports another."""
