"""Models as sentence-transformers runs them: the loader of every architecture that ``encoder`` does not build, and the reference.

The only module, beside ``cross_encoders``, that imports sentence_transformers and transformers (seconds to import). They come with
the extra ``models``.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from index.types import Floats
from rag.model.encoder_graph import LoadedModel
from rag.model.engine import load_converter
from rag.shared.errors import ModelUnavailable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LINEAR_POOLINGS = ("mean", "cls", "lasttoken")


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
    try:
        with _quiet():
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(str(folder), device="cpu", local_files_only=True).eval()
    except ImportError as error:
        raise ModelUnavailable(
            f"{folder.name} is of a kind that needs sentence-transformers, which cannot be imported ({error}): "
            "pip install 'footnote-rag[models]'"
        ) from error
    except Exception as error:  # whatever the loaders raise for a folder that is no model
        raise ModelUnavailable(f"{folder} is not a model that sentence-transformers loads: {error}") from error


def pooled_module(folder: Path) -> Any:
    """The model of a folder as a torch module whose pooling is an input: of token ids, mask and pooling weights.

    Raises ModelUnavailable for a model whose pooling is not linear.
    """
    return _pooled(load_reference(folder))


def _pooled(reference: "SentenceTransformer") -> Any:
    import torch

    transformer, pooling, *rest = list(reference)
    mode = getattr(pooling, "pooling_mode", None)
    if mode not in LINEAR_POOLINGS:
        raise ModelUnavailable(
            f"pooling {mode!r} is not supported: use a model with {', '.join(LINEAR_POOLINGS)} pooling"
        )
    # Vectors are normalised after windows are joined.
    after = [module for module in rest if type(module).__name__ != "Normalize"]

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

    return Pooled().eval()


def trace(folder: Path, probe: str) -> LoadedModel:
    """The model of a folder as a graph whose pooling is an input, traced once through the loaded modules.

    Raises ModelUnavailable for a model whose pooling is not linear or whose tokenizer has no fast form.
    """
    reference = load_reference(folder)
    import torch

    module = _pooled(reference)
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
        graph = load_converter().convert_model(module, example_input=example)
    prompts = {name: text for name, text in reference.prompts.items() if text}
    vector: Floats = np.asarray(reference.encode(probe, prompt="", show_progress_bar=False), dtype=np.float32)
    backend.no_truncation()
    backend.no_padding()
    return LoadedModel(
        graph=graph,
        tokenizer=backend,
        pooling=str(reference[1].pooling_mode),
        longest=reference.max_seq_length,
        prompts=prompts,
        default_prompt=prompts.get(reference.default_prompt_name or "", ""),
        pad_id=int(tokenizer.pad_token_id or 0),
        probe=vector / np.linalg.norm(vector),
    )
