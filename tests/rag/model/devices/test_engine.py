"""Every engine that runs here computes what the reference does; a device that is not here is told with those that are."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.types import Span
from rag.model.cache import ModelInfo, find_model
from rag.model.devices import engine
from rag.model.devices.engine import devices_here, open_engine
from rag.model.embedding import Embedder, PassageInput
from rag.model.reference import load_reference
from rag.shared.errors import BadInput, ModelUnavailable

pytestmark = pytest.mark.medium

Rag = Callable[..., Any]
TEXTS = [
    "why did Zelensky refuse to sign?",
    "x",
    "Überraschung in Zürich: 3,5 Prozent 🙂",
    "Rare earth elements. " * 40,
]
# OpenVINO's own name for a device that is made of others: what graphics and an NPU are run through.
INFO = ModelInfo("m", "f", 1, 1, "mean", "", "", 0, ())
ENGINES = ("auto", "cpu", "HETERO:CPU", "torch-cpu")


@pytest.mark.model
@pytest.mark.parametrize("device", ENGINES)
def test_each_engine_agrees_with_sentence_transformers_within_1e_4(model: tuple[ModelInfo, Path], device: str) -> None:
    embedder = Embedder(*model, precision="f32", threads=1, device=device)
    expected = load_reference(find_model(None)).encode(TEXTS, show_progress_bar=False)
    assert np.abs(embedder.embed_texts(TEXTS) - expected).max() < 1e-4


@pytest.mark.model
@pytest.mark.parametrize("device", ENGINES[2:])
def test_passages_sentences_and_words_are_the_same_on_each_engine(model: tuple[ModelInfo, Path], device: str) -> None:
    text = "Zelensky did not sign. The guarantees were missing from it."
    passages = [PassageInput("Title", text, (Span(0, 22), Span(23, len(text))), (Span(0, 8), Span(27, 37)))] * 3
    [expected, *_] = Embedder(*model, precision="f32", threads=1).embed_passages(passages)
    for found in Embedder(*model, precision="f32", threads=1, device=device).embed_passages(passages):
        assert np.abs(found.vector - expected.vector).max() < 1e-4
        assert np.abs(found.sentence_vectors - expected.sentence_vectors).max() < 1e-4
        assert np.unpackbits(found.word_signs ^ expected.word_signs).mean() < 0.01


@pytest.mark.parametrize(
    "device", ["gpu", "npu", "cuda", "cuda:3", "mps", "GPU.1", "HETERO:GPU,CPU", "tpu", "CPU, GPU", ""]
)
def test_a_device_that_is_not_here_is_told_with_those_that_are(tmp_path: Path, device: str) -> None:
    if device in devices_here():
        pytest.skip("it is here")
    with pytest.raises(BadInput, match=rf"RAG_DEVICE={device}: there is no such device here; there are: .*cpu"):
        open_engine(INFO, tmp_path, device=device, precision="auto", threads=1)


def test_without_torch_its_devices_are_not_offered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    assert "torch-cpu" not in devices_here()
    with pytest.raises(BadInput, match=r"need torch: pip install 'footnote-rag\[models\]'"):
        open_engine(INFO, tmp_path, device="cuda", precision="auto", threads=1)


@pytest.mark.model
@pytest.mark.parametrize(("device", "precision"), [("torch-cpu", "int8"), ("HETERO:CPU", "bf16")])
def test_a_precision_that_a_device_has_not_is_told(model: tuple[ModelInfo, Path], device: str, precision: str) -> None:
    with pytest.raises(BadInput, match=f"RAG_PRECISION={precision} cannot be had"):
        Embedder(*model, precision=precision, threads=1, device=device)


@pytest.mark.model
def test_weights_that_are_not_those_that_were_converted_are_refused(model: tuple[ModelInfo, Path]) -> None:
    info, folder = model
    with pytest.raises(ModelUnavailable, match="another model than the one that was converted"):
        Embedder(replace(info, fingerprint="0" * 64), folder, precision="f32", threads=1, device="torch-cpu")


def test_the_command_names_the_devices_in_a_line(rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_DEVICE", "tpu")
    (tmp_path / "one.txt").write_text("One sentence.")
    result = rag("add", "one.txt")
    assert result.code == 2 and "there are: cpu" in result.err and len(result.err.splitlines()) == 1
    found = {check["name"]: check for check in rag("doctor", "--json").json["checks"]}
    assert not found["model"]["ok"] and "RAG_DEVICE=tpu" in found["model"]["detail"]
