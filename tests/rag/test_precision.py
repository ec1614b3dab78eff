"""Which precision is chosen, with the real engine and the real default model."""

import json
import shutil
from pathlib import Path

import pytest

from rag.config import Config
from rag.engine import load_openvino
from rag.models import converted_model
from rag.precision import fastest_precision


@pytest.fixture(scope="module")
def core() -> object:
    core = load_openvino().Core()
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bfloat16 to choose")
    return core


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the converted model on which nothing was measured yet."""
    source = converted_model(None, None, Config.from_environment())[1]
    return Path(shutil.copytree(source, tmp_path / "model", ignore=shutil.ignore_patterns("precision-*")))


def test_the_choice_follows_from_the_times_kept_beside_it(core: object, folder: Path) -> None:
    chosen = fastest_precision(core, folder)
    [kept] = folder.glob("precision-*.json")
    content = json.loads(kept.read_text())
    assert content["precision"] == chosen
    assert (chosen == "bf16") == (content["seconds"]["bf16"] * 1.15 < content["seconds"]["f32"])


@pytest.mark.parametrize("precision", ["f32", "bf16"])
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
    assert fastest_precision(core, folder) in ("f32", "bf16")
    assert json.loads(kept.read_text())["seconds"]
