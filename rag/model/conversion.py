"""Turns a model's folder into what the engine runs: a graph whose pooling is an input, its eight-bit form, and the tokenizer.

The graph takes, beside the tokens, a matrix of row weights per text, so that one forward pass yields the passage's vector and each
sentence's vector: every pooling that is linear in the token vectors (mean, first token, last token) is such a row. Encoders of the
BERT family are built from their files (``encoder``); every other architecture is traced through sentence-transformers
(``reference``).
"""

from pathlib import Path
from typing import Any

import numpy as np

from index.types import Floats
from rag.model.cache import PROBE
from rag.model.devices.precision import quantize_weights
from rag.model.encoder_graph import EncoderFiles, LoadedModel, build_encoder, read_encoder
from rag.model.engine import load_openvino
from rag.shared.errors import ModelUnavailable

# Longer windows cost attention quadratically and gain passages of a few sentences nothing.
MAX_WINDOW_TOKENS = 512


def convert(folder: Path, destination: Path) -> dict[str, Any]:
    """Write ``model.xml``, ``model-int8.xml`` (each with its .bin) and ``tokenizer.json`` to destination.

    What the engine must know of the model comes back.

    Raises ModelUnavailable for a model whose pooling is not linear or whose tokenizer has no fast form, or that needs the extra
    ``models`` where it is not installed.
    """
    files = read_encoder(folder)
    if files is not None:
        loaded = _built(files)
    else:
        from rag.model.reference import trace

        loaded = trace(folder, PROBE)
    load_openvino().save_model(loaded.graph, destination / "model.xml", compress_to_fp16=False)
    quantize_weights(loaded.graph)
    load_openvino().save_model(loaded.graph, destination / "model-int8.xml", compress_to_fp16=False)
    loaded.tokenizer.save(str(destination / "tokenizer.json"))
    return {
        "dim": int(loaded.probe.shape[0]),
        "window_tokens": int(min(loaded.longest or MAX_WINDOW_TOKENS, MAX_WINDOW_TOKENS)),
        "pooling": loaded.pooling,
        "query_prompt": loaded.prompts.get("query", loaded.default_prompt),
        "passage_prompt": loaded.prompts.get("document", loaded.prompts.get("passage", loaded.default_prompt)),
        "pad_id": loaded.pad_id,
        "probe": tuple(loaded.probe.tolist()),
    }


def download(name: str) -> Path:
    """The local folder of a model of the hub: from its cache, or fetched when there is a network.

    Raises ModelUnavailable when it is in neither.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    for local_only in (True, False):
        try:
            return Path(snapshot_download(name, local_files_only=local_only))
        except Exception as error:  # the hub client's errors share no base with those of its transport
            reason = error
    raise ModelUnavailable(
        f"model {name!r} is neither a folder nor in the local cache, and the hub cannot be reached "
        f"({type(reason).__name__}): give the folder of a sentence-transformers model"
    )


def _built(files: EncoderFiles) -> LoadedModel:
    from tokenizers import Tokenizer

    graph = build_encoder(files)
    tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return LoadedModel(
        graph=graph,
        tokenizer=tokenizer,
        pooling=files.pooling,
        longest=files.longest,
        prompts=files.prompts,
        default_prompt=files.default_prompt,
        pad_id=int(files.config.get("pad_token_id") or 0),
        probe=_probe(graph, tokenizer, files.pooling),
    )


def _probe(graph: Any, tokenizer: Any, pooling: str) -> Floats:
    """The unit vector of the probe text by this graph in float32: what every later form of it is held to. float32 (dim,)."""
    ids = np.array([tokenizer.encode(PROBE).ids], dtype=np.int64)
    weights = np.zeros((1, 1, ids.shape[1]), dtype=np.float32)
    if pooling == "mean":
        weights[:] = 1.0
    else:
        weights[0, 0, 0 if pooling == "cls" else -1] = 1.0
    compiled = load_openvino().Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    vector: Floats = compiled([ids, np.ones_like(ids), weights])[0][0, 0]
    unit: Floats = vector / np.linalg.norm(vector)
    return unit
