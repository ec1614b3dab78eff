"""Turns a sentence-transformers model into an OpenVINO graph whose pooling is an input.

The only module that imports sentence_transformers, torch and transformers (seconds to import): it runs once per model, and in the
parity test. The graph takes, beside the tokens, a matrix of row weights per text, so that one forward pass yields the passage's
vector and each sentence's vector: every pooling that is linear in the token vectors (mean, first token, last token) is such a row.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from index.types import Floats
from rag.errors import ModelUnavailable
from rag.model.engine import load_converter, load_openvino
from rag.model.quantization import quantize_weights

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Longer windows cost attention quadratically and gain passages of a few sentences nothing.
MAX_WINDOW_TOKENS = 512
LINEAR_POOLINGS = ("mean", "cls", "lasttoken")
PROBE = "A probe sentence: the quick brown fox signed 17 agreements in Kyiv."


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' progress bars and advice off stderr while they load a model."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def load_reference(folder: Path) -> "SentenceTransformer":
    """The model as sentence-transformers runs it, on the CPU in float32: the reference that the graph must agree with."""
    with _quiet():
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ModelUnavailable(
                f"sentence-transformers cannot be imported ({error}): install footnote again"
            ) from error
        try:
            return SentenceTransformer(str(folder), device="cpu", local_files_only=True).eval()
        except Exception as error:  # whatever the loaders raise for a folder that is no model
            raise ModelUnavailable(f"{folder} is not a model that sentence-transformers loads: {error}") from error


def download(name: str) -> Path:
    """The local folder of a model of the hub: from its cache, or fetched when there is a network.

    Raises ModelUnavailable when it is in neither.
    """
    from huggingface_hub import snapshot_download

    with _quiet():
        for local_only in (True, False):
            try:
                return Path(snapshot_download(name, local_files_only=local_only))
            except Exception as error:  # the hub client's errors share no base with those of its transport
                reason = error
    raise ModelUnavailable(
        f"model {name!r} is neither a folder nor in the local cache, and the hub cannot be reached "
        f"({type(reason).__name__}): give the folder of a sentence-transformers model"
    )


def convert(folder: Path, destination: Path) -> dict[str, Any]:
    """Write ``model.xml``, ``model-int8.xml`` (each with its .bin) and ``tokenizer.json`` to destination.

    What the engine must know of the model comes back.

    Raises ModelUnavailable for a model whose pooling is not linear or whose tokenizer has no fast form.
    """
    reference = load_reference(folder)
    import torch

    transformer, pooling, *rest = list(reference)
    mode = getattr(pooling, "pooling_mode", None)
    if mode not in LINEAR_POOLINGS:
        raise ModelUnavailable(
            f"pooling {mode!r} is not supported: use a model with {', '.join(LINEAR_POOLINGS)} pooling"
        )
    after = [
        module for module in rest if type(module).__name__ != "Normalize"
    ]  # vectors are normalised after windows are joined

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model: Any = transformer.auto_model
            self.after = torch.nn.ModuleList(after)

        def forward(self, input_ids: Any, attention_mask: Any, pool: Any) -> Any:
            hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            pooled = torch.bmm(pool, hidden)  # (batch, vectors, tokens) x (batch, tokens, dim)
            for module in self.after:
                pooled = module({"sentence_embedding": pooled})["sentence_embedding"]
            return pooled

    tokenizer = reference.tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelUnavailable(
            f"the tokenizer of {folder} has no tokenizer.json form: export the model with a fast tokenizer"
        )
    example = {
        "input_ids": torch.tensor([[1, 2, 3, 4], [1, 2, 3, 4]], dtype=torch.int64),
        "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]], dtype=torch.int64),
        "pool": torch.full((2, 3, 4), 0.25),
    }
    with _quiet(), torch.no_grad():
        graph = load_converter().convert_model(Pooled().eval(), example_input=example)
    load_openvino().save_model(graph, destination / "model.xml", compress_to_fp16=False)
    quantize_weights(graph)
    load_openvino().save_model(graph, destination / "model-int8.xml", compress_to_fp16=False)
    backend.no_truncation()
    backend.no_padding()
    backend.save(str(destination / "tokenizer.json"))
    prompts = {name: text for name, text in reference.prompts.items() if text}
    default_prompt = prompts.get(reference.default_prompt_name or "", "")
    probe: Floats = np.asarray(reference.encode(PROBE, prompt="", show_progress_bar=False), dtype=np.float32)
    return {
        "dim": int(probe.shape[0]),
        "window_tokens": int(min(reference.max_seq_length or MAX_WINDOW_TOKENS, MAX_WINDOW_TOKENS)),
        "pooling": mode,
        "query_prompt": prompts.get("query", default_prompt),
        "passage_prompt": prompts.get("document", prompts.get("passage", default_prompt)),
        "pad_id": int(tokenizer.pad_token_id or 0),
        "probe": tuple((probe / np.linalg.norm(probe)).tolist()),
    }
