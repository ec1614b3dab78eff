"""The model run by OpenVINO: on the processor, or on another device that it knows."""

import logging
from collections import deque
from pathlib import Path
from threading import Thread
from typing import Any

from index.types import Floats, Ids
from rag.model.devices.compilation import load_compiled
from rag.model.devices.precision import fastest_precision, graph_file, kept_precision
from rag.model.engine import load_openvino
from rag.shared.errors import BadInput, ModelUnavailable

_log = logging.getLogger(__name__)

# Of a batch on the processor. A token takes as long in batches of 256 to 4,096; smaller ones hold texts that are more alike, with
# less padding, and take less memory.
BATCH_TOKENS = 1024
_BATCH_TOKENS_OF_OTHERS = 16_384


class _Requests:
    """A compiled model with its idle requests: there are as many as have run at once, however many threads come and go."""

    def __init__(self, model: Any, kept: object = None) -> None:
        """model: openvino.CompiledModel.  kept: what has to live as long."""
        self._model = model
        self._kept = kept
        self._idle: deque[Any] = deque()

    def infer(self, inputs: list[Any]) -> Floats:
        # Not openvino.AsyncInferQueue: its callbacks damaged the memory of a server that took small uploads (ended by signal within
        # minutes, also when queues were kept).
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._model.create_infer_request()
        try:
            request.infer(inputs, share_inputs=True)
            result: Floats = request.get_output_tensor(0).data.copy()
            return result
        finally:
            self._idle.append(request)


class ProcessorEngine:
    """The processor. Members as of ``Engine``."""

    batch_tokens = BATCH_TOKENS

    def __init__(self, folder: Path, precision: str, threads: int) -> None:
        """Where it is not known yet which precision is the fastest, it begins in float32 and goes over when that is measured."""
        core = load_openvino().Core()
        known = kept_precision(folder) if precision == "auto" else precision
        self.precision = known or "f32"
        self.at_once = 2 * threads  # twice as many as streams: each stream finds its next batch ready
        self._requests = _Requests(*load_compiled(core, folder, self.precision, threads))
        if known is None:
            Thread(
                target=self._use_fastest, args=(core, folder, threads), name="measure-precision", daemon=False
            ).start()

    def pooled(self, ids: Ids, mask: Ids, pool: Floats) -> Floats:
        return self._requests.infer([ids, mask, pool])

    def _use_fastest(self, core: Any, folder: Path, threads: int) -> None:
        """Measure which precision is the fastest here, and go over to it; where that fails, what runs goes on."""
        try:
            fastest = fastest_precision(core, folder)
            if fastest != self.precision:
                self._requests = _Requests(*load_compiled(core, folder, fastest, threads))
                self.precision = fastest
        except (OSError, RuntimeError) as error:  # the engine has errors of no kind of its own
            _log.warning("which precision is the fastest here was not measured (%s): %s is used", error, self.precision)


class DeviceEngine:
    """Another device of OpenVINO's, by its name there. Members as of ``Engine``."""

    batch_tokens = _BATCH_TOKENS_OF_OTHERS
    at_once = 2

    def __init__(self, folder: Path, name: str, precision: str) -> None:
        """precision: "auto" is the device's own choice, float16 on graphics.  Raises BadInput, ModelUnavailable."""
        openvino = load_openvino()
        if precision.endswith("bf16"):
            raise BadInput(f"RAG_PRECISION={precision} cannot be had with RAG_DEVICE={name}: use auto, f32 or int8")
        hints = {openvino.properties.hint.inference_precision: openvino.Type.f32} if precision == "f32" else {}
        core = openvino.Core()
        try:
            self._requests = _Requests(core.compile_model(core.read_model(graph_file(folder, precision)), name, hints))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1][:200]
            raise ModelUnavailable(
                f"RAG_DEVICE={name}: the model cannot be compiled for it ({reason}): use another device"
            ) from error
        self.precision = precision

    def pooled(self, ids: Ids, mask: Ids, pool: Floats) -> Floats:
        return self._requests.infer([ids, mask, pool])
