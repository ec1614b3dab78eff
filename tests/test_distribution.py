"""The wheel as it is installed elsewhere: whole, and unmoved by folders of the same names."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PIP = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check")
NAMES = ("rag", "index", "api", "eval")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run([*PIP, "wheel", "--no-deps", "-w", str(folder), str(ROOT)], capture_output=True, text=True)
    if "cannot be fetched" in built.stderr:
        pytest.skip("the default model cannot be fetched here")
    assert built.returncode == 0, built.stderr
    return next(folder.glob("footnote_rag-*.whl"))


@pytest.fixture
def elsewhere(wheel: Path, tmp_path: Path) -> Any:
    """Runs the installed commands in a folder that holds other packages of our names."""
    site = tmp_path / "site"
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, capture_output=True)
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('a decoy was imported')")

    def run(command: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(site / "bin" / command), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site), "RAG_STORE": str(tmp_path / "a store"), **environment},
            capture_output=True,
            text=True,
        )

    return run


def test_the_wheel_holds_the_packages_the_page_and_the_model(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "api/web/index.html",
        "rag/retrieval/ranking.json",
        "eval/reporting/report.html",
        "footnote_model/all-MiniLM-L6-v2/model.safetensors",
    } <= names
    assert {name.partition("/")[0] for name in names} == {
        *NAMES,
        "footnote_model",
        next(n for n in names if "dist-info" in n).split("/")[0],
    }


@pytest.mark.model
@pytest.mark.parametrize("command", ["rag", "footnote"])
def test_the_installed_commands_answer_beside_decoys(elsewhere: Any, command: str, tmp_path: Path) -> None:
    note = tmp_path / "Müller & Söhne.txt"
    note.write_text("The bridge will be closed on 3 May because of repairs.", encoding="utf-8")
    added = elsewhere(command, "add", str(note))
    assert added.returncode == 0, added.stderr
    asked = elsewhere(command, "ask", "When will the bridge be closed?")
    assert asked.returncode == 0 and "3 May" in asked.stdout and "decoy" not in asked.stderr


def test_a_package_that_has_taken_our_place_is_named(elsewhere: Any, tmp_path: Path) -> None:
    (tmp_path / "api" / "__init__.py").write_text("")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "api").rename(tmp_path / "foreign" / "api")
    done = elsewhere("rag", "version", PYTHONPATH=f"{tmp_path / 'foreign'}:{tmp_path / 'site'}")
    assert "the package 'api' is another program's" in done.stderr
