"""What the documentation shows is what happens."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_the_readme_fits_two_screens() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.model
@pytest.mark.slow
def test_the_steps_of_the_tutorial_work(tmp_path: Path) -> None:
    (tmp_path / "seeds").symlink_to(ROOT / "seeds")
    environment = {
        **os.environ,
        "RAG_STORE": str(tmp_path / "store"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    commands = COMMAND.findall((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))
    printed = {}
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        printed[command] = done.stdout
    assert "JD Vance" in printed['rag ask "Who met the Ukrainian leader in Munich?" -k 1']
    assert "3 May" in printed['rag ask "When will the bridge be closed?" -k 1']
    checks = subprocess.run(
        shlex.split("rag verify answer.json --json"), cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert {check["status"] for check in json.loads(checks.stdout)} == {"valid"}


@pytest.mark.model
@pytest.mark.slow
def test_the_example_in_python_runs(tmp_path: Path) -> None:
    (tmp_path / "seeds").symlink_to(ROOT / "seeds")
    code = re.findall(r"```python\n(.+?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "sure" in done.stdout, done.stderr
