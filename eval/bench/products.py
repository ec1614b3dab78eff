"""How fast this machine multiplies matrices of a model's shapes: the limit that no engine for the model can pass.

Timed: the model's own products with weights, in order, as one OpenVINO graph of nothing else, on as many streams as the embedder
has, with the batch that the embedder uses. Left out: attention products, normalisation, activation functions, copying of tokens.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from rag.model.embedding import BATCH_TOKENS
from rag.model.engine import load_openvino
from rag.model.precision import options
from rag.model.quantization import quantized

_LEAST_S = 1.5


class Products:
    """A compiled graph of a model's products. flop: operations of one token, a multiplication and an addition counted each."""

    def __init__(self, model_xml: Path, precision: str, threads: int) -> None:
        """precision: "f32", "bf16" or "int8" (then with the rounding of each input, without which there is no int8 product)."""
        openvino = load_openvino()
        core = openvino.Core()
        shapes = _weights(core.read_model(model_xml))
        self.flop = sum(2 * rows * columns for rows, columns in shapes)
        settings = {
            **options(precision),
            openvino.properties.num_streams: threads,
            openvino.properties.inference_num_threads: threads,
        }
        graph, width = _chain(openvino, shapes, precision)
        self._compiled = core.compile_model(graph, "CPU", settings)
        self._queue = openvino.AsyncInferQueue(self._compiled, threads)
        self._tokens = np.random.default_rng(0).standard_normal((BATCH_TOKENS, width)).astype(np.float32)
        for request in self._queue:
            request.set_input_tensor(openvino.Tensor(self._tokens))

    def measure(self) -> float:
        """Floating-point operations a second, all cores together."""
        self._run(len(self._queue))
        n = 0
        started = time.perf_counter()
        while (elapsed := time.perf_counter() - started) < _LEAST_S:
            self._run(4 * len(self._queue))
            n += 4 * len(self._queue)
        return n * BATCH_TOKENS * self.flop / elapsed

    def _run(self, times: int) -> None:
        for _ in range(times):
            self._queue.start_async()
        self._queue.wait_all()


def _weights(model: Any) -> list[tuple[int, int]]:
    """(rows, columns) of the matrices that a model multiplies tokens with, in order."""
    shapes = []
    for node in model.get_ordered_ops():
        if node.get_type_name() == "MatMul" and node.get_input_partial_shape(1).is_static:
            rows, columns = node.get_input_shape(1)[-2:]
            if node.get_attributes()["transpose_b"]:
                rows, columns = columns, rows
            shapes.append((int(rows), int(columns)))
    return shapes


def _chain(openvino: Any, shapes: list[tuple[int, int]], precision: str) -> tuple[Any, int]:
    """The products one after another, and the width of the input.

    A product that does not fit the one before it takes its columns repeated, or only some of them.
    """
    ops = openvino.opset13
    random = np.random.default_rng(0)
    width = shapes[0][0]
    tokens = ops.parameter([BATCH_TOKENS, width], np.float32)
    value, at = tokens, width
    for rows, columns in shapes:
        if rows != at:
            index = ops.constant(np.arange(rows, dtype=np.int64) % at)
            value = ops.gather(value, index, ops.constant(1, dtype=np.int64))
        weights = (random.standard_normal((columns, rows)) / np.sqrt(rows)).astype(np.float32)
        matrix = quantized(weights) if precision == "int8" else ops.constant(weights)
        value, at = ops.matmul(value, matrix, False, True), columns
    # One figure per token: writing the last product out as float32 would be timed too.
    total = ops.reduce_max(value, ops.constant(np.array([1], dtype=np.int64)))
    return openvino.Model([total], [tokens]), width
