"""Numpy, without threads of its OpenBLAS: no product here is large enough for them, and they would spin beside the engine's."""

import os

_THREADS = "OPENBLAS_NUM_THREADS"


def load_numpy() -> None:
    """To be called before anything imports numpy: its OpenBLAS reads once, when it is loaded, how many threads to start.

    Starting and spinning they take a tenth of a second of two cores. What the environment says comes first, and is left as it was:
    child processes may be of other programs.
    """
    ours = _THREADS not in os.environ
    os.environ.setdefault(_THREADS, "1")
    try:
        import numpy  # noqa: F401
    finally:
        if ours:
            del os.environ[_THREADS]
