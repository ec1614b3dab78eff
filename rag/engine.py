"""OpenVINO, without the usage statistics that its converter would send."""

import sys
from typing import Any


def load_openvino() -> Any:
    """The openvino module. Its converter runs without ``openvino_telemetry``, and so nothing here ever calls home."""
    if "openvino_telemetry" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # Python's way to say "cannot be imported"
    import openvino

    return openvino
