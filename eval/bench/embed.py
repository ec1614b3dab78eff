"""How fast are passages embedded?

Timed: text to passage, sentence and word vectors, tokenizing included; beside it, in the same run, the matrix-product limit of
the machine and ``SentenceTransformer.encode`` of the same texts (one vector a passage, float32, its own batches).
Left out: loading of models, parsing, cutting, writing. Each is measured several times, in turn with its limit, and the best is
taken: what else runs on the machine can only slow it.

The limit, which no engine for the model can pass, is how fast this machine multiplies matrices of the model's shapes: its products
with weights, in order, as one OpenVINO graph of nothing else, on as many streams as the embedder has, with the batch that the
embedder uses. Left out there: attention products, normalisation, activation functions, copying of tokens.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench import corpus
from eval.bench.results import Row
from rag.model.cache import converted_model, find_model
from rag.model.devices.openvino_engine import BATCH_TOKENS
from rag.model.devices.precision import is_rounded, options, quantized
from rag.model.embedding import Embedder, PassageInput
from rag.model.engine import load_openvino, load_operations
from rag.model.reference import load_reference
from rag.shared.config import Config

_ROUNDS = 3
_WARM_UP = 32  # passages
# sentence-transformers takes about three times as long.
_REFERENCE_SHARE = 4
_LEAST_S = 1.5


def rows(gold: Path | None, n_passages: int, precisions: Sequence[str], config: Config) -> Iterator[Row]:
    """One row per precision, one for sentence-transformers. n_passages: embedded in each round."""
    source = corpus.read(gold)
    passages = corpus.passages_of(source, config.passage_characters, config.overlap_sentences, n_passages)
    few = passages[::_REFERENCE_SHARE]
    reference = load_reference(find_model(config.model))
    texts = [f"{passage.context} {passage.text}" for passage in few]

    def encode() -> None:
        reference.encode(texts, show_progress_bar=False)

    encode()
    seconds = min(_seconds(encode) for _ in range(_ROUNDS))
    encoded_per_s = len(few) / seconds
    for precision in precisions:
        info, folder = converted_model(config.model, None, replace(config, precision=precision))
        embedder = Embedder(info, folder, precision=precision, threads=config.threads)
        products = Products(folder / "model.xml", embedder.precision, config.threads)
        n_tokens = embedder.count_tokens(passages)
        embedder.embed_passages(passages[:_WARM_UP])
        embed = partial(embedder.embed_passages, passages)
        speeds, limits = [], []
        for _ in range(_ROUNDS):
            limits.append(products.measure())
            speeds.append(len(passages) / _seconds(embed))
        yield Row(
            "embed",
            f"footnote {embedder.precision}",
            {
                **_about(source, passages, n_tokens),
                "passages_per_s": round(max(speeds), 1),
                "tokens_per_s": round(max(speeds) * n_tokens / len(passages)),
                "limit_gflop_per_s": round(max(limits) / 1e9, 1),
                "share_of_limit": round(max(speeds) * n_tokens / len(passages) * products.flop / max(limits), 3),
                "times_sentence_transformers": round(max(speeds) / encoded_per_s, 2),
            },
        )
    yield Row(
        "embed",
        "sentence-transformers f32",
        {**_about(source, few, None), "passages_per_s": round(encoded_per_s, 1), "times_sentence_transformers": 1.0},
    )


def _about(
    source: corpus.Corpus, passages: Sequence[PassageInput], n_tokens: int | None
) -> dict[str, str | int | None]:
    return {"corpus": source.name, "passages": len(passages), "tokens": n_tokens}


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Products:
    """A compiled graph of a model's products. flop: operations of one token, a multiplication and an addition counted each."""

    def __init__(self, model_xml: Path, precision: str, threads: int) -> None:
        """precision: of ``PRECISIONS`` (int8 with the rounding of each input, without which there is no int8 product)."""
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
    ops = load_operations()
    random = np.random.default_rng(0)
    width = shapes[0][0]
    tokens = ops.parameter([BATCH_TOKENS, width], np.float32)
    value, at = tokens, width
    for rows, columns in shapes:
        if rows != at:
            index = ops.constant(np.arange(rows, dtype=np.int64) % at)
            value = ops.gather(value, index, ops.constant(1, dtype=np.int64))
        weights = (random.standard_normal((columns, rows)) / np.sqrt(rows)).astype(np.float32)
        matrix = quantized(weights) if is_rounded(precision) else ops.constant(weights)
        value, at = ops.matmul(value, matrix, False, True), columns
    # One figure per token: writing the last product out as float32 would be timed too.
    total = ops.reduce_max(value, ops.constant(np.array([1], dtype=np.int64)))
    return openvino.Model([total], [tokens]), width
