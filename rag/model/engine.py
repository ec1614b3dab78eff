"""OpenVINO and numpy as they are imported here: without usage statistics, and without threads that spin beside the engine's."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_TELEMETRY = "openvino_telemetry"
_CONVERTER = "openvino.tools.ovc"
_THREADS = "OPENBLAS_NUM_THREADS"
_HELP_OF_NUMPY = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")


def load_openvino() -> Any:
    """The openvino module without what running a model needs nothing of: its converter, which takes longer to import than all the
    rest, and its operations, all versions of which take as long as the rest.
    """
    first = "openvino" not in sys.modules
    operations = _operations() if first else []
    if first:
        _refuse(_TELEMETRY)
        _refuse(_CONVERTER)
        sys.modules.update((module, ModuleType(module)) for module in operations)
    import openvino

    for module in (_CONVERTER, *operations) if first else ():  # so that they can be imported where they are needed
        sys.modules.pop(module, None)
        vars(openvino).pop(module.removeprefix("openvino."), None)
    return openvino


def _operations() -> list[str]:
    """The names of the modules that hold the operations of graphs, one a version."""
    spec = find_spec("openvino")
    folders = spec.submodule_search_locations or [] if spec else []
    return [f"openvino.{path.name}" for folder in folders for path in Path(folder).glob("opset*")]


def load_operations() -> Any:
    """The module of the operations that graphs are built of."""
    load_openvino()
    from openvino import opset13

    return opset13


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
