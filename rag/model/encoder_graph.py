"""An encoder of the BERT family as an OpenVINO graph, built from its safetensors and config: needs no torch.

BERT (Devlin et al. 2019; MiniLM, bge, e5, gte, ... are of it) and RoBERTa (Liu et al. 2019; XLM-R), which numbers positions
differently. Anything else is left to sentence-transformers, which is also the reference that these graphs are held to.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.types import Floats
from rag.model.engine import load_openvino, load_operations

_ACTIVATIONS = {"gelu": "ERF", "gelu_new": "TANH", "gelu_pytorch_tanh": "TANH"}
_FAMILIES = ("bert", "roberta", "xlm-roberta")
# Of these modules after the encoder: vectors are pooled by the graph's input and normalised after windows are joined.
_MODULES = ("Transformer", "Pooling", "Normalize")
_POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
}


class EncoderFiles(NamedTuple):
    """What a sentence-transformers folder says of an encoder that can be built here.

    pooling: "mean", "cls" or "lasttoken".  longest: tokens of the longest text that it takes.
    """

    folder: Path
    config: dict[str, Any]
    pooling: str
    longest: int
    prompts: dict[str, str]
    default_prompt: str


class LoadedModel(NamedTuple):
    """A model ready to be written for the engine, built here or traced through sentence-transformers.

    graph: openvino.Model; tokenizer: tokenizers.Tokenizer, without truncation and padding.  longest: tokens, None where the model
    does not say.  probe: the unit vector of a text, float32 (dim,), to which every later form of the model is held.
    """

    graph: Any
    tokenizer: Any
    pooling: str
    longest: int | None
    prompts: dict[str, str]
    default_prompt: str
    pad_id: int
    probe: Floats


def read_encoder(folder: Path) -> EncoderFiles | None:
    """What the folder's files say, or None for a model that is not built here: another architecture, pooling or file form."""
    config = _json(folder / "config.json")
    modules = [str(module["type"]).rpartition(".")[2] for module in _json(folder / "modules.json", [])]
    pooling = _pooling(_json(folder / "1_Pooling" / "config.json"))
    is_known = (
        config.get("model_type") in _FAMILIES
        and config.get("hidden_act") in (*_ACTIVATIONS, "relu")
        and config.get("position_embedding_type", "absolute") == "absolute"
        and config.get("dtype", config.get("torch_dtype")) in (None, "float32", "float16")
        and modules[:2] == ["Transformer", "Pooling"]
        and set(modules) <= set(_MODULES)
    )
    files = (folder / "model.safetensors", folder / "tokenizer.json")
    if not is_known or pooling is None or not all(file.is_file() for file in files):
        return None
    settings = _json(folder / "config_sentence_transformers.json")
    prompts = {name: text for name, text in (settings.get("prompts") or {}).items() if text}
    positions = config["max_position_embeddings"] - (
        0 if config["model_type"] == "bert" else config["pad_token_id"] + 1
    )
    return EncoderFiles(
        folder=folder,
        config=config,
        pooling=pooling,
        longest=int(_json(folder / "sentence_bert_config.json").get("max_seq_length") or positions),
        prompts=prompts,
        default_prompt=prompts.get(settings.get("default_prompt_name") or "", ""),
    )


def build_encoder(files: EncoderFiles) -> Any:
    """The graph, openvino.Model: inputs input_ids and attention_mask int64 (batch, tokens), pool float32 (batch, vectors, tokens);
    output float32 (batch, vectors, dim), the pooled token vectors, not normalised.

    Raises KeyError where a weight is missing.
    """
    from safetensors.numpy import load_file

    weights = load_file(str(files.folder / "model.safetensors"))
    return _Builder(files.config, weights).model()


class _Builder:
    """Names of methods are those of the parts in the papers. weights: by the names that transformers gives them."""

    def __init__(self, config: dict[str, Any], weights: dict[str, NDArray[Any]]) -> None:
        self._openvino, self._ops, self._config = load_openvino(), load_operations(), config
        prefix = next((p for p in ("", "bert.", "roberta.") if f"{p}embeddings.word_embeddings.weight" in weights), "")
        self._weights = {name.removeprefix(prefix): weight.astype(np.float32) for name, weight in weights.items()}
        self._heads: int = config["num_attention_heads"]
        self._dim: int = config["hidden_size"]

    def model(self) -> Any:
        ops, kinds = self._ops, self._openvino.Type
        ids = ops.parameter([-1, -1], kinds.i64, name="input_ids")
        mask = ops.parameter([-1, -1], kinds.i64, name="attention_mask")
        pool = ops.parameter([-1, -1, -1], kinds.f32, name="pool")
        for parameter in (ids, mask, pool):
            parameter.output(0).set_names({parameter.get_friendly_name()})
        hidden = self._embeddings(ids, mask)  # (batch, tokens, dim)
        attended = ops.unsqueeze(ops.convert(mask, kinds.boolean), self._integers(1, 2))  # (batch, 1, 1, tokens)
        for number in range(self._config["num_hidden_layers"]):
            hidden = self._layer(hidden, attended, f"encoder.layer.{number}")
        pooled = ops.matmul(pool, hidden, False, False)  # (batch, vectors, tokens) x (batch, tokens, dim)
        return self._openvino.Model([ops.result(pooled)], [ids, mask, pool], "encoder")

    def _embeddings(self, ids: Any, mask: Any) -> Any:
        ops = self._ops
        n_tokens = ops.gather(ops.shape_of(ids), ops.constant(1), ops.constant(0))
        places = ops.range(ops.constant(0), n_tokens, ops.constant(1), "i64")
        places = ops.unsqueeze(places, self._integers(0))  # (1, tokens)
        if (
            self._config["model_type"] != "bert"
        ):  # tokens are numbered from the padding's id on, which padding itself keeps
            pad = self._integers(self._config["pad_token_id"])
            places = ops.add(ops.multiply(ops.add(places, self._integers(1)), mask), pad)
        words, positions = (
            self._table(f"embeddings.{name}_embeddings", at) for name, at in (("word", ids), ("position", places))
        )
        kind = ops.constant(self._weights["embeddings.token_type_embeddings.weight"][:1])  # every text is one segment
        return self._norm(ops.add(ops.add(words, positions), kind), "embeddings.LayerNorm")

    def _layer(self, hidden: Any, attended: Any, name: str) -> Any:
        attention = self._dense(
            self._attention(hidden, attended, f"{name}.attention.self"), f"{name}.attention.output.dense"
        )
        hidden = self._norm(self._ops.add(attention, hidden), f"{name}.attention.output.LayerNorm")
        inner = self._activation(self._dense(hidden, f"{name}.intermediate.dense"))
        return self._norm(self._ops.add(self._dense(inner, f"{name}.output.dense"), hidden), f"{name}.output.LayerNorm")

    def _attention(self, hidden: Any, attended: Any, name: str) -> Any:
        ops = self._ops
        query, key, value = (
            self._in_heads(self._dense(hidden, f"{name}.{part}")) for part in ("query", "key", "value")
        )
        mixed = ops.scaled_dot_product_attention(query, key, value, attended)  # (batch, heads, tokens, dim / heads)
        return ops.reshape(ops.transpose(mixed, self._integers(0, 2, 1, 3)), self._integers(0, 0, self._dim), True)

    def _in_heads(self, hidden: Any) -> Any:
        shape = self._integers(0, 0, self._heads, self._dim // self._heads)
        return self._ops.transpose(self._ops.reshape(hidden, shape, True), self._integers(0, 2, 1, 3))

    def _activation(self, values: Any) -> Any:
        kind = self._config["hidden_act"]
        return self._ops.relu(values) if kind == "relu" else self._ops.gelu(values, _ACTIVATIONS[kind])

    def _dense(self, values: Any, name: str) -> Any:
        product = self._ops.matmul(values, self._ops.constant(self._weights[f"{name}.weight"]), False, True)
        return self._ops.add(product, self._ops.constant(self._weights[f"{name}.bias"]))

    def _norm(self, values: Any, name: str) -> Any:
        last = self._integers(-1)
        normed = self._ops.mvn(values, last, True, float(self._config["layer_norm_eps"]), "INSIDE_SQRT")
        scaled = self._ops.multiply(normed, self._ops.constant(self._weights[f"{name}.weight"]))
        return self._ops.add(scaled, self._ops.constant(self._weights[f"{name}.bias"]))

    def _table(self, name: str, rows: Any) -> Any:
        return self._ops.gather(self._ops.constant(self._weights[f"{name}.weight"]), rows, self._ops.constant(0))

    def _integers(self, *values: int) -> Any:
        return self._ops.constant(np.array(values, dtype=np.int64))


def _pooling(config: dict[str, Any]) -> str | None:
    """The one pooling that a 1_Pooling/config.json names, in its older form of flags or its newer one; None for others."""
    if "pooling_mode" in config:
        mode = config["pooling_mode"]
        return mode if mode in _POOLING_FLAGS.values() else None
    modes = [name for name, is_on in config.items() if name.startswith("pooling_mode_") and is_on]
    return _POOLING_FLAGS.get(modes[0]) if len(modes) == 1 else None


def _json(path: Path, default: Any = None) -> Any:
    """What a file of the model holds; without the file the default, else nothing."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {} if default is None else default
