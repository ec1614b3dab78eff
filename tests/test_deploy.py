"""Workflows, compose file, chart and unit: of the form that their programs read, pinned, and with no more rights than they need."""

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


def test_the_build_of_the_image_is_sent_what_it_copies() -> None:
    steps = [line.split() for line in (ROOT / "deploy" / "Dockerfile").read_text().splitlines()]
    copied = {source for step in steps if step[:1] == ["COPY"] and "--from" not in step[1] for source in step[1:-1]}
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert copied <= {line[1:] for line in ignored if line.startswith("!")}


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ({}, {"Cluster", "Deployment", "PodDisruptionBudget", "Service"}),
        (
            {
                "database": {"create": False},
                "ingress": {"enabled": True, "className": "any", "tlsSecret": "tls"},
                "worker": {"env": [{"name": "RAG_QUEUE", "value": "32"}]},
            },
            {"Deployment", "Ingress", "PodDisruptionBudget", "Service"},
        ),
    ],
)
def test_the_chart_makes_what_kubernetes_reads(values: dict[str, Any], kinds: set[str]) -> None:
    helm = pytest.importorskip("helm_python", reason="no Helm: pip install -e '.[test-postgres]'")
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    assert not [told for told in helm.lint(ROOT / "deploy" / "helm", values)["messages"] if told["severity"] > 1]
    with helm.Chart.load(ROOT / "deploy" / "helm") as chart:
        rendered = chart.render(values, name="notes").values()
    made = [one for text in rendered for one in yaml.safe_load_all(text) if one]
    assert {one["kind"] for one in made} == kinds
    for one in made:
        if one["kind"] != "Cluster":  # CloudNativePG's, whose form is in no package
            kubernetes_validate.validate(one, "1.37", strict=True)


def test_the_chart_refuses_a_secret_in_an_address_and_asks_milvus_from_services_alone() -> None:
    helm = pytest.importorskip("helm_python", reason="no Helm: pip install -e '.[test-postgres]'")
    with helm.Chart.load(ROOT / "deploy" / "helm") as chart:
        with pytest.raises(helm.HelmValuesError, match="milvus"):
            chart.validate_schema({"milvus": "http://user:secret@milvus:19530"})
        made = "".join(chart.render({"milvus": "http://milvus:19530"}, name="notes").values())
    stores = {
        one["spec"]["template"]["spec"]["containers"][0]["name"]: [
            variable["value"]
            for variable in one["spec"]["template"]["spec"]["containers"][0]["env"]
            if variable["name"] == "RAG_STORE"
        ]
        for one in yaml.safe_load_all(made)
        if one and one["kind"] == "Deployment"
    }
    address = "postgresql://footnote@notes-db-rw,notes-db-ro/footnote?target_session_attrs=prefer-standby"
    assert stores == {"service": [f"{address}&milvus=http://milvus:19530"], "worker": [address]}


def test_the_unit_leaves_parsers_the_calls_by_which_they_confine_themselves() -> None:
    unit = (ROOT / "deploy" / "footnote.service").read_text()
    allowed = {
        call for calls in re.findall(r"^SystemCallFilter=(?!~)(.*)", unit, re.MULTILINE) for call in calls.split()
    }
    assert {"seccomp", *(f"landlock_{does}" for does in ("create_ruleset", "add_rule", "restrict_self"))} <= allowed


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
