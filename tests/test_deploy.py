"""Workflows, compose file and unit: of the form that their programs read, pinned, and with no more rights than they need."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

pytestmark = pytest.mark.medium

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def jobs() -> list[Any]:
    """Each job of each workflow, named."""
    loaded = [(path, yaml.safe_load(path.read_text())) for path in WORKFLOWS]
    return [
        pytest.param(content, job, id=f"{path.stem}-{name}")
        for path, content in loaded
        for name, job in content["jobs"].items()
    ]


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.compose-spec", [ROOT / "deploy" / "compose.yaml"]),
    ],
)
def test_they_are_of_the_form_that_is_published(schema: str, paths: list[Path]) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0 and paths, checked.stdout + checked.stderr


@pytest.mark.parametrize(("workflow", "job"), jobs())
def test_actions_have_exact_versions_and_commands_are_there(workflow: Any, job: Any) -> None:
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"(?:actions|docker)/[a-z-]+@v\d+\.\d+\.\d+", step["uses"])
        for targets in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", step.get("run", "")):
            assert set(targets.split()) <= TARGETS


@pytest.mark.parametrize(("workflow", "job"), jobs())
def test_a_job_has_the_rights_that_it_needs_and_keeps_no_key(workflow: Any, job: Any) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    allowed = (
        {"contents", "packages", "id-token", "attestations"} if "tags" in (workflow[True].get("push") or {}) else set()
    )
    assert set(job.get("permissions", {})) <= allowed
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
        # What others may write, as the name of a branch, must not become part of a command.
        assert "${{" not in step.get("run", "")


def test_the_image_runs_as_another_user_and_its_versions_are_those_of_the_lock() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    assert "USER 10001:10001" in lines and "RUN pip install --require-hashes -r requirements.lock" in lines
    assert sum(line.startswith("FROM ") for line in lines) == 2


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_the_unit_is_one_and_closes_what_it_does_not_need() -> None:
    unit = str(ROOT / "deploy" / "footnote.service")
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    told = [
        line for line in verified.stderr.splitlines() if "footnote.service" in line and "is not executable" not in line
    ]
    assert told == []
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True
    )
    assert rated.returncode == 0, rated.stdout[-500:]
