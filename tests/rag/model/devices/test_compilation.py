"""The compiled model that is kept for the next start, with the real engine and the real default model."""

import errno
import hashlib
import logging
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from rag.model.cache import ModelInfo, converted_model
from rag.model.devices.compilation import is_whole, kept_file
from rag.model.embedding import Embedder
from rag.shared.config import Config
from rag.shared.errors import ModelDamaged
from tests.reliability.mounts import read_only

pytestmark = pytest.mark.medium

TEXTS = ["why did Zelensky refuse to sign?", "x", "Rare earth elements are a set of 17 elements. " * 9]


@pytest.fixture
def folder(model: tuple[ModelInfo, Path], tmp_path: Path) -> Path:
    """The converted model, of which nothing compiled is kept, in a folder of its own."""
    copy = tmp_path / "models" / model[1].name
    shutil.copytree(model[1], copy, ignore=shutil.ignore_patterns("compiled-*"))
    return copy


def embed(model: tuple[ModelInfo, Path], folder: Path, precision: str = "f32", threads: int = 1) -> np.ndarray:
    return Embedder(model[0], folder, precision=precision, threads=threads).embed_texts(TEXTS)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_what_is_kept_computes_the_same_vectors(model: tuple[ModelInfo, Path], folder: Path, precision: str) -> None:
    compiled = embed(model, folder, precision)
    assert is_whole(kept_file(folder, precision))
    for graph in folder.glob("model*.xml"):
        graph.unlink()  # so that nothing can be compiled again
    assert np.array_equal(embed(model, folder, precision), compiled)
    assert np.array_equal(embed(model, folder, precision, threads=2), compiled)


@pytest.mark.slow
def test_a_damaged_one_is_removed_and_made_again(
    model: tuple[ModelInfo, Path], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = embed(model, folder)
    kept = kept_file(folder, "f32")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    config = Config(cache=folder.parents[1], precision="f32", threads=1)
    with caplog.at_level(logging.WARNING):
        assert converted_model(None, model[0].fingerprint, config)[1] == folder
    assert f"{kept} is damaged and is made again" in caplog.text
    assert not kept.exists()
    assert np.array_equal(embed(model, folder), expected)
    assert is_whole(kept)


def test_a_damaged_one_that_cannot_be_removed_is_not_used(
    model: tuple[ModelInfo, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_file(folder, "f32")
    kept.write_bytes(b"damaged" * 9)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ModelDamaged, match="is damaged and cannot be removed"):
        converted_model(None, model[0].fingerprint, Config(cache=folder.parents[1], precision="f32", threads=1))


@pytest.mark.slow
@pytest.mark.parametrize("length", [0, 31, 32, 1000])
def test_a_part_of_one_is_not_whole(model: tuple[ModelInfo, Path], folder: Path, length: int) -> None:
    embed(model, folder)
    kept = kept_file(folder, "f32")
    os.truncate(kept, length)
    assert not is_whole(kept)
    assert not is_whole(kept)  # also when it is not there


@pytest.mark.slow
def test_the_graph_counts_again_when_nothing_compiled_is_kept(model: tuple[ModelInfo, Path], folder: Path) -> None:
    embed(model, folder)
    weights = folder / "model.bin"
    whole = weights.read_bytes()
    weights.write_bytes(b"damaged")
    config = Config(cache=folder.parents[1], precision="f32", threads=1)
    converted_model(None, model[0].fingerprint, config)
    assert weights.read_bytes() == b"damaged"  # it was not needed
    kept_file(folder, "f32").unlink()
    converted_model(None, model[0].fingerprint, config)
    assert weights.read_bytes() == whole


def test_one_that_the_engine_does_not_take_is_told_and_removed(model: tuple[ModelInfo, Path], folder: Path) -> None:
    kept = kept_file(folder, "f32")
    content = b"from another engine"
    kept.write_bytes(content + hashlib.sha256(content).digest())
    with pytest.raises(ModelDamaged, match="try again"):
        embed(model, folder)
    assert embed(model, folder).shape == (len(TEXTS), model[0].dim)


@pytest.mark.slow
def test_where_none_can_be_kept_the_model_is_compiled_each_time(model: tuple[ModelInfo, Path], folder: Path) -> None:
    before = {file.name for file in folder.iterdir()}
    kept = kept_file(folder, "f32")
    (kept / "in the way").mkdir(parents=True)
    assert np.array_equal(embed(model, folder), embed(model, folder))
    assert {file.name for file in folder.iterdir()} == before | {kept.name}


def test_in_a_read_only_file_system_the_model_is_compiled_each_time(
    model: tuple[ModelInfo, Path], folder: Path
) -> None:
    before = {file.name for file in folder.iterdir()}
    with read_only(folder):
        assert np.array_equal(embed(model, folder), embed(model, folder))
    assert {file.name for file in folder.iterdir()} == before


def test_what_an_earlier_engine_left_goes_after_a_month(model: tuple[ModelInfo, Path], folder: Path) -> None:
    names = {31: "compiled-f32-0123456789abcdef.bin", 29: "compiled-int8-0123456789abcdef.bin"}
    for days, name in names.items():
        (folder / name).touch()
        os.utime(folder / name, times=(time.time() - days * 86_400,) * 2)
    embed(model, folder)
    assert {file.name for file in folder.glob("compiled-*")} == {names[29], kept_file(folder, "f32").name}
