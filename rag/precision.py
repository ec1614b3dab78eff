"""Which precision this machine computes a model fastest in: measured, because what a CPU says of itself does not tell.

One CPU that offers bfloat16 ran the default model 2 times as fast in it as in float32, another one 0.6 times as fast. It is
measured once per model and machine and kept beside the converted model.
"""

import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np

from rag.engine import load_openvino

_log = logging.getLogger(__name__)

# float32 is exact, so bfloat16 has to be worth its rounding.
_WORTH = 1.15
_ROUNDS = 4
_TEXTS, _TOKENS = 8, 96  # of a batch like those of passages


def fastest_precision(core: Any, folder: Path) -> str:
    """ "bf16" where it runs the model in ``folder`` clearly faster than float32, else "f32".

    core: openvino.Core. A folder that cannot be written to has it measured again by each process (half a second).
    """
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return "f32"
    kept = folder / f"precision-{_machine(core)}.json"
    try:
        found = json.loads(kept.read_text())["precision"]
        if found in ("f32", "bf16"):
            return str(found)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not measured yet, or not whole
    seconds = _measure(core, folder)
    precision = "bf16" if seconds["bf16"] * _WORTH < seconds["f32"] else "f32"
    _log.info("a batch takes %.0f ms in float32, %.0f ms in bfloat16", *(1e3 * seconds[p] for p in ("f32", "bf16")))
    try:
        kept.write_text(json.dumps({"precision": precision, "seconds": seconds}))
    except OSError as error:
        _log.debug("the precision is measured again next time: %s", error)
    return precision


def _machine(core: Any) -> str:
    """16 hexadecimal digits of the engine's version and all that is known of the CPU (machines may share a name but not flags)."""
    device = core.get_versions("CPU")["CPU"]
    known = [core.get_property("CPU", "FULL_DEVICE_NAME"), device.build_number]
    known += sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    try:
        known += [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")][:1]
    except OSError:
        pass  # not Linux
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]


def _measure(core: Any, folder: Path) -> dict[str, float]:
    """Seconds for a batch on one core at each precision, the least of some rounds taken in turn."""
    openvino = load_openvino()
    hint, properties = openvino.properties.hint, openvino.properties
    model = core.read_model(folder / "model.xml")
    ids = np.random.default_rng(0).integers(200, 2_000, (_TEXTS, _TOKENS))
    inputs = [ids, np.ones_like(ids), np.ones((_TEXTS, 1, _TOKENS), np.float32)]
    requests = {}
    for name, kind in (("f32", openvino.Type.f32), ("bf16", openvino.Type.bf16)):
        options = {hint.inference_precision: kind, properties.num_streams: 1, properties.inference_num_threads: 1}
        requests[name] = core.compile_model(model, "CPU", options).create_infer_request()
        requests[name].infer(inputs)
    seconds = dict.fromkeys(requests, float("inf"))
    for _ in range(_ROUNDS):
        for name, request in requests.items():
            started = time.perf_counter()
            request.infer(inputs)
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    return seconds
