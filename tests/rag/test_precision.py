"""Which precision is chosen, with the real engine and the real default model."""

import json
import shutil
from pathlib import Path

import pytest

from rag.config import Config
from rag.engine import load_openvino
from rag.models import converted_model
from rag.precision import PRECISIONS, fastest_precision, kept_precision


@pytest.fixture(scope="module")
def core() -> object:
    return load_openvino().Core()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the converted model on which nothing was measured yet."""
    source = converted_model(None, None, Config.from_environment())[1]
    return Path(shutil.copytree(source, tmp_path / "model", ignore=shutil.ignore_patterns("precision-*")))


def test_the_choice_follows_from_the_times_kept_beside_it(core: object, folder: Path) -> None:
    chosen = fastest_precision(core, folder)
    [kept] = folder.glob("precision-*.json")
    content = json.loads(kept.read_text())
    seconds = content["seconds"]
    assert content["precision"] == chosen == kept_precision(folder)
    assert {"f32", "int8"} <= seconds.keys()
    if chosen == "f32":
        assert min(seconds.values()) * 1.15 >= seconds["f32"]
    else:
        assert seconds[chosen] == min(seconds.values()) and seconds[chosen] * 1.15 < seconds["f32"]


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
def test_a_measured_choice_is_kept(core: object, folder: Path, precision: str) -> None:
    fastest_precision(core, folder)
    [kept] = folder.glob("precision-*.json")
    kept.write_text(json.dumps({"precision": precision}))
    assert fastest_precision(core, folder) == precision


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"precision": "int4"}'])
def test_a_damaged_choice_is_measured_again(core: object, folder: Path, damage: str) -> None:
    fastest_precision(core, folder)
    [kept] = folder.glob("precision-*.json")
    kept.write_text(damage)
    assert fastest_precision(core, folder) in PRECISIONS
    assert json.loads(kept.read_text())["seconds"]
