"""Which precision this machine computes a model fastest in: measured, because what a CPU says of itself does not tell.

One CPU that offers bfloat16 ran the default model 2 times as fast in it as in float32, another one 0.6 times as fast, 2 times as
fast in int8, and 2.3 times with int8 in the products and bfloat16 in all else. It is measured once per model and machine and kept
beside the converted model.

For int8, weights are rounded here, in groups that share a scale. The engine rounds tokens as they come, likewise in groups
(``GROUP`` values of one token), so nothing has to be calibrated on texts. Measured with the default model on 256 passages: cosine
to float32 .9991 on average and .9987 at least, 1.96 times as many passages a second; one scale for a whole row of weights .9988;
groups of 64 .9995, 1.73 times.
"""

import hashlib
import json
import logging
import platform
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from index.local.system.files import let_read
from rag.model.engine import load_openvino, load_operations
from rag.shared.config import MEASURED_PRECISIONS

_log = logging.getLogger(__name__)

# float32 is exact, so another precision has to be worth its rounding.
_WORTH = 1.15
_ROUNDS = 4
_TEXTS, _TOKENS = 8, 96  # of a batch like those of passages
PRECISIONS = MEASURED_PRECISIONS
GROUP = 128  # values that share a scale in int8
_LARGEST = 127


def graph_file(folder: Path, precision: str) -> Path:
    return folder / ("model-int8.xml" if is_rounded(precision) else "model.xml")


def is_rounded(precision: str) -> bool:
    """Whether weights are in int8."""
    return precision.startswith("int8")


def options(precision: str) -> dict[Any, Any]:
    """How the engine is to compute at one of ``PRECISIONS``."""
    openvino = load_openvino()
    hint = openvino.properties.hint
    kind = openvino.Type.bf16 if precision.endswith("bf16") else openvino.Type.f32
    group = GROUP if is_rounded(precision) else 0
    return {hint.inference_precision: kind, hint.dynamic_quantization_group_size: group}


def fastest_precision(core: Any, folder: Path) -> str:
    """The precision of ``PRECISIONS`` that the model in ``folder`` runs clearly fastest in, else "f32".

    core: openvino.Core. A folder that cannot be written to has it measured again by each process (a second).
    """
    if kept := kept_precision(folder):
        return kept
    seconds = _measure(core, folder)
    fastest = min(seconds, key=lambda precision: seconds[precision])
    precision = fastest if seconds[fastest] * _WORTH < seconds["f32"] else "f32"
    _log.info("a batch takes %s", ", ".join(f"{1e3 * seconds[name]:.0f} ms in {name}" for name in seconds))
    try:
        _kept(folder).write_text(json.dumps({"precision": precision, "seconds": seconds}))
        let_read([_kept(folder)], folder)
    except OSError as error:
        _log.debug("the precision is measured again next time: %s", error)
    return precision


def kept_precision(folder: Path) -> str | None:
    """The precision that was measured for this machine before, None when there is none. Needs no engine."""
    try:
        precision = json.loads(_kept(folder).read_text())["precision"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return precision if precision in PRECISIONS else None


def _kept(folder: Path) -> Path:
    return folder / f"precision-{machine()}.json"


@cache
def machine() -> str:
    """Names the engine's version, what is measured and all that is known of the CPU: its name alone does not tell its flags."""
    known = [_engine_version(), platform.machine(), *PRECISIONS]
    try:
        about = Path("/proc/cpuinfo").read_text().splitlines()
        known += [next(line for line in about if line.startswith(field)) for field in ("model name", "flags")]
    except (OSError, StopIteration):
        pass  # not Linux, or not of this architecture
    return hashlib.sha256(" ".join(known).encode()).hexdigest()[:16]


def _engine_version() -> str:
    """Of the installed engine, which need not be loaded for it."""
    spec = find_spec("openvino")
    beside = Path(spec.origin).parents[1].glob("openvino-*.dist-info") if spec and spec.origin else iter(())
    if names := sorted(folder.name.removesuffix(".dist-info") for folder in beside):
        return " ".join(names)
    from importlib.metadata import version  # 20 ms of a start, for it imports what reads e-mail

    return version("openvino")


def _measure(core: Any, folder: Path) -> dict[str, float]:
    """Seconds for a batch on one core at each precision, the least of some rounds taken in turn."""
    import numpy as np

    properties = load_openvino().properties
    ids = np.random.default_rng(0).integers(200, 2_000, (_TEXTS, _TOKENS))
    inputs = [ids, np.ones_like(ids), np.ones((_TEXTS, 1, _TOKENS), np.float32)]
    capable = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    requests = {}
    for name in PRECISIONS:
        if name.endswith("bf16") and "BF16" not in capable:
            continue
        settings = {**options(name), properties.num_streams: 1, properties.inference_num_threads: 1}
        requests[name] = core.compile_model(graph_file(folder, name), "CPU", settings).create_infer_request()
        requests[name].infer(inputs)
    seconds = dict.fromkeys(requests, float("inf"))
    for _ in range(_ROUNDS):
        for name, request in requests.items():
            started = time.perf_counter()
            request.infer(inputs)
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    return seconds


def quantize_weights(model: Any) -> None:
    """Replace the constant matrices that tokens are multiplied with by bytes and their scales. model: openvino.Model, changed."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul" or node.input_value(1).get_node().get_type_name() != "Constant":
            continue
        if not node.get_attributes()["transpose_b"]:
            continue
        node.input(1).replace_source_output(quantized(node.input_value(1).get_node().get_data()).output(0))


def quantized(weights: Any) -> Any:
    """The float32 (outputs, inputs) weights as a node of the graph that makes them from int8: the engine multiplies the bytes."""
    import numpy as np

    ops = load_operations()
    n_outputs, n_inputs = weights.shape
    group = GROUP if n_inputs % GROUP == 0 else n_inputs
    grouped = weights.astype(np.float32).reshape(n_outputs, n_inputs // group, group)
    scales = np.abs(grouped).max(axis=2, keepdims=True) / _LARGEST
    scales[scales == 0] = 1.0
    values = ops.constant(np.rint(grouped / scales).astype(np.int8))
    restored = ops.multiply(ops.convert(values, np.float32), ops.constant(scales))
    return ops.reshape(restored, ops.constant(np.array([n_outputs, n_inputs])), False)
