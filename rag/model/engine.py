"""OpenVINO, without the usage statistics that its converter would send."""

import sys
from typing import Any

_TELEMETRY = "openvino_telemetry"
_CONVERTER = "openvino.tools.ovc"


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
