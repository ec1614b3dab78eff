"""OpenVINO and numpy as they are imported here: without usage statistics, and without threads that spin beside the engine's."""

import os
import sys
from types import ModuleType
from typing import Any

_TELEMETRY = "openvino_telemetry"
_CONVERTER = "openvino.tools.ovc"
_THREADS = "OPENBLAS_NUM_THREADS"
_HELP_OF_NUMPY = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")


def load_openvino() -> Any:
    """The openvino module without its converter, which takes longer to import than all the rest."""
    first = "openvino" not in sys.modules
    if first:
        _refuse(_TELEMETRY)
        _refuse(_CONVERTER)
    import openvino

    if first:
        sys.modules.pop(_CONVERTER, None)  # so that load_converter can import it
    return openvino


def load_converter() -> Any:
    """The module whose ``convert_model`` reads other frameworks' models. It runs without ``openvino_telemetry``, and so nothing
    here ever calls home.
    """
    load_openvino()
    _refuse(_TELEMETRY)
    from openvino.tools import ovc

    return ovc


def _refuse(module: str) -> None:
    """Python's way to say that a module cannot be imported."""
    if module not in sys.modules:
        sys.modules[module] = None  # type: ignore[assignment]


def load_numpy(*, helps: bool = True) -> None:
    """To be called before anything imports numpy: its OpenBLAS reads once, when it is loaded, how many threads to start.

    No product here is large enough for threads. Starting and spinning they take a tenth of a second of two cores. What the
    environment says comes first, and is left as it was: child processes may be of other programs.
    helps: whether ``help`` shall say something of numpy; else a sixth of importing it is saved.
    """
    if not helps:
        sys.modules.update((module, ModuleType(module)) for module in _HELP_OF_NUMPY if module not in sys.modules)
    ours = _THREADS not in os.environ
    os.environ.setdefault(_THREADS, "1")
    try:
        import numpy  # noqa: F401
    finally:
        if ours:
            del os.environ[_THREADS]
