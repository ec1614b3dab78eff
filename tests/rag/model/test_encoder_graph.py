"""Graphs that are built from files compute what sentence-transformers computes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.model.cache import converted_model, find_model
from rag.model.embedding import Embedder
from rag.model.encoder_graph import read_encoder
from rag.model.reference import load_reference
from rag.shared.config import Config

pytestmark = pytest.mark.medium

TEXTS = ["Kyiv did not sign.", "A much longer text, with numbers (17, 2,000) and names: " + "the agreement " * 60, "Ж"]
MODES = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "lasttoken": "pooling_mode_lasttoken"}


def small_model(folder: Path, family: str, pooling: str, **changes: Any) -> Path:
    """A random encoder of a family, with the tokenizer of the default model, as a sentence-transformers folder."""
    import torch
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(1)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    settings = {**sizes, "vocab_size": 30522, "max_position_embeddings": 140, "pad_token_id": 0, **changes}
    config = AutoConfig.for_model(family, **settings)
    AutoModel.from_config(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    source = find_model(None)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 128}))
    kind = "sentence_transformers.models."
    modules = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling")]
    (folder / "modules.json").write_text(
        json.dumps([{"idx": i, "name": n, "path": p, "type": kind + t} for i, (n, p, t) in enumerate(modules)])
    )
    (folder / "1_Pooling").mkdir()
    flags = {flag: mode == pooling for mode, flag in MODES.items()}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, **flags}))
    return folder


def assert_agrees(folder: Path, cache: Path) -> None:
    info, converted = converted_model(str(folder), None, Config(cache=cache, precision="f32", threads=1))
    own = Embedder(info, converted, precision="f32", threads=1).embed_texts(TEXTS[:1] + TEXTS[2:])
    reference = load_reference(folder).encode(TEXTS[:1] + TEXTS[2:], normalize_embeddings=True)
    assert np.abs(own - reference).max() < 1e-4


@pytest.mark.model
@pytest.mark.slow
def test_the_default_model_agrees_with_the_reference(tmp_path: Path) -> None:
    assert_agrees(find_model(None), tmp_path)


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta"])
@pytest.mark.parametrize("pooling", MODES)
def test_a_family_and_pooling_agrees_with_the_reference(family: str, pooling: str, tmp_path: Path) -> None:
    folder = small_model(tmp_path / "m", family, pooling)
    assert read_encoder(folder) is not None
    assert_agrees(folder, tmp_path / "cache")


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "gelu_new"])
def test_an_activation_agrees_with_the_reference(activation: str, tmp_path: Path) -> None:
    assert_agrees(small_model(tmp_path / "m", "bert", "mean", hidden_act=activation), tmp_path / "cache")


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"model_type": "mpnet"}),
        ("config.json", {"hidden_act": "swiglu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"torch_dtype": "bfloat16"}),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
    ],
)
def test_what_cannot_be_built_is_left_to_the_reference(file: str, change: dict[str, Any], tmp_path: Path) -> None:
    source = find_model(None)
    for path in source.rglob("*.json"):
        target = tmp_path / path.relative_to(source)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    (tmp_path / "model.safetensors").touch()
    assert read_encoder(tmp_path) is not None
    content = json.loads((tmp_path / file).read_text())
    (tmp_path / file).write_text(json.dumps({**content, **change}))
    assert read_encoder(tmp_path) is None


CONVERT = """
import sys
for name in ("torch", "transformers", "sentence_transformers", "sklearn", "scipy"):
    sys.modules[name] = None
from pathlib import Path
from rag.shared.config import Config
from rag.model.cache import converted_model
print(converted_model(None, None, Config(cache=Path(sys.argv[1]), precision="f32", threads=1))[0].dim)
"""


@pytest.mark.model
@pytest.mark.slow
def test_the_default_model_needs_none_of_the_extra_packages(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CONVERT, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.strip() == "384", done.stderr
