"""Which precision is chosen, with the real engine and the real default model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rag.model.cache import converted_model
from rag.model.devices.precision import PRECISIONS, fastest_precision, kept_precision
from rag.model.engine import load_openvino
from rag.shared.config import Config

pytestmark = pytest.mark.medium


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """The converted model in a folder of its own, the file that keeps what was measured for it there, and the choice."""
    source = converted_model(None, None, Config.from_environment())[1]
    folder = tmp_path_factory.mktemp("model")
    for file in source.glob("model*"):
        (folder / file.name).symlink_to(file)
    chosen = fastest_precision(load_openvino().Core(), folder)
    [kept] = folder.glob("precision-*.json")
    return folder, kept, chosen


@pytest.mark.slow
def test_the_choice_follows_from_the_times_kept_beside_it(measured: tuple[Path, Path, str]) -> None:
    folder, kept, chosen = measured
    content = json.loads(kept.read_text())
    seconds = content["seconds"]
    assert content["precision"] == chosen == kept_precision(folder)
    assert {"f32", "int8"} <= seconds.keys()
    if chosen == "f32":
        assert min(seconds.values()) * 1.15 >= seconds["f32"]
    else:
        assert seconds[chosen] == min(seconds.values()) and seconds[chosen] * 1.15 < seconds["f32"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_measured_choice_is_kept(measured: tuple[Path, Path, str], tmp_path: Path, precision: str) -> None:
    (tmp_path / measured[1].name).write_text(json.dumps({"precision": precision}))
    assert fastest_precision(load_openvino().Core(), tmp_path) == precision  # there is no model to measure


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"precision": "int4"}'])
def test_a_damaged_choice_is_none(measured: tuple[Path, Path, str], tmp_path: Path, damage: str) -> None:
    (tmp_path / measured[1].name).write_text(damage)
    assert kept_precision(tmp_path) is None


def test_what_was_measured_elsewhere_does_not_count(measured: tuple[Path, Path, str], tmp_path: Path) -> None:
    (tmp_path / "precision-0123456789abcdef.json").write_text('{"precision": "bf16"}')
    assert kept_precision(tmp_path) is None


def test_a_process_that_ends_early_ends_when_it_is_measured(measured: tuple[Path, Path, str], tmp_path: Path) -> None:
    """Threads that take documents in are ended with the process; the engine must not be, in the middle of its work."""
    for file in measured[0].glob("model*"):
        (tmp_path / file.name).symlink_to(file)
    program = f"""
from pathlib import Path
from threading import Thread
from rag.model.devices.openvino_engine import ProcessorEngine
loading = Thread(target=ProcessorEngine, args=(Path({str(tmp_path)!r}), "auto", 1), daemon=True)
loading.start()
loading.join()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert kept_precision(tmp_path) is not None
