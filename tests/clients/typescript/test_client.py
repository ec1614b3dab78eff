"""The TypeScript client: generated from the description of this very service, built, and run in node against it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import cast

import pytest

from api.app import create_app
from api.settings import Settings
from rag.service import Service
from tests.api.fake_service import FakeService
from tests.clients.conftest import serving

CLIENT = Path(__file__).parents[3] / "clients" / "typescript"

pytestmark = pytest.mark.slow


def test_it_builds_from_the_description_and_works_in_node(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no node here")
    folder = tmp_path / "client"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    installed = subprocess.run([npm, "ci", "--silent"], cwd=folder, capture_output=True, text=True, timeout=300)
    if installed.returncode:
        pytest.skip(f"its packages cannot be had: {installed.stderr[-300:]}")
    fake = FakeService()
    described = create_app(cast(Service, fake), Settings()).openapi()
    (folder / "openapi.json").write_text(json.dumps(described), encoding="utf-8")
    with serving(fake) as url:
        for command in ("generate", "build", "test"):
            done = subprocess.run(
                [npm, "run", command],
                cwd=folder,
                env={**os.environ, "FOOTNOTE_URL": url},
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped 0" in done.stdout and "pass 3" in done.stdout
